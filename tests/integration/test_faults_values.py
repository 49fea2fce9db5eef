"""Values and sizes that cannot be: an error in one line, or no temperature there, and never a wrong one."""

import struct

import numpy as np
import pytest
import rasterio

from lst_raster import retrieve
from lst_raster.errors import LstRasterError
from tests.support.factories import STATE, make_scene, ramp, write_raster
from tests.support.faults import assert_nothing_lost, assert_one_line_message, contents

EXACT = {**STATE, "emissivity": 0.97}
SHAPE = (60, 70)
HALF = ramp(0, 1) > 0.5


@pytest.fixture
def output(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "LC08_L1TP_020039_20150719_20200908_02_T1_LST.tif").write_text("of an earlier run")
    return tmp_path / "out"


def refused(scene, output, model, **given):
    """Retrieve, and hold the error against what it must be."""
    before = contents(output)
    with pytest.raises(LstRasterError) as caught:
        retrieve(scene, output=output, model=model, overwrite=True, **{**EXACT, **given})
    assert_one_line_message(caught.value)
    assert_nothing_lost(output, before)
    return str(caught.value)


BAD = {"nan": np.nan, "inf": np.inf, "minus inf": -np.inf, "huge": 3e38, "tiny": -3e38}


@pytest.mark.parametrize("name", ["emissivity", "water_vapour", "air_temperature", "surface_pressure"])
@pytest.mark.parametrize("value", BAD)
def test_a_raster_full_of_what_is_no_value(tmp_path, output, model_path, name, value):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    path = write_raster(tmp_path / "x.tif", np.full(SHAPE, BAD[value], "f4"))
    message = refused(scene, output, model_path, **{name: path})
    assert name.replace("_", " ") in message
    assert (f"is {BAD[value]:g}, outside" if value in ("huge", "tiny") else "check their nodata values") in message


@pytest.mark.parametrize("name", ["emissivity", "water_vapour", "air_temperature", "surface_pressure"])
@pytest.mark.parametrize("value", ["nan", "inf", "minus inf"])
def test_a_raster_half_full_of_it_gives_no_temperature_there(tmp_path, output, model_path, name, value):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    values = np.where(HALF, BAD[value], EXACT[name]).astype("f4")
    path = write_raster(tmp_path / "x.tif", values)
    product = retrieve(scene, output=output, model=model_path, overwrite=True, **{**EXACT, name: path})
    with rasterio.open(product.path) as dataset:
        kelvin = dataset.read(1)
    np.testing.assert_array_equal(np.isnan(kelvin), HALF)
    assert np.abs(kelvin - ramp(280, 300))[~HALF].max() < 0.01


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ["scene", "emissivity"])
def test_a_type_that_is_no_real_number(tmp_path, output, model_path, name, dtype):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    path = scene if name == "scene" else tmp_path / "e.tif"
    write_raster(path, np.full(SHAPE, 0.97, dtype))
    assert dtype in refused(scene, output, model_path, **({} if name == "scene" else {"emissivity": path}))


@pytest.mark.parametrize("number", [0, 65535])
def test_a_scene_of_nothing_but_one_number_that_means_nothing(tmp_path, output, model_path, number):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    write_raster(scene, np.full(SHAPE, number, "u2"))
    assert "every pixel is fill (0) or saturated" in refused(scene, output, model_path)


GARBAGE = ["nan", "inf", "-inf", "1e999", "", "0x10", "3.3,4", "1;2", "\N{SUPERSCRIPT TWO}", "None"]


@pytest.mark.parametrize("text", GARBAGE)
@pytest.mark.parametrize("key", ["RADIANCE_MULT_BAND_10", "RADIANCE_ADD_BAND_10"])
def test_metadata_with_garbage_for_a_number(tmp_path, output, model_path, key, text):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    mtl = next(scene.parent.glob("*_MTL.txt"))
    lines = [f"    {key} = {text}" if key in line else line for line in mtl.read_text().splitlines()]
    assert any(line == f"    {key} = {text}" for line in lines)
    mtl.write_text("\n".join(lines))
    assert key in refused(scene, output, model_path)


GAINS = {
    "-3.3e-4": "RADIANCE_MULT_BAND_10 = -0.00033, not positive", "0": "RADIANCE_MULT_BAND_10 = 0, not positive",
    "3.3e4": "calibration constants", "1e-300": "calibration constants", "1e300": "calibration constants",
}  # fmt: skip


@pytest.mark.parametrize("number", GAINS)
def test_metadata_with_a_gain_that_cannot_be(tmp_path, output, model_path, number):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    mtl = next(scene.parent.glob("*_MTL.txt"))
    key = "RADIANCE_MULT_BAND_10"
    lines = [f"    {key} = {number}" if key in line else line for line in mtl.read_text().splitlines()]
    mtl.write_text("\n".join(lines))
    assert GAINS[number] in refused(scene, output, model_path)


def lying_tiff(path, width, height, rows_per_strip, length=8):
    """A TIFF of a few bytes that says it holds an image of any size."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
        (277, 3, 1, 1), (278, 4, 1, rows_per_strip), (279, 4, 1, length),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, 16) + b"\0" * 8 + directory + b"\0" * 4)
    return path


SIZES = [(10**9, 1, 1), (1, 10**9, 10**9), (40_000, 40_000, 40_000), (200_000, 200_000, 1), (0, 5, 5), (5, 0, 5)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["scene", "emissivity"])
def test_a_file_that_lies_about_its_size(tmp_path, output, model_path, name, size):
    scene = make_scene(tmp_path / "in", lst=ramp(280, 300))
    path = lying_tiff(scene if name == "scene" else tmp_path / "e.tif", *size)
    message = refused(scene, output, model_path, **({} if name == "scene" else {"emissivity": path}))
    if 0 in size:
        assert f"{name} {path} is a TIFF, but truncated or damaged" in message
    elif name == "emissivity":
        assert f"emissivity {path} is a grid without coordinate system, {size[0]}x{size[1]} from" in message
    else:  # the disk is asked for room first: not every machine has as much as the largest needs
        assert f"scene {path} opens but cannot be read completely" in message or "5723 MiB are needed" in message
