"""Rasters of radiance or brightness temperature, of any sensor band: retrieved as scenes of Landsat are."""

import json
import re

import numpy as np
import pytest
import rasterio
import xarray as xr

import lst_raster
from lst_raster.errors import InputError, ModelError, OutputError, SceneError, UnknownSensorError
from lst_raster.inference.model import Model
from lst_raster.io.measured_scene import MeasuredScene
from lst_raster.io.scene import Scene
from lst_raster.physics.calibration import brightness_temperature_two_constants
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.sensors.bands import definition_path, sensor_band
from tests.support.custom_sensors import make_custom_models, make_custom_sensor
from tests.support.factories import FULL_PRECISION, STATE, ramp, write_raster

AIR = [word for name, value in STATE.items() for word in (f"--{name.replace('_', '-')}", str(value))]
LST = ramp(285.0, 315.0)


@pytest.fixture
def aster(tmp_path, user_folder):
    """An own sensor with models of two tiers."""
    make_custom_sensor(tmp_path)
    make_custom_models()
    return "aster-b13"


def radiance_of(sensor, lst=LST, emissivity=0.97):
    """Radiance at the sensor over ground of a temperature, under the test model's air."""
    terms = Model.load(f"{sensor}/surface").atmosphere(**STATE, brightness_temperature=290.0)
    return sensor_radiance(
        lst, np.float64(emissivity), *(term.astype("f8") for term in terms[:3]), sensor_band(sensor).planck
    )


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def retrieved(scene, folder, **options):
    folder.mkdir(parents=True, exist_ok=True)
    given = {"emissivity": 0.97, "form": FULL_PRECISION, **STATE, **options}
    return read(lst_raster.retrieve(scene, output=folder / "out_LST.tif", **given).path)


def test_radiance_and_brightness_temperature_give_the_true_surface_temperature(tmp_path, aster):
    radiance = radiance_of(aster).astype("f4")
    kelvin = brightness_temperature(radiance.astype("f8"), sensor_band(aster).planck).astype("f4")
    for name, values, quantity in (("l", radiance, "radiance"), ("t", kelvin, "brightness-temperature")):
        path = write_raster(tmp_path / f"{name}.tif", values)
        scene = MeasuredScene.open(path, sensor=aster, quantity=quantity)
        found = retrieved(scene, tmp_path / name)
        np.testing.assert_allclose(found, LST, atol=2e-3)


def test_scaled_integers_and_digital_numbers_give_it_within_their_rounding(tmp_path, user_folder):
    make_custom_sensor(tmp_path, gain=0.005, radiance_offset=-0.005)
    make_custom_models()
    radiance = radiance_of("aster-b13")
    numbers = np.rint((radiance + 0.005) / 0.005).astype("u2")
    stored = write_raster(tmp_path / "dn.tif", numbers)
    scaled = write_raster(tmp_path / "scaled.tif", numbers, scale=0.005, offset=-0.005)
    for path, quantity in ((stored, "digital-numbers"), (scaled, "radiance"), (scaled, "digital-numbers")):
        scene = MeasuredScene.open(path, sensor="aster-b13", quantity=quantity)
        found = retrieved(scene, tmp_path / "out" / quantity, overwrite=True)
        np.testing.assert_allclose(found, LST, atol=0.03)
    other = write_raster(tmp_path / "other.tif", numbers, scale=0.01)
    with pytest.raises(SceneError, match="if the file's convert to radiance, give --quantity radiance"):
        MeasuredScene.open(other, sensor="aster-b13", quantity="digital-numbers")


def test_what_is_not_positive_nodata_or_saturated_has_no_temperature(tmp_path, aster):
    radiance = radiance_of(aster).astype("f4")
    radiance[0, :4] = (0.0, np.nan, -9999.0, np.inf)
    scene = MeasuredScene.open(write_raster(tmp_path / "l.tif", radiance), sensor=aster, quantity="radiance")
    found = retrieved(scene, tmp_path)
    assert np.isnan(found[0, :4]).all()
    assert np.isfinite(found).sum() == found.size - 4
    numbers = np.rint(radiance_of(aster) * 100).astype("u2")
    numbers[3, 5] = 65535
    scaled = write_raster(tmp_path / "s.tif", numbers, scale=0.01)
    product = lst_raster.retrieve(
        MeasuredScene.open(scaled, sensor=aster, quantity="radiance"), output=tmp_path, emissivity=0.97, **STATE
    )
    assert product.retrieved == numbers.size - 1


@pytest.mark.slow
@pytest.mark.parametrize("fill", [0.0, -9999.0, 9999.0, 1e15, np.finfo("f4").max])
@pytest.mark.parametrize("quantity", ["radiance", "brightness-temperature"])
def test_fill_that_no_nodata_value_names_has_no_temperature(tmp_path, aster, fill, quantity):
    values = radiance_of(aster)
    if quantity == "brightness-temperature":
        values = brightness_temperature(values, sensor_band(aster).planck)
    values = values.astype("f4")
    values[:10] = fill
    scene = MeasuredScene.open(write_raster(tmp_path / "x.tif", values), sensor=aster, quantity=quantity)
    found = retrieved(scene, tmp_path)
    assert np.isnan(found[:10]).all()
    np.testing.assert_allclose(found[10:], LST[10:], atol=2e-3)


