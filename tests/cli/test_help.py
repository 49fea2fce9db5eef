"""`--help`: sections, order, width, and examples that work."""

import re
import shlex
import shutil

import click
import pytest

from lst_raster.cli.main import COMMANDS, cli
from tests.support.areas import write_districts, write_stations
from tests.support.commands import commands
from tests.support.composites import season
from tests.support.custom_sensors import write_response
from tests.support.factories import make_scene, ramp
from tests.support.matchup_tables import HEADER, row, write_soundings, write_table

PARSED = {
    "LC08_L1TP_PRODUCT": "a product and a reanalysis that are not here",
    "LC08_L2SP_PRODUCT": "a Level-2 product that is not here",
    "--scheduler": "a cluster",
    "--search": "the network",
    "LC09_L2SP_195025_": "the network",
    "SCENE_ST_B10.TIF": "a product of the USGS",
    "simulate ": "half an hour of work",
    "train ": "half an hour of work",
    "evaluate ": "a simulated set",
    "build ": "the published sources",
    "profiles from-era5": "files of a reanalysis",
    "--stations fluxnet": "tables of FLUXNET and products of their overpasses",
    "sensor remove": "a sensor band that was defined before",
    "qgis ": "a QGIS",
}
"""Examples that are only parsed, not run: a part of each, and what running it would need."""


def examples(lines):
    """Commands among the lines, continued ones made whole."""
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.startswith("lst-raster")]


EXAMPLES = [(name, line) for name, command in commands().items() for line in examples(command.examples)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    make_scene(folder / "scenes", lst=ramp(280, 310))
    shutil.rmtree(folder / "scenes" / "air")
    (folder / "archive").mkdir()
    season(folder / "archive", number=8)
    write_districts(folder / "districts.gpkg")
    write_stations(folder / "stations.csv")
    write_response(folder / "response.csv")
    write_table(folder / "matchups.csv", *(row(insitu_lst_K=str(290 + step)) for step in range(3)), header=HEADER)
    write_soundings(folder / "soundings.nc", 3)
    return folder


def test_every_command_has_examples_of_its_own():
    for name, command in commands().items():
        found = examples(getattr(command, "examples", []))
        assert found, f"{name}: give it cls=Command and examples"
        assert all(line.startswith(f"lst-raster {name} ") or line == f"lst-raster {name}" for line in found), name


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_each_example_has_options_and_values_that_the_command_takes(name, line):
    words = shlex.split(line)[1 + len(name.split()) :]
    assert commands()[name].make_context(name, words).params


@pytest.mark.slow
def test_the_examples_run_one_after_the_other_as_they_stand(folder, user_folder, monkeypatch, command):
    monkeypatch.chdir(folder)
    ready = [line for _, line in EXAMPLES if not any(part in line for part in PARSED)]
    first = ("lst-raster example", "lst-raster retrieve")  # what others take
    ready.sort(key=lambda line: next((place for place, word in enumerate(first) if line.startswith(word)), len(first)))
    for line in ready:
        code, out, err = command(*shlex.split(line)[1:])
        assert (code, bool(out)) == (0, True), (line, err)
    assert len(ready) > 15


def test_no_reason_for_not_running_is_left_without_an_example():
    assert all(any(part in line for _, line in EXAMPLES) for part in PARSED)


@pytest.mark.parametrize("name", ["", *commands(), "build", "qgis", "config"])
def test_the_help_fits_into_80_columns(name, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = command(*name.split(), "--help")
    assert code == 0 and max(map(len, out)) <= 80
    assert next(line for line in out if line.strip() and not line.startswith(" ")).startswith("Usage: lst-raster")


def test_many_options_stand_in_sections_and_none_is_lost(command):
    for name in ("retrieve", "batch", "composite", "zones", "series", "validate"):
        text = "\n".join(command(name, "--help")[1])
        titles = re.findall(r"^(\S[^:\n]*):$", text, re.MULTILINE)
        assert len(titles) >= 4 and titles[-2:] == ["Options", "Examples"], name
        for param in commands()[name].params:
            if isinstance(param, click.Option):
                word = next(word for word in param.opts if word.startswith("--"))
                assert len(re.findall(rf"^  (?:-\w, )?{word}(?![\w-])", text, re.MULTILINE)) == 1, (name, word)


def test_all_commands_have_one_line_each_in_the_order_of_use(command):
    out = command("--help")[1]
    shown = [line for line in out if re.match(r"  [a-z][a-z-]+ {2,}\S", line)]
    assert [line.split()[0] for line in shown] == list(COMMANDS)
    assert all(line.endswith(text) for line, (_, text) in zip(shown, COMMANDS.values(), strict=True))
    assert (next(iter(COMMANDS)), list(COMMANDS)[-1]) == ("retrieve", "build")
    assert isinstance(cli, click.Group) and all(cli.get_command(click.Context(cli), name) for name in COMMANDS)
