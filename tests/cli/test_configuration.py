"""Defaults of the options: what is read, what wins, and messages on mistakes."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
import rasterio

from lst_raster.cli import config as configuration
from tests.cli.test_retrieve_command import GIVEN
from tests.support.factories import STEM, make_scene, ramp

AIR = 'water-vapour = "20"\nair-temperature = 295\nsurface-pressure = 1000.0\n'


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home and an empty current folder."""
    for name in [name for name in os.environ if name.startswith("LST_RASTER_")]:
        monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


@pytest.fixture
def scene(home):
    return make_scene(home / "in", lst=ramp(280, 310))


def user(text, home):
    path = home / "config" / "lst-raster" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def folder(text):
    Path("lst-raster.toml").write_text(text)


def reported(command, *arguments):
    code, out, err = command(*arguments)
    assert (code, out) == (1, [])
    return err[0]


def tags(path):
    with rasterio.open(path) as product:
        return product.read(1).tolist(), product.tags()


def test_defaults_make_the_product_that_the_command_line_makes(home, scene, model_path, command):
    assert command("retrieve", scene, "-o", "given.tif", "--model", model_path, *GIVEN)[2] == []
    user(f'[retrieve]\nmodel = "{model_path}"\nemissivity = 0.97\n{AIR}', home)
    assert command("retrieve", scene, "-o", "default.tif") == (0, ["default.tif"], [])
    given, default = tags("given.tif"), tags("default.tif")
    assert given == default and given[1]["water_vapour"].startswith("20 kg m-2")
    items = [json.loads(Path(f"{name}.json").read_text())["properties"] for name in ("given", "default")]
    assert {**items[0], "processing:datetime": 0} == {**items[1], "processing:datetime": 0}


def test_the_folder_s_file_may_set_aerosol_and_uncertainties(home, scene, model_path, command):
    folder('[retrieve]\naerosol = "0.1±0.02"\nwater-vapour = "21mm±2mm"\n')
    assert command("retrieve", scene, "-o", "a.tif", "--model", model_path, "--emissivity", "0.97")[0] == 0
    found = tags("a.tif")[1]
    assert found["aerosol_optical_depth"] == "0.1 ± 0.02 (given)"
    assert found["water_vapour"] == "21 kg m-2 ± 2 kg m-2 (given)"


def test_the_command_line_wins_then_the_environment_then_the_folder_then_the_user(home, command, monkeypatch):
    def emissivity():
        found = json.loads("\n".join(command("config", "show", "--json")[1]))
        return [(one["value"], one["origin"]) for one in found["settings"]]

    user("[retrieve]\nemissivity = 0.91\n", home)
    assert emissivity() == [(0.91, str(home / "config" / "lst-raster" / "config.toml"))]
    folder("[retrieve]\nemissivity = 0.92\n")
    assert emissivity() == [(0.92, "lst-raster.toml")]
    monkeypatch.setenv("LST_RASTER_RETRIEVE_EMISSIVITY", "0.93")
    assert emissivity() == [("0.93", "the variable LST_RASTER_RETRIEVE_EMISSIVITY")]
    scene = make_scene(home / "in", lst=ramp(280, 310))
    for given, used in ((("--emissivity", "0.94"), "0.94"), ((), "0.93")):
        assert command("retrieve", scene, *GIVEN[2:], *given, "--overwrite")[0] == 0
        assert tags(f"{STEM}_LST.tif")[1]["emissivity"].startswith(used)


def test_the_variable_names_the_only_file_and_disables_all_files_if_it_is_empty(home, command, monkeypatch):
    user("[retrieve]\nquiet = true\n", home)
    folder("[retrieve]\nquiet = true\n")
    (home / "my.toml").write_text("[batch]\nworkers = 2\n")
    monkeypatch.setenv("LST_RASTER_CONFIG", str(home / "my.toml"))
    assert command("config", "show")[1] == [
        f"file: {home}/my.toml", f"batch: workers = 2 ({home}/my.toml)"
    ]  # fmt: skip
    monkeypatch.setenv("LST_RASTER_CONFIG", "")
    assert command("config", "show")[1][-1] == "no defaults are set"
    monkeypatch.setenv("LST_RASTER_CONFIG", "nothing.toml")
    assert "is nothing.toml, which is not a file; correct it" in reported(command, "retrieve", "x")


