"""Mistakes of other programs: each is made here on a scene of known truth, and is not ours.

A mistake is written as it is there, in a few lines of our own; the test fails if our product had it.
"""

import numpy as np
import pytest
import rasterio

import lst_raster
from lst_raster import Model, Scene, retrieve
from lst_raster.errors import InputError
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES
from lst_raster.retrieval.describe import describe
from lst_raster.sensors.bands import sensor_band
from tests.support.factories import STATE, STEM, make_model, make_scene, ramp, write_raster
from tests.support.products import true_temperature

THIN = {"water_vapour": 0.1, "surface_pressure": 500.0, "air_temperature": 283.0}  # air that hardly does anything
RHO = 14387.77  # h c / k, the second radiation constant [um K]
L8 = sensor_band("landsat8-b10")
SHIPPED = "landsat8-b10/surface"
WARM = ramp(295.0, 305.0)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def brightness(scene, k1, k2, gain, offset):
    """Brightness temperature by the two constants, as all of them have it. [K]"""
    return k2 / np.log1p(k1 / (read(scene) * gain + offset))


def peers_emissivity_correction(temperature, emissivity, wavelength, rho=RHO):
    """Correct a brightness temperature for emissivity, with nothing for the air. [K]"""
    return temperature / (1.0 + wavelength * temperature / rho * np.log(emissivity))


def test_a_wavelength_in_metres_beside_a_constant_in_micrometres_corrects_nothing(tmp_path, model_path):
    scene = make_scene(tmp_path / "in", lst=WARM, emissivity=0.97, atmosphere=THIN)
    seen = brightness(scene, L8.k1, L8.k2, L8.gain, L8.radiance_offset)
    theirs = peers_emissivity_correction(seen, 0.97, L8.wavelength * 1e-6)
    in_one_unit = peers_emissivity_correction(seen, 0.97, L8.wavelength)
    assert (in_one_unit - theirs).mean() == pytest.approx(2.1, abs=0.05)  # the correction that is lost
    assert (theirs - WARM).mean() < -1.9  # the two constants alone are 0.1 K too warm here
    ours = read(retrieve(scene, output="x.tif", model=model_path, emissivity=0.97, **THIN).path)
    assert np.abs(ours - WARM).max() < 0.05


def test_every_public_function_works_on_an_ordinary_scene(tmp_path, model_path):
    """Functions of peers raise whatever they are given: they were never called."""
    path = make_scene(tmp_path / "in", lst=WARM)
    used = {
        "Scene": lambda: Scene.open(path).sensor,
        "Model": lambda: Model.load(model_path).contract.name,
        "retrieve": lambda: retrieve(path, output="x.tif", model=model_path).retrieved,
        "Product": lambda: type(retrieve(path, output="y.tif", model=model_path)).__name__,
        "__version__": lambda: describe(model_path)["made_by"].removeprefix("lst-raster "),
    }
    found = {name: call() for name, call in used.items()}
    assert found == {
        "Scene": "landsat8-b10", "Model": "landsat8-b10/surface", "retrieve": WARM.size, "Product": "Product",
        "__version__": lst_raster.__version__,
    }  # fmt: skip
    assert set(used) <= set(lst_raster.__all__)


def test_a_mistyped_k1_of_etm_is_half_a_kelvin(tmp_path):
    band = sensor_band("landsat7-b6")
    scene = make_scene(
        tmp_path / "in", lst=WARM, emissivity=1.0, atmosphere=THIN, sensor="landsat7-b6", dtype="float64",
        name="LE07_x_B6_VCID_1.TIF", gain=0.067087, offset=-0.06709,
    )  # fmt: skip
    theirs, right = (brightness(scene, k1, 1282.71, 0.067087, -0.06709) for k1 in (660.09, 666.09))
    assert (theirs - right).mean() == pytest.approx(0.6, abs=0.05)
    assert (band.k1, band.k2) == (666.09, 1282.71)
    constants = {"gain": 0.067087, "offset": -0.06709, "emissivity": 1.0, "state": THIN}
    truth = true_temperature(read(scene), band.name, **constants)
    assert (theirs - truth).mean() > 0.5
    model = make_model(tmp_path / "model" / "model.onnx", "landsat7-b6")
    ours = read(retrieve(scene, output="x.tif", model=model, emissivity=1.0, **THIN).path)
    assert np.abs(ours - truth).max() < 0.1


GIVEN_UNCERTAINTIES = INPUT_UNCERTAINTIES["given"]
AIRS = {
    "dry": ({"water_vapour": 4.0, "surface_pressure": 1013.0, "air_temperature": 290.0}, -2.2),
    "summer": ({"water_vapour": 18.0, "surface_pressure": 1013.0, "air_temperature": 296.0}, -4.9),
    "humid": ({"water_vapour": 44.0, "surface_pressure": 1013.0, "air_temperature": 297.5}, -10.6),
}


