"""The forms of the QGIS plugin, compared with the command line; needs no QGIS."""

import ast
import configparser
import json
import tomllib
from pathlib import Path

import click
import pytest

import lst_raster
from lst_raster.cli.main import COMMANDS, LazyGroup
from lst_raster.cli.qgis import PLUGIN as FOLDER
from lst_raster.qgis import forms
from lst_raster.qgis.forms import Form, Option, address
from lst_raster.resources import plugin_path

PLUGIN = plugin_path()
PROJECT = tomllib.loads((PLUGIN.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = {
    "retrieve": forms.RETRIEVE, "batch": forms.BATCH, "compare": forms.COMPARE, "composite": forms.COMPOSITE,
    "zones": forms.ZONES, "series": forms.SERIES,
}  # fmt: skip
THERE = [name for name in FORMS if name in COMMANDS]
ELSEWHERE = {"--output", "--overwrite", "--quiet", "--json", "--help"}
"""Options that the algorithms set themselves, or that are for people at a terminal."""


def options_of(command):
    """Options of a command by their long names."""
    found = {}
    for option in LazyGroup().get_command(None, command).params:
        if isinstance(option, click.Option):
            for name in (*option.opts, *option.secondary_opts):
                if name.startswith("--"):
                    found[name] = option
    return found


@pytest.mark.parametrize("command", ["retrieve", "compare"])
def test_everything_the_command_can_do_the_form_can(command):
    asked = {option.flag for option in FORMS[command].options} | ELSEWHERE
    missing = {
        option.opts[0] for option in options_of(command).values() if not asked & {*option.opts, *option.secondary_opts}
    }
    assert missing == set()


@pytest.mark.parametrize("command", THERE)
def test_every_question_is_an_option_of_the_command_with_its_values_and_default(command):
    there = options_of(command)
    for question in FORMS[command].options:
        if not question.flag:
            continue
        option = there[question.flag]
        if question.kind == "choice":
            known = getattr(option.type, "choices", option.help)  # a list without such a type is in the help
            assert all(choice in known for choice in question.choices), question.name
            assert known is option.help or len(known) == len(question.choices)
        if question.kind in ("choice", "number", "integer") and question.default is not None:
            assert question.default == option.default or f"[default: {question.default}]" in option.help, question.name
        assert (question.kind == "switch") == bool(option.is_flag), question.name
        if question.kind == "switch":
            assert question.default is False
            assert (option.default is True) == (question.flag in option.secondary_opts)  # it asks for the other


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_question_says_what_it_is(form):
    names = [option.name for option in form.options]
    assert len(names) == len(set(names))
    assert {name for group in (form.one_of, *form.not_together) for name in group} <= set(names)
    for option in form.options:
        assert option.name.isupper()
        assert option.label and not option.label.endswith(".")
        assert not option.help or option.help.endswith(".")
        assert option.kind != "number" or "[" in option.label or option.name == "PERCENTILE"


def test_arguments_are_what_was_given_and_no_more():
    values = {
        "LAYER": "/in/LC08_B10.tif", "SCENE": "", "EMISSIVITY": "ndvi; 0.98", "EMISSIVITY_RASTER": "/in/e m.tif",
        "WATER_VAPOUR": "20±2", "AIR_TEMPERATURE": 295.15, "AEROSOL": "0.1", "REANALYSIS": ["a.nc", "b.nc"],
        "SURFACE_PRESSURE": None, "BBOX": (10.0, 47.5, 11.0, 48.25), "DOWNLOAD_REANALYSIS": None,
        "KEEP_CLOUDS": False, "MASK_DILATION": 0.0, "ALIGN": True, "DTYPE": "uint16", "COMPRESS": "deflate",
        "THREADS": 2, "OPTIONS": "--band '6 VCID'", "LST_ONLY": False,
    }  # fmt: skip
    assert forms.RETRIEVE.problem(values) == ""
    assert forms.RETRIEVE.arguments(values, "--output", "/out/x.tif") == [
        "--bbox", "10,47.5,11,48.25", "--emissivity", "ndvi", "--emissivity", "0.98", "--emissivity", "/in/e m.tif",
        "--water-vapour", "20±2", "--air-temperature", "295.15", "--reanalysis", "a.nc", "--reanalysis", "b.nc",
        "--aerosol", "0.1", "--align", "--dtype", "uint16",
        "--threads", "2", "--band", "6 VCID", "--output", "/out/x.tif", "--", "/in/LC08_B10.tif",
    ]  # fmt: skip


def test_reanalysis_files_and_a_download_exclude_each_other():
    values = {"SCENES": ["a.tar"], "LAYER": "a.tif", "REANALYSIS": ["a.nc"], "DOWNLOAD_REANALYSIS": "auto"}
    assert "not several" in forms.RETRIEVE.problem(values)
    assert "not several" in forms.BATCH.problem(values)


def test_many_scenes_are_given_one_after_another():
    values = {"SCENES": ["a.tar", "list.csv"], "FOLDER": "/in", "WORKERS": 2, "OVERWRITE": True, "MASK_DILATION": 150.0}
    assert forms.BATCH.arguments(values, "--output", "/out") == [
        "--mask-dilation", "150", "--workers", "2", "--overwrite", "--output", "/out", "--", "a.tar", "list.csv", "/in",
    ]  # fmt: skip


def test_a_composite_is_requested_by_its_statistic():
    values = {"PRODUCTS": ["a_LST.tif", "b_LST.tif"], "STATISTIC": "percentile", "PERCENTILE": 90.0, "GRID": "union"}
    assert forms.COMPOSITE.arguments(values, "--output", "o.tif") == [
        "--statistic", "percentile", "--percentile", "90", "--output", "o.tif", "--", "a_LST.tif", "b_LST.tif",
    ]  # fmt: skip


def test_zones_come_after_the_products_and_percentiles_one_by_one():
    values = {
        "PRODUCTS": ["a_LST.tif", "b_LST.tif"],
        "ZONES": "z.gpkg|layername=z",
        "PERCENTILE": "10; 90",
        "ID": "code",
    }
    assert forms.ZONES.arguments(values, "--output", "t.gpkg") == [
        "--id", "code", "--percentile", "10", "--percentile", "90", "--output", "t.gpkg", "--", "a_LST.tif",
        "b_LST.tif", "z.gpkg|layername=z",
    ]  # fmt: skip


def test_a_series_is_of_points_or_of_zones():
    assert "no input" in forms.SERIES.problem({"PRODUCTS": ["a_LST.tif"]})
    assert "not several" in forms.SERIES.problem({"POINTS": "p.gpkg", "ZONES": "z.gpkg"})
    assert forms.SERIES.arguments({"PRODUCTS": ["a_LST.tif"], "TABLE": "p.csv"}) == [
        "--points",
        "p.csv",
        "--",
        "a_LST.tif",
    ]


def test_the_source_of_a_vector_layer_is_a_file_and_a_layer():
    assert forms.vector_file("/in/z.gpkg|layername=z|geometrytype=Polygon") == "/in/z.gpkg|layername=z"
    assert forms.vector_file("/in/z.shp|layerid=0") == forms.vector_file("/in/z.shp") == "/in/z.shp"
    assert forms.vector_file("/in/z.gpkg|layername=z|subset=a > 1") == ""


def test_exclusive_fields_are_named_by_their_labels():
    assert forms.RETRIEVE.problem({"LAYER": None, "SCENE": ""}).startswith("no input: give 'Thermal band' / ")
    both = {"LAYER": "a.tif", "DEM": "d.tif", "ELEVATION": 300.0}
    assert forms.RETRIEVE.problem(both) == "give one of 'Elevation: raster [m]' / 'Elevation: number [m]', not several"
    assert forms.RETRIEVE.problem({"LAYER": "a.tif", "ELEVATION": 0.0}) == ""
    assert "not several" in forms.RETRIEVE.problem({"LAYER": "a.tif", "AEROSOL": "0", "AEROSOL_RASTER": "h.tif"})
    assert "not several" in forms.RETRIEVE.problem({"LAYER": "a.tif", "ELEVATION": 0.0, "DEM": "d.tif"})


def test_an_elevation_of_nought_is_a_number_and_no_empty_field():
    form = Form(options=(Option("X", "number", "--dem", "x"),))
    assert form.arguments({"X": 0.0}) == ["--dem", "0", "--"]
    assert form.arguments({"X": None}) == ["--"]


def test_the_page_lists_every_algorithm_and_every_object():
    page = (PLUGIN.parents[1] / "docs" / "qgis.md").read_text()
    for command in FORMS:
        assert f"`lst_raster:{command}`" in page
    objects = [json.loads(line.split("`")[1]) for line in page.splitlines() if line.startswith('| `{"type"')]
    assert [entry["type"] for entry in objects] == ["progress", "message", "error", "end"]


def test_layers_on_servers_are_given_by_their_addresses():
    assert address("/vsicurl/https://example.com/a_B10.TIF") == "https://example.com/a_B10.TIF"
    assert address("/vsis3/bucket/a_B10.TIF") == "s3://bucket/a_B10.TIF"
    assert address("/data/a_B10.TIF") == "/data/a_B10.TIF"


@pytest.fixture
def general():
    """Metadata of the plugin, read as plugins.qgis.org reads them."""
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read_string((PLUGIN / "metadata.txt").read_text(encoding="utf-8"))
    assert parser.sections() == ["general"]
    return dict(parser["general"])


def test_the_metadata_are_those_of_this_release_and_ask_for_no_newer_qgis(general):
    assert general["version"] == lst_raster.__version__
    assert general["changelog"].startswith(f"{lst_raster.__version__}: ")
    assert general["license"] == PROJECT["license"]
    assert (general["qgisMinimumVersion"], general["qgisMaximumVersion"]) == ("3.22", "4.99")  # 4.x: QGIS 4 loads it
    assert general["supportsQt6"] == "True"  # for builds of QGIS 3 with Qt 6
    assert general["hasProcessingProvider"] == "yes"


def test_the_metadata_follow_the_rules_of_the_plugin_repository(general):
    required = ("name", "description", "about", "version", "qgisMinimumVersion", "author", "email")
    assert all(general.get(name) for name in required)
    assert not any(sign in general[name] for name in ("name", "description", "about", "changelog") for sign in "<>")
    assert "plugin" not in general["name"].lower() + FOLDER
    assert FOLDER.isidentifier()
    assert "pip install lst-raster" in general["about"]  # the program is not part of the plugin
    assert "/" not in general["author"]
    assert general["category"] in ("Raster", "Vector", "Database", "Mesh", "Web")
    assert {general[name] for name in ("experimental", "deprecated", "server", "supportsQt6")} <= {"True", "False"}
    assert Path(general["icon"]).suffix in (".svg", ".png") and (PLUGIN / general["icon"]).is_file()
    assert all(tag and tag == tag.strip().lower() for tag in general["tags"].split(","))


def test_the_addresses_in_the_metadata_are_those_of_the_project(general):
    """The repository of plugins requires all three; without a public address of the project there are none."""
    addresses = {name: general[name] for name in ("homepage", "repository", "tracker") if name in general}
    urls = PROJECT.get("urls", {})
    assert len(addresses) == (3 if urls else 0)
    assert set(addresses.values()) <= set(urls.values())


def test_the_plugin_is_a_small_folder_of_texts_with_the_licence():
    assert (PLUGIN / "LICENSE").read_bytes() == (PLUGIN.parents[1] / "LICENSE").read_bytes()
    paths = [path for path in PLUGIN.rglob("*") if "__pycache__" not in path.parts]
    assert {path.suffix for path in paths} == {".py", ".txt", ".svg", ""}
    assert all(path.name.isascii() and path.is_file() for path in paths)
    assert sum(path.stat().st_size for path in paths) < 200_000  # bytes; plugins.qgis.org takes 25 MB
    for path in paths:
        path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(PLUGIN.glob("*.py")), ids=lambda path: path.name)
def test_the_plugin_is_written_for_the_python_of_qgis_3_22(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    assert any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
    )  # annotations such as list[str] are never evaluated
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert not [name for name in modules if name.split(".")[0] in ("PyQt5", "PyQt6", "lst_raster")]
    newer = {"removeprefix", "removesuffix", "is_relative_to", "with_stem", "pairwise", "batched"}
    assert not newer & {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_wheel_will_hold_what_the_plugin_needs():
    assert {"metadata.txt", "icon.svg", "LICENSE", "__init__.py"} <= {path.name for path in Path(PLUGIN).iterdir()}
