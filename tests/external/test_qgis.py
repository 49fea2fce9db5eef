"""The plugin in a real QGIS, headless and as the window runs it: products, failures, cancellation, a rendered map."""

import os
import signal
import time
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from PIL import Image

import lst_raster
from tests.support.factories import make_scene, ramp
from tests.support.processes import still_running
from tests.support.qgis_home import WAIT, Home, qgis_process
from tests.support.shared import shared_path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "data" / "LC08_alabama_B10.tif"
AIR = {"WATER_VAPOUR": 20.0, "AIR_TEMPERATURE": 288.5}
OPTIONS = ("--water-vapour", "20", "--air-temperature", "288.5")
ALGORITHMS = ("retrieve", "batch", "compare", "composite", "zones", "series")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """QGIS with the plugin in it."""
    qgis_process()
    return Home.made(tmp_path_factory.mktemp("qgis"))


@pytest.fixture(scope="module")
def product(home):
    """The example's product, by the command line."""
    (home.folder / "cli").mkdir()
    return Path(home.command("retrieve", EXAMPLE, "-o", home.folder / "cli" / "x_LST.tif", *OPTIONS)[0])


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_a_headless_run_makes_the_product_of_the_command_line_bit_for_bit(home, product, tmp_path):
    code, out, err = home.run("retrieve", LAYER=EXAMPLE, OUTPUT=tmp_path / "x_LST.tif", **AIR)
    assert code == 0, err
    assert files_of(tmp_path) == files_of(product.parent)
    assert len(files_of(tmp_path)) == 7
    assert "no emissivity given: 0.97 everywhere" in out
    assert f"OUTPUT:\t{tmp_path / 'x_LST.tif'}" in out
    assert f"QUALITY:\t{tmp_path / 'x_LST_QA.tif'}" in out
    assert "100 - done" in out


def test_so_does_a_run_of_an_archive_with_many_options(home, tmp_path):
    scene = shared_path("data", "landsat", "LC08_L1TP_090084_20160121_20170405_01_T1.tar.gz")
    for name in ("cli", "qgis"):
        (tmp_path / name).mkdir()
    home.command(
        "retrieve", scene, "-o", tmp_path / "cli" / "x.tif", "--emissivity", "ndvi", "--emissivity", "0.98",
        "--band", "11", "--dtype", "uint16", "--compress", "zstd", "--keep-clouds", "--exact",
    )  # fmt: skip
    code, _, err = home.run(
        "retrieve", SCENE=scene, OUTPUT=tmp_path / "qgis" / "x.tif", EMISSIVITY="ndvi; 0.98", BAND=11, DTYPE="uint16",
        COMPRESS="zstd", KEEP_CLOUDS=True, EXACT=True,
    )  # fmt: skip
    assert code == 0, err
    assert files_of(tmp_path / "qgis") == files_of(tmp_path / "cli")


def test_a_failure_is_one_message_an_exit_code_and_no_file(home, tmp_path):
    code, out, err = home.run("retrieve", LAYER=EXAMPLE, OUTPUT=tmp_path / "x.tif", EMISSIVITY="97")
    assert code != 0
    assert "emissivity is 97, outside (0, 1]" in err
    assert "Traceback" not in out + err
    assert list(tmp_path.iterdir()) == []