def test_a_landsat_band_may_be_a_raster_too_its_temperature_by_the_two_constants(tmp_path, all_tiers):
    band = sensor_band("landsat8-b10")
    radiance = radiance_of("landsat8-b10")
    kelvin = brightness_temperature_two_constants(radiance, band.k1, band.k2).astype("f4")
    for name, values, quantity in (("l", radiance.astype("f4"), "radiance"), ("t", kelvin, "brightness-temperature")):
        scene = MeasuredScene.open(
            write_raster(tmp_path / f"{name}.tif", values), sensor="landsat8-b10", quantity=quantity
        )
        np.testing.assert_allclose(retrieved(scene, tmp_path / name), LST, atol=3e-3)


def test_arrays_give_what_the_raster_gives(tmp_path, aster):
    radiance = radiance_of(aster).astype("f4")
    array = xr.DataArray(radiance, dims=("y", "x"))
    found = lst_raster.retrieve_array(
        array, 0.97, STATE["water_vapour"], sensor=aster, air_temperature=STATE["air_temperature"],
        surface_pressure=STATE["surface_pressure"],
    )  # fmt: skip
    np.testing.assert_allclose(found.lst, LST, atol=2e-3)
    assert found.attrs["model"] == "aster-b13/surface"
    scene = MeasuredScene.open(write_raster(tmp_path / "l.tif", radiance), sensor=aster, quantity="radiance")
    product = lst_raster.retrieve(scene, output=tmp_path, emissivity=0.97, exact=True, form=FULL_PRECISION, **STATE)
    dataset = lst_raster.open_product(product.path)
    np.testing.assert_allclose(dataset.lst, found.lst, atol=1e-3)
    np.testing.assert_allclose(dataset.lst_uncertainty, found.lst_uncertainty, atol=0.02)


def test_the_command_retrieves_and_the_product_has_its_provenance(tmp_path, aster, command):
    path = write_raster(tmp_path / "scene.tif", radiance_of(aster).astype("f4"), units="W m-2 sr-1 um-1")
    code, out, err = command(
        "retrieve", path, "--sensor", aster, "--quantity", "radiance", "--emissivity", 0.97,
        "--date", "2005-07-03T05:20", *AIR, "-o", tmp_path, "-q",
    )  # fmt: skip
    assert (code, out, err) == (0, [str(tmp_path / "scene_LST.tif")], [])
    with rasterio.open(out[0]) as product:
        tags = product.tags()
    assert (tags["sensor"], tags["model"], tags["calibration"]) == (
        aster,
        "aster-b13/surface",
        "none: radiance was given",
    )
    assert (tags["acquisition_date"], tags["mask"]) == ("2005-07-03", "none: the scene has no quality band")
    item = json.loads((tmp_path / "scene_LST.json").read_text())
    assert "platform" not in item["properties"]
    assert item["assets"]["lst"]["bands"][0]["eo:center_wavelength"] == 10.6
    code, out, _ = command("check", tmp_path / "scene_LST.tif")
    assert code == 0
    assert command("info", tmp_path / "scene_LST.tif")[0] == 0


def test_info_describes_a_raster_and_batch_reads_a_table_of_them(tmp_path, aster, command):
    path = write_raster(tmp_path / "scene.tif", radiance_of(aster).astype("f4"))
    code, out, _ = command("info", path, "--sensor", aster, "--quantity", "radiance", "--json")
    output = json.loads("\n".join(out))
    assert (code, output["calibration"], output["sensor"]) == (
        0,
        "none: radiance was given",
        "aster-b13 (aster-b13), from --sensor",
    )
    (tmp_path / "list.csv").write_text(f"scene\n{path}\n")
    code, out, err = command(
        "batch", tmp_path / "list.csv", "--sensor", aster, "--quantity", "radiance", "--emissivity", 0.97, *AIR,
        "-o", tmp_path / "many", "-q", "--precision", "full",
    )  # fmt: skip
    assert code == 0, (out, err)
    np.testing.assert_allclose(read(tmp_path / "many" / "scene_LST.tif"), LST, atol=2e-3)


@pytest.mark.parametrize(
    ("values", "quantity", "says"),
    [
        (LST, "radiance", "may be a temperature in kelvin: --quantity brightness-temperature"),
        (LST - 273.15, "brightness-temperature", "may be degrees Celsius, or radiance"),
        (LST - 295.0, "brightness-temperature", "negative values such as .* degrees Celsius"),
        (np.linspace(8.0, 11.0, 4200).reshape(60, 70), "brightness-temperature", "or --quantity radiance"),
        (np.linspace(90.0, 110.0, 4200).reshape(60, 70), "radiance", "per wavenumber"),
        (np.linspace(18.0, 22.0, 4200).reshape(60, 70), "radiance", "too hot for the place"),
        (LST * 10, "brightness-temperature", "it may be scaled; give kelvin"),
    ],
)
def test_values_that_cannot_be_what_they_are_said_to_be_are_refused(tmp_path, aster, values, quantity, says):
    path = write_raster(tmp_path / "x.tif", np.asarray(values, "f4"))
    with pytest.raises(SceneError, match=says):
        MeasuredScene.open(path, sensor=aster, quantity=quantity)