def test_lists_switches_dates_pairs_and_groups_are_understood(home, command):
    user(
        '[batch]\nemissivity = ["quality", "ndvi"]\nmask-clouds = false\nbbox = "-88,30,-87.0,31"\n'
        'output = "out"\ndate = 2015-01-17\nwater-vapor = "29mm"\n[build.profiles]\nheld-out = true\n',
        home,
    )
    from lst_raster.cli.main import cli
    from tests.support.commands import commands

    found = configuration.default_map(cli, "batch")["batch"]
    assert found["emissivity"] == ["quality", "ndvi"] and found["date"] == "2015-01-17"
    assert found["water_vapour"] == "29mm" and found["mask_clouds"] is False
    sub = commands()["batch"].make_context("batch", ["x"], default_map=found)
    assert sub.params["emissivity"] == ("quality", "ndvi") and sub.params["bbox"] == "-88,30,-87.0,31"
    assert sub.params["mask_clouds"] is False and sub.params["output"] == "out"
    assert configuration.default_map(cli, "build") == {"build": {"profiles": {"held_out": True}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[retrieve]\n\nemisivity = 0.9\n",
            "lst-raster.toml: retrieve has no option emisivity; did you mean emissivity?",
        ),
        ("[retrieve]\nwater_vapour = 9\n", "has no option water_vapour; did you mean water-vapour?"),
        ("[retreive]\nquiet = true\n", "lst-raster.toml: there is no command retreive; did you mean retrieve?"),
        (
            "quiet = true\n",
            "lst-raster.toml: quiet is not in a table of a command; put it below [retrieve], for example",
        ),
        ("[retrieve]\nthreads = 0\n", "lst-raster.toml: threads = 0: 0 is not in the range x>=1; correct it there"),
        ("[retrieve]\nthreads = 'many'\n", "lst-raster.toml: threads = 'many': 'many' is not a valid integer"),
        ("[retrieve]\ndtype = 'int8'\n", "lst-raster.toml: dtype = 'int8': 'int8' is not one of 'float32', 'uint16'"),
        ("[retrieve]\nquiet = 'yes'\n", "lst-raster.toml: quiet = 'yes': expected true or false; correct it there"),
        ("[retrieve]\ndem = true\n", "dem = True: expected one value"),
        ("[retrieve]\nkeep-clouds = true\n", "lst-raster.toml: instead of keep-clouds write mask-clouds = false"),
        ("[retrieve]\njson = true\n", "lst-raster.toml: json cannot be set there; give it on the command line"),
        ("[retrieve.more]\nquiet = true\n", "retrieve more is not a command with options"),
        (
            "[retrieve]\nquiet = \n",
            "lst-raster.toml is not valid TOML: Invalid value (at line 2, column 9); correct it there",
        ),
    ],
)
def test_a_mistake_is_reported_with_file_option_and_fix(text, words, command):
    folder(text)
    assert words in reported(command, "retrieve", "scene.tif")
    code, out, _ = command("doctor")
    assert code == 1 and any(line.startswith("wrong") and words.partition("; ")[0] in line for line in out)


def test_a_mistake_under_another_command_does_not_stop_this_one(command, home):
    folder("[train]\nnonsense = 1\n")
    assert "nothing.tif does not exist" in reported(command, "info", "nothing.tif")
    assert "train has no option nonsense" in reported(command, "config", "show")


def test_help_config_and_doctor_work_where_the_file_is_broken(command):
    folder("[retrieve\n")
    assert command("retrieve", "--help")[0] == command("--help")[0] == command("config", "path")[0] == 0


def test_the_help_shows_the_defaults_that_are_set(command, home):
    user("[retrieve]\noutput = 'products'\n", home)
    assert "[default: products]" in " ".join(" ".join(command("retrieve", "--help")[1]).split())


