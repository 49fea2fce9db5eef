"""Many scenes and composites in a real QGIS: the products of the command line, failures, cancellation."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.factories import STEM, make_scene, ramp
from tests.support.processes import still_running
from tests.support.qgis_home import WAIT, Home, qgis_process

DATES = ("20150719", "20150804")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """QGIS with the plugin in it."""
    qgis_process()
    return Home.made(tmp_path_factory.mktemp("qgis"))


@pytest.fixture(scope="module")
def done(home, tmp_path_factory):
    """What a session of PyQGIS gave, and where: `many` scenes, one of them damaged, by QGIS and by the command."""
    folder = tmp_path_factory.mktemp("many")
    for number, date in enumerate(DATES):
        name = f"{STEM.replace('20150719', date, 1)}_B10.TIF"
        scene = make_scene(folder / "scenes" / date, lst=ramp(280 + number, 300 + number), name=name)
    (folder / "damaged_B10.TIF").write_bytes(scene.read_bytes()[:1000])
    scenes = [str(next(folder.glob(f"scenes/{date}/*_B10.TIF"))) for date in DATES]
    (folder / "cli").mkdir()
    home.command("batch", *scenes, "-o", folder / "cli", "--water-vapour", "20")
    large = [str(make_scene(folder / f"large{n}", lst=ramp(280, 300, (2000, 2000)))) for n in range(2)]
    large[1] = str(shutil.move(large[1], large[1].replace("20150719", "20150804")))
    products = [str(path) for path in sorted((folder / "cli").glob("*_LST.tif"))]
    home.command("composite", *products, "-o", folder / "cli" / "m.tif", "--statistic", "mean", "--overwrite")
    at_work = str(folder / "at_work")
    jobs = {
        "batch": {
            "do": "run", "algorithm": "batch",
            "values": {
                "SCENES": [*scenes, str(folder / "damaged_B10.TIF")], "WATER_VAPOUR": 20.0, "WORKERS": 2, "LOAD": True,
                "OUTPUT": str(folder / "qgis"),
            },
        },
        "damaged": {
            "do": "run", "algorithm": "batch",
            "values": {"SCENES": [str(folder / "damaged_B10.TIF")], "OUTPUT": str(folder / "damaged")},
        },
        "composite": {
            "do": "run", "algorithm": "composite",
            "values": {"PRODUCTS": products, "STATISTIC": "mean", "PERCENTILE": 90.0, "OUTPUT": str(folder / "m.tif")},
        },
        "no products": {
            "do": "run", "algorithm": "composite", "values": {"PRODUCTS": scenes, "OUTPUT": str(folder / "n.tif")},
        },
        "cancelled": {
            "do": "run", "algorithm": "batch", "environment": {WAIT: at_work}, "cancel_at": at_work,
            "values": {"SCENES": large, "WORKERS": 2, "OUTPUT": str(folder / "cancelled")},
        },
    }  # fmt: skip
    return folder, home.session(jobs)


def test_a_scene_that_fails_is_reported_and_the_others_are_those_of_the_command_line(done):
    folder, found = done[0], done[1]["batch"]
    assert found["well"], found["said"]
    assert found["results"]["FAILED"] == 1
    assert len(found["results"]["PRODUCTS"]) == len(DATES)
    for path in map(Path, found["results"]["PRODUCTS"]):
        assert path.read_bytes() == (folder / "cli" / path.name).read_bytes()
    errors = [text for kind, text in found["said"] if kind == "error"]
    assert any("damaged" in text for text in errors)
    assert any("1 failed; report:" in text for text in errors)
    assert found["shares"][-1] == 100.0


def test_where_all_scenes_fail_the_run_fails(done):
    found = done[1]["damaged"]
    assert not found["well"]
    assert json.loads((done[0] / "damaged" / "report.json").read_text())["counts"] == {"failed": 1}


def test_a_composite_is_that_of_the_command_line(done):
    folder, found = done[0], done[1]["composite"]
    assert found["well"], found["said"]
    assert (folder / "m.tif").read_bytes() == (folder / "cli" / "m.tif").read_bytes()
    assert Path(found["results"]["COUNT"]).read_bytes() == (folder / "cli" / "m_COUNT.tif").read_bytes()


def test_what_is_no_product_is_an_error_and_no_file(done):
    assert not done[1]["no products"]["well"]
    assert any(kind == "error" for kind, _ in done[1]["no products"]["said"])
    assert not list(done[0].glob("n*.tif"))


def test_cancelling_ends_all_processes_and_leaves_no_half_product(done):
    folder, found = done[0], done[1]["cancelled"]
    assert found["seconds"] < 12  # of the sixteen, at least, that it would take
    assert found["results"] == {}
    assert still_running([(folder / "at_work").read_text()], patience=5.0) == []
    assert [path.name for path in (folder / "cancelled").iterdir() if path.name.startswith(".")] == []
    assert list((folder / "cancelled").glob("*.tif")) == []