def test_a_unit_in_the_file_that_says_otherwise_is_refused(tmp_path, aster):
    path = write_raster(tmp_path / "x.tif", LST.astype("f4"), units="K")
    assert MeasuredScene.open(path, sensor=aster, quantity="brightness-temperature").sensor == aster
    with pytest.raises(SceneError, match="has the unit 'K': it is brightness-temperature, not radiance"):
        MeasuredScene.open(path, sensor=aster, quantity="radiance")


def test_missing_options_are_named(tmp_path, aster, command):
    path = write_raster(tmp_path / "x.tif", LST.astype("f4"))
    with pytest.raises(SceneError, match="is a custom sensor; specify the at-sensor quantity in the file: --quantity"):
        Scene.open(path, sensor=aster)
    with pytest.raises(UnknownSensorError, match="add --sensor"):
        MeasuredScene.open(path, quantity="radiance")
    with pytest.raises(InputError, match="give one of radiance"):
        MeasuredScene.open(path, sensor=aster, quantity="celsius")
    with pytest.raises(InputError, match="has no gain"):
        MeasuredScene.open(path, sensor=aster, quantity="digital-numbers")
    with pytest.raises(InputError, match="leave out --band"):
        MeasuredScene.open(path, sensor=aster, quantity="radiance", band="13")
    with pytest.raises(SceneError, match="give the raster itself"):
        MeasuredScene.open(tmp_path, sensor=aster, quantity="radiance")
    two = write_raster(tmp_path / "two.tif", np.stack([LST, LST]).astype("f4"))
    with pytest.raises(SceneError, match="has 2 bands"):
        MeasuredScene.open(two, sensor=aster, quantity="radiance")
    assert command("retrieve", path, "--quantity", "radiance", "--level-2")[0] == 2


def test_unknown_emissivity_of_a_band_and_a_missing_tier_are_errors(tmp_path, aster):
    path = write_raster(tmp_path / "x.tif", LST.astype("f4"))
    scene = MeasuredScene.open(path, sensor=aster, quantity="brightness-temperature")
    for source in ("ndvi", f"aster-ged:{tmp_path}"):
        with pytest.raises(InputError, match="no emissivity coefficients are known for aster-b13"):
            lst_raster.retrieve(scene, output=tmp_path, emissivity=source, **STATE)
    with pytest.raises(ModelError, match=r"there are: aster-b13/surface; train it: lst-raster train"):
        lst_raster.retrieve(scene, output=tmp_path, emissivity=0.97, model="aster-b13/profile", **STATE)
    with pytest.raises(ModelError, match="the scene is aster-b13"):
        lst_raster.retrieve(scene, output=tmp_path, emissivity=0.97, model="landsat8-b10/surface", **STATE)


def test_a_unit_of_the_file_is_converted_and_one_that_is_not_known_is_refused(tmp_path, aster):
    def radiance(name, values, units, quantity):
        path = write_raster(tmp_path / name, np.asarray(values, "f4"), units=units)
        scene = MeasuredScene.open(path, sensor=aster, quantity=quantity)
        with rasterio.open(path) as dataset:
            return scene.read(dataset).radiance

    kelvin = radiance("k.tif", LST, "K", "brightness-temperature")
    celsius = radiance("c.tif", LST - 273.15, "celsius", "brightness-temperature")
    np.testing.assert_allclose(celsius, kelvin, rtol=1e-5)
    watts = radiance("w.tif", radiance_of(aster), "", "radiance")
    milliwatts = radiance("m.tif", radiance_of(aster) / 10.0, "mW cm-2 sr-1 um-1", "radiance")
    np.testing.assert_allclose(milliwatts, watts, rtol=1e-5)
    for units, quantity in (("rankine", "brightness-temperature"), ("mW/(m2 sr cm-1)", "radiance")):
        with pytest.raises(InputError, match="which is not one of"):
            radiance("x.tif", LST if quantity != "radiance" else radiance_of(aster), units, quantity)


def test_a_product_of_a_redefined_sensor_is_not_kept(tmp_path, aster):
    path = write_raster(tmp_path / "scene.tif", radiance_of(aster).astype("f4"))

    def made():
        scene = MeasuredScene.open(path, sensor=aster, quantity="radiance")
        return lst_raster.retrieve(scene, output=tmp_path / "out_LST.tif", emissivity=0.97, **STATE)

    assert [made().reused for _ in range(2)] == [False, True]
    definition = definition_path(aster)
    text = definition.read_text()
    noisier = re.sub(r"(?m)^noise = .*$", "noise = 1.5", text)
    assert noisier != text
    definition.write_text(noisier)
    with pytest.raises(OutputError, match="exists and is kept; add --overwrite"):
        made()