REFUSED = [
    ("batch", "sign", "'posixpath:basename'"),
    ("batch", "scheduler", "'tcp://10.0.0.1:8786'"),
    ("batch", "search", "'https://example.com/stac'"),
    ("batch", "alternate", "'s3'"),
    ("batch", "report", "'report.csv'"),
    ("retrieve", "output", "'../elsewhere'"),
    ("retrieve", "overwrite", "true"),
    ("retrieve", "model", "'https://example.com/m.onnx'"),
    ("retrieve", "dem", "'s3://bucket/dem.tif'"),
    ("retrieve", "dem", "'https:/example.com/dem.tif'"),
    ("retrieve", "dem", "'/vsicurl/https:/example.com/dem.tif'"),
    ("retrieve", "dem", "'//server/share/dem.tif'"),
    ("retrieve", "emissivity", "['ndvi', 'landcover:https://example.com/a.tif']"),
    ("retrieve", "emissivity", "['landcover://server/share/a.tif']"),
    ("compare", "mask", "'https://example.com/QA_PIXEL.TIF'"),
    ("composite", "overwrite", "true"),
    ("composite", "skip-unreadable", "true"),
    ("preview", "output", "'x.png'"),
    ("fetch-reanalysis", "server", "'https://example.com'"),
    ("sensor.new", "folder", "'x'"),
    ("qgis.install", "program", "'evil'"),
]


@pytest.mark.parametrize(("name", "key", "value"), REFUSED)
def test_a_file_in_the_current_folder_sets_no_outputs_code_or_servers(command, home, monkeypatch, name, key, value):
    text = f"[{name}]\n{key} = {value}\n"
    folder(text)
    said = reported(command, "config", "show")
    variable = f"LST_RASTER_{name}_{key}".replace(".", "_").replace("-", "_").upper()
    assert re.search(rf"lst-raster\.toml: (an address in )?{key} is not accepted from a file in the current", said)
    assert f"move it to {configuration.user_file()}, set {variable}, or give it on the command line" in said
    monkeypatch.setenv("LST_RASTER_CONFIG", "lst-raster.toml")  # named by the user
    assert command("config", "show")[0] == 0
    monkeypatch.delenv("LST_RASTER_CONFIG")
    Path("lst-raster.toml").unlink()
    user(text, home)
    assert command("config", "show")[0] == 0
    if not value.startswith("["):
        monkeypatch.setenv(variable, value.strip("'"))
        assert command("config", "show")[0] == 0


def test_a_file_in_the_current_folder_sets_inputs_and_the_form_of_products(command):
    folder(
        "[retrieve]\nemissivity = ['landcover:/maps/a.tif:own.csv', 'ndvi', 0.97]\ndem = 'C:/maps/dem.tif'\n"
        "reanalysis = ['era5.nc']\nmodel = 'landsat8-b10/surface'\nthreads = 2\ncompress = 'zstd'\nmask-dilation = 90\n"
        "[composite]\nmonths = '6-8'\ncrs = 'EPSG:32616'\n[compare]\nmask = 'QA_PIXEL.TIF'\n"
    )
    assert command("config", "show")[0] == 0


def test_a_variable_that_is_wrong_is_named(command, monkeypatch):
    monkeypatch.setenv("LST_RASTER_RETRIEVE_THREADS", "many")
    assert "the variable LST_RASTER_RETRIEVE_THREADS: threads = 'many'" in reported(command, "retrieve", "x")
    monkeypatch.delenv("LST_RASTER_RETRIEVE_THREADS")
    monkeypatch.setenv("LST_RASTER_RETRIEVE_TREADS", "2")
    assert "has no option treads; did you mean threads?" in reported(command, "retrieve", "x")


def test_an_error_is_followed_by_a_note_on_defaults(command, home, scene):
    folder("[retrieve]\nemissivity = 'nothing.tif'\n")
    code, _, err = command("retrieve", scene)
    assert code == 1 and "nothing.tif" in err[-2]
    assert err[-1] == "Note: user-defined defaults apply to this command; lst-raster config show lists them"


def test_info_and_doctor_list_the_file_of_defaults(command):
    folder("[info]\n")
    assert "configuration: lst-raster.toml" in command("info", "landsat8-b10/surface")[1]
    assert "ok     file of defaults: lst-raster.toml; 0 set" in command("doctor")[1]


@pytest.mark.parametrize(
    ("platform", "end"),
    [
        ("linux", "config/lst-raster/config.toml"),
        ("darwin", "Library/Application Support/lst-raster/config.toml"),
        ("win32", "Roaming/lst-raster/config.toml"),
    ],
)
def test_each_system_has_its_place(platform, end, monkeypatch, home):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("click.utils.WIN", platform == "win32")
    monkeypatch.setenv("APPDATA", str(home / "Roaming"))
    assert configuration.user_file().as_posix().endswith(end)
