"""Products made before 2012: other names of files, other keys in the metadata."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from lst_raster import Scene, retrieve
from lst_raster.errors import SceneError
from lst_raster.io.landsat import Mtl, read_file_name
from tests.support.factories import STATE, make_model, make_scene, ramp, write_raster
from tests.support.products import true_temperature

EXACT = {**STATE, "emissivity": 0.97}
METADATA = """GROUP = L1_METADATA_FILE
  GROUP = METADATA_FILE_INFO
    ORIGIN = "Image courtesy of the U.S. Geological Survey"
  END_GROUP = METADATA_FILE_INFO
  GROUP = PRODUCT_METADATA
    PRODUCT_TYPE = "L1T"
    SPACECRAFT_ID = "Landsat{satellite}"
    ACQUISITION_DATE = 2010-03-15
    SCENE_CENTER_SCAN_TIME = 23:55:11.6634891Z
    PRODUCT_UL_CORNER_LAT = -35.0700000
    PRODUCT_UR_CORNER_LAT = -35.0700000
    PRODUCT_LL_CORNER_LAT = -37.0000000
    PRODUCT_LR_CORNER_LAT = -37.0000000
{files}
  END_GROUP = PRODUCT_METADATA
  GROUP = MIN_MAX_RADIANCE
{limits}
  END_GROUP = MIN_MAX_RADIANCE
  GROUP = MIN_MAX_PIXEL_VALUE
{numbers}
  END_GROUP = MIN_MAX_PIXEL_VALUE