@pytest.mark.parametrize("air", AIRS)
def test_a_mono_window_without_the_air_is_kelvins_too_cold(tmp_path, air):
    state, stated = AIRS[air]
    truth = np.full((60, 70), 315.0)
    known = {
        f"{name}_uncertainty": GIVEN_UNCERTAINTIES[name].at(state[name]) for name in ("water_vapour", "air_temperature")
    }
    told, around = {**state, **known, "gas_year": 2015.55}, 305.0
    for _ in range(3):  # the model sees the scene's own brightness temperature
        atmosphere = {**told, "brightness_temperature": around}
        scene = make_scene(tmp_path / "in", lst=truth, emissivity=0.97, atmosphere=atmosphere, air=SHIPPED)
        seen = brightness(scene, L8.k1, L8.k2, L8.gain, L8.radiance_offset)
        around = float(np.median(seen))
    theirs = peers_emissivity_correction(seen, 0.97, L8.wavelength)
    assert (theirs - truth).mean() == pytest.approx(stated, abs=0.2)
    ours = read(retrieve(scene, output="x.tif", model=SHIPPED, emissivity=0.97, **state).path)
    assert np.abs(ours - truth).max() < 0.05


def test_an_emissivity_above_one_is_refused(tmp_path, model_path):
    """A formula of the NDVI whose constant was mistyped, 1.094 for 1.0094, leaves the range at once."""
    ndvi = ramp(0.2, 0.7)
    theirs, published = (constant + 0.047 * np.log(ndvi) for constant in (1.094, 1.0094))
    assert theirs.min() > 1.0
    assert published.max() < 1.0
    scene = make_scene(tmp_path / "in", lst=WARM, emissivity=published, atmosphere=THIN)
    seen = brightness(scene, L8.k1, L8.k2, L8.gain, L8.radiance_offset)
    assert (peers_emissivity_correction(seen, theirs, L8.wavelength) - WARM).mean() < -5.0
    wrong = write_raster(tmp_path / "wrong.tif", theirs.astype("f4"))
    with pytest.raises(InputError, match=r"outside \(0, 1\]"):
        retrieve(scene, output="x.tif", model=model_path, emissivity=wrong, **THIN)
    with pytest.raises(InputError, match=r"outside \(0, 1\]"):
        retrieve(scene, output="x.tif", model=model_path, emissivity=1.061, **THIN)
    right = write_raster(tmp_path / "right.tif", published.astype("f4"))
    ours = read(retrieve(scene, output="x.tif", model=model_path, emissivity=right, **THIN).path)
    assert np.abs(ours - WARM).max() < 0.05


def emissivity_of(ndvi):
    """Soil below an NDVI of 0.2, plants above 0.5, and a mixture between them. [1]"""
    return np.clip(0.96 + (ndvi - 0.2) / 0.3 * 0.03, 0.96, 0.99)


def test_unsigned_numbers_wrap_around_where_red_exceeds_near_infrared(tmp_path, model_path):
    """Differences of whole numbers without sign are huge instead of negative: bare ground becomes a forest."""
    red = np.full(WARM.shape, 12000, "u2")
    near_infrared = np.where(ramp(0, 1) > 0.5, 11000, 18500).astype("u2")
    bare = near_infrared < red
    total = (near_infrared + red).astype("f8")
    theirs = (near_infrared - red) / total
    true = (near_infrared.astype("f8") - red) / total
    assert theirs[bare].min() > 1.0 > 0.0 > true[bare].max()
    np.testing.assert_array_equal(theirs[~bare], true[~bare])
    scene = make_scene(tmp_path / "in", lst=WARM, emissivity=emissivity_of(true), atmosphere=THIN)
    seen = brightness(scene, L8.k1, L8.k2, L8.gain, L8.radiance_offset)
    error = peers_emissivity_correction(seen, emissivity_of(theirs), L8.wavelength) - WARM
    assert error[bare].mean() < -1.9
    assert np.abs(error[~bare]).max() < 0.2
    scaled = np.rint(emissivity_of(true) * 1e4).astype(
        "u2"
    )  # whole numbers without sign are read as what they stand for
    path = write_raster(tmp_path / "emissivity.tif", scaled, scale=1e-4)
    ours = read(retrieve(scene, output="x.tif", model=model_path, emissivity=path, **THIN).path)
    assert np.abs(ours - WARM).max() < 0.05


def test_digital_numbers_of_the_highest_values_do_not_wrap_around(tmp_path, model_path):
    """The thermal band is whole numbers without sign too: a scene of its highest ones is hot, not cold."""
    numbers = np.full((60, 70), 65000, "u2")
    path = write_raster(tmp_path / f"{STEM}_B10.TIF", numbers)
    (tmp_path / f"{STEM}_MTL.txt").write_text(
        "GROUP = X\nSPACECRAFT_ID = LANDSAT_8\nRADIANCE_MULT_BAND_10 = 1.5E-4\nRADIANCE_ADD_BAND_10 = 0.1\nEND\n"
    )
    seen = brightness(path, L8.k1, L8.k2, 1.5e-4, 0.1)
    ours = read(retrieve(path, output="x.tif", model=model_path, emissivity=1.0, **{**STATE, **THIN}).path)
    assert np.abs(ours - seen).max() < 0.3