def test_a_terminated_qgis_leaves_no_process_and_no_file(home, tmp_path):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300, (1100, 1100)))  # nine tiles, of a second each
    (tmp_path / "out").mkdir()
    values = {"LAYER": scene, "OUTPUT": tmp_path / "out" / "x.tif", "THREADS": 1}
    with home.start("retrieve", values, **{WAIT: str(tmp_path / "at_work")}) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "at_work").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        child = (tmp_path / "at_work").read_text()
        assert list((tmp_path / "out").iterdir())  # temporary files
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert still_running([child], patience=20.0) == []
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture(scope="module")
def done(home, product, tmp_path_factory):
    """What a session of PyQGIS gave."""
    folder = tmp_path_factory.mktemp("session")
    (folder / "out").mkdir()
    scene = make_scene(folder / "in", lst=ramp(280, 300, (1100, 1100)))
    other = home.command("retrieve", EXAMPLE, "-o", folder / "other.tif", *OPTIONS, "--dtype", "uint16")[0]
    colder = home.command("retrieve", EXAMPLE, "-o", folder / "colder.tif", *OPTIONS, "--emissivity", "0.99")[0]
    asks = {f"form of {name}": {"do": "ask", "algorithm": name} for name in ALGORITHMS}
    at_work, nowhere = str(folder / "at_work"), str(folder / "out" / "y.tif")
    jobs = {
        **asks,
        "render": {"do": "render", "raster": str(product), "picture": str(folder / "float32.png")},
        "render of integers": {"do": "render", "raster": other, "picture": str(folder / "uint16.png")},
        "render of quality": {
            "do": "render", "raster": str(product.with_name("x_LST_QA.tif")), "picture": str(folder / "qa.png"),
        },
        "temporary": {
            "do": "run", "algorithm": "retrieve", "load": True, "layers": ["LAYER"],
            "values": {"LAYER": str(EXAMPLE), "OUTPUT": "TEMPORARY_OUTPUT", "LOAD_ALL": True, **AIR},
        },
        "compare": {
            "do": "run", "algorithm": "compare",
            "values": {"A": str(product), "B": colder, "OUTPUT": str(folder / "pictures")},
        },
        "cancelled": {
            "do": "run", "algorithm": "retrieve", "environment": {WAIT: at_work}, "cancel_at": at_work,
            "values": {"LAYER": str(scene), "OUTPUT": str(folder / "out" / "x.tif"), "THREADS": 1},
        },
        "gone": {
            "do": "run", "algorithm": "retrieve", "program": str(folder / "gone" / "lst-raster"),
            "values": {"LAYER": str(EXAMPLE), "OUTPUT": nowhere},
        },
        "another format": {
            "do": "run", "algorithm": "retrieve", "values": {"LAYER": str(EXAMPLE), "OUTPUT": nowhere[:-3] + "img"},
        },
        "nothing given": {"do": "run", "algorithm": "retrieve", "values": {"OUTPUT": nowhere}},
        "no raster": {"do": "run", "algorithm": "retrieve", "values": {"LAYER": __file__, "OUTPUT": nowhere}},
    }  # fmt: skip
    return folder, home.session(jobs)


def colours_by_style(values, style):
    """Colours that a style gives to temperatures, and the lowest difference of neighbours in them."""
    items = list(ElementTree.parse(style).iter("item"))
    stops = [float(item.attrib["value"]) for item in items]
    table = np.array([list(bytes.fromhex(item.attrib["color"][1:])) for item in items], "f8")
    return np.stack([np.interp(values, stops, table[:, band]) for band in range(3)], axis=-1)


@pytest.mark.parametrize(("picture", "tolerance"), [("float32.png", 1.5), ("uint16.png", 1.5)])
def test_a_rendered_map_shows_every_temperature_in_its_colour(done, product, picture, tolerance):
    with rasterio.open(product) as dataset:
        kelvin = dataset.read(1)
    shown = np.asarray(Image.open(done[0] / picture).convert("RGBA")).astype("f8")
    assert shown.shape == (*kelvin.shape, 4)
    there = np.isfinite(kelvin)
    assert (shown[there][:, 3] == 255).all()
    assert (shown[~there][:, 3] == 0).all()
    expected = colours_by_style(kelvin[there], product.with_suffix(".qml"))
    assert np.abs(shown[there][:, :3] - expected).max() <= tolerance
    light = shown[there][:, :3] @ (0.2126, 0.7152, 0.0722)
    means = [light[np.abs(kelvin[there] - level) < 0.5].mean() for level in (278, 284, 290, 296, 301)]
    assert all(warmer > colder + 15 for colder, warmer in pairwise(means))