END_GROUP = L1_METADATA_FILE
END
"""
# Digits of the band, its file, and LMIN, LMAX, QCALMIN, QCALMAX.
TM = {"6": ("L5092085_08520100315_B60.TIF", 1.238, 15.303, 1.0, 255.0)}
TM_FROM_ZERO = {"6": ("L4092085_08520100315_B60.TIF", 1.2378, 15.303, 0.0, 255.0)}
ETM = {
    "61": ("L71092085_08520100315_B61.TIF", 0.0, 17.04, 1.0, 255.0),
    "62": ("L72092085_08520100315_B62.TIF", 3.2, 12.65, 1.0, 255.0),
}
SCENES = [
    ("landsat5-b6", TM, "6", "L5092085_08520100315", None),
    ("landsat4-b6", TM_FROM_ZERO, "6", "L4092085_08520100315", None),
    ("landsat7-b6", ETM, "61", "L71092085_08520100315", None),
    ("landsat7-b6", ETM, "62", "L71092085_08520100315", "6_VCID_2"),
]


def make_old_scene(folder, sensor, bands, stem):
    """Write a product of before 2012 and the surface temperature it was made from."""
    truth = ramp(275, 305)
    for file, low, high, smallest, largest in bands.values():
        gain = (high - low) / (largest - smallest)
        make_scene(
            folder,
            lst=truth,
            sensor=sensor,
            name=file,
            dtype="uint8",
            mtl=False,
            gain=gain,
            offset=low - gain * smallest,
        )
    lines = {key: [] for key in ("files", "limits", "numbers")}
    for digits, (file, low, high, smallest, largest) in bands.items():
        lines["files"] += [f'    BAND{digits}_FILE_NAME = "{file}"']
        lines["limits"] += [f"    LMAX_BAND{digits} = {high:.3f}", f"    LMIN_BAND{digits} = {low:.4f}"]
        lines["numbers"] += [f"    QCALMAX_BAND{digits} = {largest}", f"    QCALMIN_BAND{digits} = {smallest}"]
    text = METADATA.format(satellite=sensor[7], **{key: "\n".join(value) for key, value in lines.items()})
    (folder / f"{stem}_MTL.txt").write_text(text)
    return truth


@pytest.mark.slow
@pytest.mark.parametrize(("sensor", "bands", "digits", "stem", "option"), SCENES)
@pytest.mark.parametrize("form", ["file", "folder", "metadata"])
def test_a_product_made_before_2012_gives_the_true_temperature(tmp_path, sensor, bands, digits, stem, option, form):
    folder = tmp_path / "in"
    truth = make_old_scene(folder, sensor, bands, stem)
    file, low, high, smallest, largest = bands[digits]
    place = {"file": folder / file, "folder": folder, "metadata": folder / f"{stem}_MTL.txt"}[form]
    scene = Scene.open(place, band=option if form != "file" else None)
    assert (scene.stem, scene.sensor, scene.place.name) == (stem, sensor, file)
    assert scene.calibration.source == f"{stem}_MTL.txt"
    assert (str(scene.date), str(scene.date.time)) == ("2010-03-15", "23:55:11")
    assert scene.files.bands == (("B6_VCID_1", "B6_VCID_2") if len(bands) == 2 else ("B6",))
    model = make_model(tmp_path / "model" / "model.onnx", sensor)
    product = retrieve(scene, output=tmp_path / "x.tif", model=model, **EXACT)
    gain = (high - low) / (largest - smallest)
    with rasterio.open(product.path) as dataset, rasterio.open(folder / file) as source:
        made = true_temperature(source.read(1), sensor, gain, low - gain * smallest)
        assert np.abs(dataset.read(1) - made).max() < 0.05
    assert np.abs(made - truth).max() < 0.5  # half a digital number


def test_the_metadata_of_before_2012_say_what_newer_ones_say(tmp_path):
    make_old_scene(tmp_path, "landsat7-b6", ETM, "L71092085_08520100315")
    found = Mtl.read(tmp_path / "L71092085_08520100315_MTL.txt")
    assert found.entries["DATE_ACQUIRED"] == "2010-03-15"
    assert found.entries["FILE_NAME_BAND_6_VCID_2"] == "L72092085_08520100315_B62.TIF"
    assert found.number("RADIANCE_MAXIMUM_BAND_6_VCID_1") == 17.04
    assert found.centre()[0] == pytest.approx(-36.035)


def test_without_metadata_an_old_name_gives_satellite_band_and_day(tmp_path):
    path = write_raster(tmp_path / "L72092085_08520100315_B62.TIF", np.full((60, 70), 130, "u1"))
    scene = Scene.open(path)
    assert (scene.sensor, str(scene.date), scene.calibration.gain) == ("landsat7-b6", "2010-03-15", 0.037205)
    assert Scene.open(tmp_path, band="6_VCID_2").place.name == path.name


@pytest.mark.parametrize(("name", "band"), [
    ("L5092085_08520100315_B10.TIF", "B1"),
    ("L71092085_08520100315_B10.TIF", "B1"),
    ("L72092085_08520100315_B80.TIF", "B8"),
])  # fmt: skip
def test_band_10_in_an_old_name_is_band_1_and_not_thermal(tmp_path, name, band):
    assert read_file_name(Path(name)).band == band
    write_raster(tmp_path / name, np.full((60, 70), 130, "u1"))
    with pytest.raises(SceneError, match=f"band {band} of Landsat . is not thermal; give _B6"):
        Scene.open(tmp_path / name)


@pytest.mark.parametrize(("old", "new"), [("15.303", "1.000"), ("= 255.0", "= 1.0"), ("= 255.0", "= many")])
def test_limits_that_cannot_be_are_refused(tmp_path, old, new):
    make_old_scene(tmp_path, "landsat5-b6", TM, "L5092085_08520100315")
    mtl = tmp_path / "L5092085_08520100315_MTL.txt"
    mtl.write_text(mtl.read_text().replace(old, new))
    with pytest.raises(SceneError, match=r"expected increasing limits. Replace the file|is not a number"):
        Scene.open(tmp_path)


def test_metadata_with_limits_alone_are_enough_in_newer_products_too(tmp_path):
    path = make_scene(tmp_path, lst=ramp(280, 300), gain=3.342e-4, offset=0.1)
    (mtl,) = tmp_path.glob("*_MTL.txt")
    limits = "RADIANCE_MAXIMUM_BAND_10 = 22.00180\nRADIANCE_MINIMUM_BAND_10 = 0.10033\n"
    limits += "QUANTIZE_CAL_MAX_BAND_10 = 65535\nQUANTIZE_CAL_MIN_BAND_10 = 1\n"
    lines = [line for line in mtl.read_text().splitlines() if "RADIANCE_MULT" not in line]
    mtl.write_text("\n".join(lines) + f"\n{limits}")
    calibration = Scene.open(path).calibration
    assert calibration.gain == pytest.approx(3.342e-4, rel=1e-5)
    assert calibration.offset == pytest.approx(0.1, abs=1e-5)
    assert calibration.source == mtl.name
