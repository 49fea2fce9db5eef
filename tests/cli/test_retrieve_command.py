"""`lst-raster retrieve` as a user meets it: one command, one product, one line when something is wrong."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

import lst_raster
from lst_raster.cli.main import COMMANDS, LazyGroup
from tests.support.factories import MTL, STEM, make_scene, ramp, write_raster
from tests.support.two_band_scenes import make_two_band_scene

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "data" / "LC08_alabama_B10.tif"
GIVEN = ("--emissivity", "0.97", "--water-vapour", "20", "--air-temperature", "295", "--surface-pressure", "1000")
MAIN = [sys.executable, "-c", "from lst_raster.cli.main import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
VALUES = np.full((60, 70), 26000, "u2")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in a folder with a scene in `in` and an empty `out`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def scene(here):
    return make_scene(here / "in", lst=ramp(280, 310))


def test_a_product_is_made_and_its_path_is_all_that_is_printed(here, scene, model_path, command):
    code, out, err = command("retrieve", scene, "-o", "out", "--model", model_path, "--precision", "full", *GIVEN)
    assert (code, out, err) == (0, [f"out/{STEM}_LST.tif"], [])
    with rasterio.open(out[0]) as dataset:
        assert np.abs(dataset.read(1) - ramp(280, 310)).max() < 0.005


def test_the_output_may_be_a_file_and_defaults_to_the_current_folder(here, scene, model_path, command):
    assert command("retrieve", scene, "--model", model_path, *GIVEN)[1] == [f"{STEM}_LST.tif"]
    assert command("retrieve", scene, "-o", "out/my.TIF", "--model", model_path, *GIVEN)[1] == ["out/my.TIF"]


def test_assumed_inputs_are_warnings_with_their_values(here, model_path, command):
    path = make_scene(here / "in", lst=ramp(280, 310), mtl=False)
    code, _, err = command("retrieve", path, "--model", model_path)
    assert code == 0
    assert [line.partition(":")[0] for line in err] == ["Warning"] * 3
    assert "gain 0.0003342, offset 0.1 (default)" in err[0]
    assert "0.97 everywhere" in err[1]
    assert "water vapour 46.6 kg m-2" in err[2]


def test_the_command_and_the_library_make_the_same_file(here, scene, model_path, command):
    options = {"emissivity": "0.95", "water_vapour": "2cm", "air_temperature": "22C", "surface_pressure": "1e5 Pa"}
    arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    command("retrieve", scene, "-o", "out/command.tif", "--model", model_path, *arguments)
    product = lst_raster.retrieve(scene, output="out/library.tif", model=model_path, **options)
    assert (here / "out/command.tif").read_bytes() == product.path.read_bytes()


def test_uncertainties_and_aerosol_are_given_with_the_values(here, scene, model_path, command):
    given = ("--emissivity", "0.97", "--surface-pressure", "1000")
    values = ("--water-vapour", "2cm±2mm", "--air-temperature", "22C+-2C", "--aerosol", "0.1+-50%")
    code, out, err = command("retrieve", scene, "-o", "a.tif", "--model", model_path, *given, *values)
    assert (code, out, err) == (0, ["a.tif"], [])
    with rasterio.open("a.tif") as dataset:
        tags = dataset.tags()
    assert tags["water_vapour"] == "20 kg m-2 ± 2 kg m-2 (given)"
    assert tags["air_temperature"] == "295.15 K ± 2 K (given)"
    assert tags["aerosol_optical_depth"] == "0.1 ± 0.05 (given)"
    code, _, err = command("retrieve", scene, "-o", "b.tif", "--model", model_path, "--surface-pressure", "1000±5")
    assert (code, "has an uncertainty, which it cannot have" in err[-1]) == (1, True)


def test_both_bands_are_used_unless_one_is_chosen(here, command):
    path = make_two_band_scene(here / "in", lst=ramp(280, 310))
    for options, model in (((), "dual"), (("--bands", "one"), "surface"), (("--band", "10"), "surface")):
        code, out, err = command("retrieve", path, *options, *GIVEN, "-o", "out.tif", "--overwrite", "-q")
        assert (code, out, err) == (0, ["out.tif"], [])
        with rasterio.open("out.tif") as dataset:
            assert dataset.tags()["model"] == f"landsat8-b10/{model}"
    (here / "in" / f"{STEM}_B11.TIF").unlink()
    code, _, err = command("retrieve", path, "--bands", "both", *GIVEN, "-o", "none.tif", "-q")
    assert (code, "has no band 11 of" in err[-1]) == (1, True)
    assert not Path("none.tif").exists()


def test_sensor_and_date_may_be_stated(here, model_path, command):
    path = write_raster(here / "thermal.tif", VALUES)
    code, _, err = command("retrieve", path, "--model", model_path, "--sensor", "landsat8-b10", "--date", "2015-01-20")
    assert code == 0
    assert "and 2015-01-20: water vapour 17.8 " in err[-1]


def bad_inputs(folder):
    """Files that somebody may give by mistake."""
    write_raster(folder / "LC08_three_B10.tif", np.stack([VALUES] * 3))
    write_raster(folder / "LC08_renamed_B10.tif", np.full((60, 70), (295 - 149) / 0.00341802, "u2"))
    write_raster(folder / "LC08_nowhere_B10.tif", VALUES, crs=None)
    write_raster(folder / "thermal.tif", VALUES)
    write_raster(folder / "LC08_x_ST_B10.tif", VALUES)
    write_raster(folder / "LC08_product_B10.tif", VALUES)
    (folder / "LC08_product_MTL.txt").write_text(
        MTL.format(satellite=8, band=10, gain=3e-4, offset=0.1).replace("L1TP", "L2SP")
    )
    write_raster(folder / "other_grid.tif", np.ones((30, 30), "f4"), crs="EPSG:4326")
    write_raster(folder / "too_high.tif", ramp(0.9, 1.2).astype("f4"))
    write_raster(folder / "negative.tif", ramp(-3, 20).astype("f4"))
    (folder / "LC08_text_B10.tif").write_text("hello")
    whole = (folder / "LC08_product_B10.tif").read_bytes()
    (folder / "LC08_cut_B10.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "file").write_text("")
    (folder / "kept").mkdir()
    (folder / "kept" / f"{STEM}_LST.tif").write_text("kept")


MISTAKES = {
    "missing file": (["nothing_B10.tif"], "nothing_B10.tif does not exist; check the path"),
    "folder": (["kept"], "kept holds no thermal band (*_B10.TIF"),
    "no raster": (["LC08_text_B10.tif"], "is not a raster that GDAL can read; give a GeoTIFF"),
    "truncated": (["LC08_cut_B10.tif"], "truncated or damaged; download it again"),
    "three bands": (["LC08_three_B10.tif"], "has 3 bands; give a raster of one band"),
    "Level-2 by name": (["LC08_x_ST_B10.tif"], "is a Level-2 file (its name has ST_B10)"),
    "Level-2 by metadata": (["LC08_product_B10.tif"], "has the level L2SP: a Level-2 product"),
    "Level-2 by values": (["LC08_renamed_B10.tif"], "as Level-2 surface temperature it is 295 K"),
    "no sensor": (["thermal.tif"], "no sensor in the name or the metadata of thermal; add --sensor"),
    "unknown sensor": (
        ["thermal.tif", "--sensor", "sentinel"],
        "unknown sensor band 'sentinel'; known are landsat4-b6",
    ),
    "no date": (["SCENE", "--date", "2015-02-30"], "date '2015-02-30' is not a day"),
    "no latitude": (["LC08_nowhere_B10.tif"], "add --water-vapour, --surface-pressure, --air-temperature"),
    "no model": (["SCENE", "--model", "nothing"], "no model 'nothing'"),
    "another grid": (["SCENE", "--emissivity", "other_grid.tif"], "is EPSG:4326 30x30 from (452475, 3408645)"),
    "emissivity 0": (["SCENE", "--emissivity", "0"], "emissivity is 0, outside (0, 1]"),
    "emissivity in percent": (["SCENE", "--emissivity", "97"], "emissivity is 97, outside (0, 1]"),
    "emissivity raster": (["SCENE", "--emissivity", "too_high.tif"], "has values from 0.9 to 1.2, outside (0, 1]"),
    "no emissivity": (["SCENE", "--emissivity", "soil"], "'soil' is none of a number, a raster that exists"),
    "negative vapour": (["SCENE", "--water-vapour", "-5"], "water vapour is -5, outside [0, 100] kg m-2"),
    "negative vapour raster": (
        ["SCENE", "--water-vapour", "negative.tif"],
        "has values from -3 to 20, outside [0, 100]",
    ),
    "celsius": (["SCENE", "--air-temperature", "21"], "air temperature is 21, outside [180, 340] K"),
    "pascal": (["SCENE", "--surface-pressure", "101325"], "outside [300, 1100] hPa"),
    "parent is a file": (["SCENE", "-o", "file/x.tif"], "file is not a folder"),
    "existing product": (["SCENE", "-o", "kept"], "exists and is kept; add --overwrite"),
    "output is input": (["SCENE", "-o", "SCENE", "--overwrite"], "it is one of the inputs"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_and_no_file(here, scene, model_path, command, mistake):
    bad_inputs(here)
    arguments, words = MISTAKES[mistake]
    arguments = [str(scene) if part == "SCENE" else part for part in arguments]
    before = sorted(here.rglob("*"))
    place = [] if "-o" in arguments else ["-o", "out"]
    model = [] if "--model" in arguments else ["--model", model_path]
    code, out, err = command("retrieve", *arguments, *place, *model)
    assert (code, out) == (1, [])
    assert len(err) == 1
    assert err[0].startswith("Error: ")
    assert words in err[0]
    assert sorted(here.rglob("*")) == before
    assert (here / "kept" / f"{STEM}_LST.tif").read_text() == "kept"


@pytest.mark.parametrize("arguments", [["retrieve"], ["retrieve", "a", "--nonsense"], ["dream"]])
def test_wrong_usage_has_the_message_of_click(command, arguments):
    code, _, err = command(*arguments)
    assert code == 2
    assert err[0].startswith("Usage: lst-raster")


@pytest.mark.slow
def test_version_and_help_are_there_at_once_and_load_nothing_heavy():
    heavy = ["torch", "xarray", "rasterio", "onnxruntime", "numpy", "pyproj", "dask", "matplotlib"]
    check = f"import sys; assert not set(sys.modules) & set({heavy})"
    code = f"from lst_raster.cli.main import main\ntry: main(['--help'])\nfinally: {check}"
    ended = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert all(name in ended.stdout for name in COMMANDS)
    ended = subprocess.run([*MAIN, "--version"], env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[0] == f"lst-raster, version {lst_raster.__version__}"


def test_the_package_alone_loads_nothing_heavy_and_offers_its_names():
    heavy = ["torch", "xarray", "rasterio", "onnxruntime", "numpy", "dask", "matplotlib"]
    code = f"import sys, lst_raster; assert not set(sys.modules) & set({heavy}); assert 'retrieve' in dir(lst_raster)"
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'dream'"):
        _ = lst_raster.dream


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_listed_is_there(command, name):
    assert LazyGroup().get_command(None, name).name == name
    code, out, err = command(name, "--help")
    assert (code, err) == (0, [])
    assert out[0].startswith(f"Usage: lst-raster {name}")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_on_a_terminal_a_bar_shows_the_progress_and_quiet_hides_it(here, scene, model_path):
    for quiet in ([], ["--quiet"]):
        ours, theirs = pty.openpty()
        arguments = [*MAIN, "retrieve", str(scene), "--model", str(model_path), "--overwrite", *quiet]
        plain = {**ENVIRONMENT, "NO_COLOR": "1"}
        ended = subprocess.run(arguments, env=plain, stdout=subprocess.PIPE, stderr=theirs, timeout=60)
        os.close(theirs)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        assert ended.returncode == 0
        assert ("Retrieving" in shown and "100%" in shown) is not bool(quiet)
        lines = re.split(r"[\r\n]+", re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", shown))
        assert any(line.startswith("Warning: no emissivity given") for line in lines)  # on a separate line


INTERRUPTED = """
import os, sys
from lst_raster.cli import main
import lst_raster.retrieval.run as engine
number = int(sys.argv.pop())
engine.retrieve_tile = lambda *arguments, **options: os.kill(os.getpid(), number)
main.main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize(("signal", "code", "words"), [(2, 130, "Interrupted"), (15, 143, "")])
def test_an_interrupted_run_ends_quietly_and_leaves_nothing(here, scene, model_path, signal, code, words):
    arguments = ["retrieve", str(scene), "-o", "out", "--model", str(model_path), *GIVEN, str(signal)]
    command = [sys.executable, "-c", INTERRUPTED, *arguments]
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr.strip()) == (code, words)
    assert list((here / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_closed_pipe_is_not_an_unexpected_error(here, scene, model_path):
    ours, theirs = os.pipe()
    os.close(ours)
    arguments = [*MAIN, "retrieve", str(scene), "-o", "out", "--model", str(model_path), *GIVEN]
    ended = subprocess.run(arguments, env=ENVIRONMENT, stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(theirs)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert (here / "out" / f"{STEM}_LST.tif").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_is_one_line_too(here, model_path):
    path = make_scene(here / "in", lst=np.random.default_rng(0).uniform(280, 310, (600, 600)))
    limit = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (900_000, r.RLIM_INFINITY)); " + MAIN[-1]
    arguments = [sys.executable, "-c", limit, "retrieve", str(path), "-o", "out", "--model", str(model_path), *GIVEN]
    ended = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith(f"Error: cannot write out/{STEM}_LST")
    assert list((here / "out").iterdir()) == []


def test_the_example_is_retrieved_for_the_month_it_carries(here, model_path, command):
    code, out, err = command("retrieve", EXAMPLE, "-o", "out", "--model", model_path)
    assert (code, out, len(err)) == (0, ["out/LC08_alabama_LST.tif"], 2)
    assert "latitude 30.7, longitude -87.4 and 2015-01: " in err[1]
    with rasterio.open(EXAMPLE) as source, rasterio.open(out[0]) as dataset:
        assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)
        lst = dataset.read(1)
    assert 250 < lst.min() < lst.max() < 320


def test_the_example_weighs_little():
    assert sum(path.stat().st_size for path in EXAMPLE.parent.iterdir()) < 600_000
