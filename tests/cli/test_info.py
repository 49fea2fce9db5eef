"""`lst-raster info`: what is there, and what would be made of it."""

import json

import numpy as np
import pytest

from lst_raster import retrieve
from lst_raster.errors import LstRasterError
from lst_raster.retrieval.describe import describe
from tests.support.factories import STATE, STEM, make_scene, ramp, write_raster
from tests.support.faults import assert_one_line_message
from tests.support.reanalysis_files import write_reanalysis
from tests.support.shared import shared_path

FILE = f"{STEM}_B10.TIF"
MTL_NAME = f"{STEM}_MTL.txt"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scene(tmp_path):
    path = make_scene(tmp_path / "in", lst=ramp(280, 310))
    write_raster(tmp_path / "in" / f"{STEM}_QA_PIXEL.TIF", np.full((60, 70), 21824, "u2"))
    return path


def test_a_scene_is_described_with_the_source_of_every_value(scene):
    found = describe(scene.parent)
    assert (found["kind"], found["name"], found["file"], found["thermal_bands"]) == ("scene", STEM, FILE, ["B10"])
    assert found["sensor"] == f"landsat8-b10 (Landsat 8 TIRS band 10), from {MTL_NAME}"
    assert found["date"] == f"2015-07-19, from {MTL_NAME}"
    assert (found["metadata"], found["collection"], found["quality_band"]) == (MTL_NAME, 2, f"{STEM}_QA_PIXEL.TIF")
    assert found["latitude"] == pytest.approx(30.8, abs=0.01)
    plan = found["retrieve_would_use"]
    assert plan["model"].startswith("landsat8-b10/surface (shipped")
    assert plan["water_vapour"].endswith("(climatology)")
    assert plan["mask"].endswith("(QA_PIXEL of Collection 2)")


def test_what_info_announces_is_what_retrieve_does(scene):
    plan = describe(scene)["retrieve_would_use"]
    product = retrieve(scene)
    names = ("emissivity", "water_vapour", "air_temperature", "surface_pressure", "mask")
    assert {name: plan[name] for name in names} == {name: product.tags[name] for name in names}
    assert plan["model"].split()[0] == product.tags["model"]
    assert plan["warnings"] == list(product.warnings)


@pytest.mark.parametrize(("options", "name", "sensor", "date"), [
    ({}, "LC08_L1TP_020039_20150719_20200908_02_T1_B10.TIF", "the file's name", "2015-07-19, from the file's name"),
    ({"date": "2015-07-20"}, "LC08_x_B10.TIF", "the file's name", "2015-07-20, from --date"),
    ({"sensor": "landsat8-b10"}, "x.TIF", "--sensor", "2015-01, from the file's item ACQUISITION_DATE"),
])  # fmt: skip
def test_without_metadata_the_sources_are_others(tmp_path, options, name, sensor, date):
    tags = {"ACQUISITION_DATE": "2015-01"}
    found = describe(make_scene(tmp_path, lst=ramp(275, 290), name=name, mtl=False, tags=tags), **options)
    assert found["sensor"].endswith(f"from {sensor}")
    assert (found["date"], found["metadata"], found["quality_band"]) == (date, None, None)
    assert found["retrieve_would_use"]["mask"] == "none: the scene has no quality band"


def test_reasons_why_retrieve_would_fail_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("lst_raster.inference.model.models_path", lambda: tmp_path / "models")  # an empty place
    (tmp_path / "models").mkdir()
    found = describe(shared_path("data", "landsat", "LT05_L1TP_090085_19970406_20161231_01_T1.tar.gz"))
    assert found["retrieve_would_use"]["model"].startswith("none: no model 'landsat5-b6/surface'; give the path of")
    path = make_scene(tmp_path, lst=ramp(275, 290))
    write_raster(tmp_path / f"{STEM}_QA_PIXEL.TIF", np.full((60, 70), 40, "u2"))
    assert "not quality bits" in describe(path)["retrieve_would_use"]["mask"]


@pytest.mark.parametrize("by_path", [True, False])
def test_a_model_is_described_with_its_inputs_and_errors(model_path, by_path):
    found = describe(model_path if by_path else "landsat8-b10/profile")
    tier = "surface" if by_path else "profile"
    assert (found["kind"], found["name"], found["tier"]) == ("model", f"landsat8-b10/{tier}", tier)
    assert found["inputs"]["water_vapour"].endswith(" kg m-2")
    if not by_path:
        for errors in found["rmse_of_lst"].values():
            assert list(errors) == ["exact", "noisy"] and all(text.endswith(" K") for text in errors.values())
    assert bool(found["rmse_of_lst"]) is not by_path


def test_a_product_is_described_with_its_temperatures_and_provenance(scene, model_path):
    product = retrieve(scene, model=model_path, emissivity=0.97, **STATE)
    found = describe(product.path)
    assert (found["kind"], found["file"]) == ("product", f"{STEM}_LST.tif")
    assert found["temperature"] == {
        "minimum": "280.00 K",
        "mean": "295.00 K",
        "maximum": "310.00 K",
        "pixels_with_one": "100 %",
    }
    assert found["provenance"] == {key: value for key, value in product.tags.items() if key.islower()}


def test_the_command_writes_lines_or_json(scene, command):
    code, lines, err = command("info", scene)
    assert (code, err) == (0, [])
    assert lines[:2] == ["kind: scene", f"name: {STEM}"]
    assert "  emissivity: 0.97 (default)" in lines
    assert "saturation band: none" in lines
    code, lines, _ = command("info", scene, "--json", "--date", "2015-07-20")
    assert (code, json.loads("\n".join(lines))) == (0, describe(scene, date="2015-07-20"))


def test_other_files_are_an_error_of_one_line(tmp_path, command):
    (tmp_path / "notes.txt").write_text("hello")
    assert command("info", "nothing") == (1, [], ["Error: scene nothing does not exist; check the path"])
    code, out, err = command("info", "notes.txt")
    assert (code, out, len(err)) == (1, [], 1)
    assert "is not a raster that GDAL can read" in err[0]


def test_integers_of_a_product_are_shown_in_kelvin(tmp_path, command):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 310))
    given = ["--emissivity", 0.97, "--water-vapour", 20, "--dtype", "uint16", "-o", tmp_path]
    code, out, _ = command("retrieve", scene, *given)
    assert code == 0
    _, lines, _ = command("info", out[0])
    kelvins = [float(line.split(":")[1].split()[0]) for line in lines if line.endswith(" K") and "parts" not in line]
    assert len(kelvins) == 3 and 250 < min(kelvins) < max(kelvins) < 340
    assert any("uncertainty parts: sensor" in line for line in lines)


def test_a_netcdf_of_several_variables_is_refused_as_any_other_file(tmp_path):
    path = write_reanalysis(tmp_path / "era5.nc", {"tcwv": np.ones((3, 4, 5)), "t2m": np.ones((3, 4, 5))},
                            latitude=range(4), longitude=range(5))  # fmt: skip
    with pytest.raises(LstRasterError) as error:
        describe(path)
    assert_one_line_message(error.value)