def test_the_quality_band_has_its_own_colours(done):
    assert done[1]["render of quality"]["renderer"] == "paletted"
    shown = np.asarray(Image.open(done[0] / "qa.png").convert("RGBA"))
    assert (0x4F, 0x9E, 0x4F, 255) in {tuple(colour) for colour in np.unique(shown.reshape(-1, 4), axis=0).tolist()}


def test_a_temporary_output_of_a_layer_is_loaded_with_its_style(done):
    found = done[1]["temporary"]
    assert found["well"], found["said"]
    layers = found["layers"]
    assert {name: layer["renderer"] for name, layer in layers.items()} == {
        "Land surface temperature": "singlebandpseudocolor",
        "LST uncertainty": "singlebandgray",
        "LST quality": "paletted",
    }
    assert 270 < layers["Land surface temperature"]["ends"][0] < 285
    assert 295 < layers["Land surface temperature"]["ends"][1] < 310
    assert found["shares"][-1] == 100.0
    warnings = [text for kind, text in found["said"] if kind == "warning"]
    assert warnings[0].startswith("no emissivity given")


def test_a_comparison_returns_its_numbers(done):
    found = done[1]["compare"]
    assert found["well"], found["said"]
    results = found["results"]
    assert 0.5 < results["BIAS"] < 2.0  # a higher emissivity makes the ground colder
    assert results["MINIMUM"] <= results["MEDIAN"] <= results["MAXIMUM"]
    assert results["COUNT"] > 200_000
    assert len(list(Path(results["OUTPUT"]).glob("*.png"))) == 2
    assert any(kind == "info" and text.startswith("Bias [K]: ") for kind, text in found["said"])


def test_cancelling_in_the_window_stops_the_program_and_leaves_nothing(done):
    folder, found = done[0], done[1]["cancelled"]
    assert found["seconds"] < 6  # of the nine, at least, that it would take
    assert found["results"] == {}
    assert ["info", "Cancelled; incomplete files were removed"] in found["said"]
    assert still_running([(folder / "at_work").read_text()], patience=1.0) == []
    assert os.listdir(folder / "out") == []  # noqa: PTH208


def test_an_empty_form_and_a_wrong_file_are_messages(done):
    assert any("no input: give 'Thermal band'" in text for _, text in done[1]["nothing given"]["said"])
    assert not done[1]["nothing given"]["well"]
    assert any("a name that ends in .tif" in text for _, text in done[1]["another format"]["said"])
    assert any("Could not load source layer" in text or "no raster" in text for _, text in done[1]["no raster"]["said"])


def test_a_missing_program_is_an_error_with_a_remedy(done):
    found = done[1]["gone"]
    assert not found["well"]
    (text,) = [text for kind, text in found["said"] if kind == "error"]
    assert "there is no program" in text
    assert "lst-raster qgis install" in text


def test_the_forms_have_widgets_help_and_the_defaults_of_the_command_line(done):
    form = done[1]["form of retrieve"]
    assert (form["warning"], form["version"]) == ("", lst_raster.__version__)
    kinds = {name: parameter["type"] for name, parameter in form["parameters"].items()}
    assert kinds["LAYER"] == kinds["DEM"] == "raster"
    assert kinds["SCENE"] == "file"
    assert kinds["REANALYSIS"] == "multilayer"
    assert kinds["WATER_VAPOUR"] == "string"
    assert kinds["DTYPE"] == "enum"
    assert kinds["OUTPUT"] == "rasterDestination"
    parameters = form["parameters"]
    assert (parameters["DTYPE"]["default"], parameters["COMPRESS"]["default"]) == ("float32", "deflate")
    assert not parameters["WATER_VAPOUR"]["advanced"] and parameters["EXACT"]["advanced"]
    assert {"OUTPUT", "UNCERTAINTY", "QUALITY"} == set(form["outputs"])

    assert done[1]["form of composite"]["parameters"]["PRODUCTS"]["type"] == "multilayer"
    for name in ALGORITHMS:
        assert all(part["label"] for part in done[1][f"form of {name}"]["parameters"].values())
        assert done[1][f"form of {name}"]["help"].startswith("<p>")
