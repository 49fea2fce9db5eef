"""What reaches a model: values, defaults and uncertainties of every input."""

from itertools import pairwise

import numpy as np
import pytest
import rasterio

from lst_raster import Model, Scene, retrieve
from lst_raster.errors import InputError
from lst_raster.inputs.climatology import climatology
from lst_raster.inputs.resolve import assumption_warnings, atmosphere_input_names, resolve_inputs
from lst_raster.product.quality_flags import flag
from lst_raster.retrieval.atmosphere import CoarseAtmosphere
from lst_raster.retrieval.masks import choose_masking
from tests.support.factories import STATE, make_model, make_scene, ramp, write_raster
from tests.support.neighbourhoods import neighbourhood_of


@pytest.fixture
def scene(tmp_path):
    return Scene.open(make_scene(tmp_path / "in", lst=ramp(280.0, 300.0)))


def at_the_model(scene, given, model, **options):
    """Values of all inputs of the model, as they reach it."""
    inputs = resolve_inputs(scene, given, model, **options)
    masking = choose_masking(scene, clouds=True, dilation=0.0)
    inputs = inputs.with_neighbourhood(neighbourhood_of(scene, masking))
    values = CoarseAtmosphere.over(inputs, scene.grid, uncertainty=True).values(np.array([5.0]), np.array([5.0]), 0.0)
    assert set(values) == {variable.name for variable in inputs.network.contract.atmosphere_inputs}
    return {name: float(value[0]) for name, value in values.items()}


def test_what_is_not_given_comes_from_the_climatology_with_its_uncertainty(scene, model_path):
    mean = climatology(scene.latitude, scene.longitude, scene.date.day_of_year)
    above = mean.at_elevation(mean.elevation + mean.elevation_uncertainty)
    found = at_the_model(scene, {}, model_path)
    for name in ("water_vapour", "air_temperature"):
        assert found[name] == pytest.approx(float(getattr(mean, name)), abs=0.06)
        of_elevation = getattr(mean, name) - getattr(above, name)
        expected = np.hypot(getattr(mean, f"{name}_uncertainty"), of_elevation)
        assert found[f"{name}_uncertainty"] == pytest.approx(float(expected), rel=0.01)
    assert found["surface_pressure"] == pytest.approx(float(mean.surface_pressure), abs=0.06)


def test_with_a_dem_the_climatology_is_less_uncertain(scene, model_path):
    plain = at_the_model(scene, {}, model_path)
    adjusted = at_the_model(scene, {}, model_path, dem=10.0)
    for name in ("water_vapour", "air_temperature"):
        assert adjusted[f"{name}_uncertainty"] < plain[f"{name}_uncertainty"]


def test_a_given_pressure_is_that_of_the_climatology(scene, model_path):
    mean = climatology(scene.latitude, scene.longitude, scene.date.day_of_year).at_pressure(700.0)
    found = at_the_model(scene, {"surface_pressure": 700.0}, model_path)
    for name in ("water_vapour", "air_temperature"):
        assert found[name] == pytest.approx(float(getattr(mean, name)), abs=0.06)
        uncertainty = float(getattr(mean, f"{name}_uncertainty"))
        assert found[f"{name}_uncertainty"] == pytest.approx(uncertainty, rel=0.01)
    inputs = resolve_inputs(scene, {"surface_pressure": 700.0}, model_path)
    (line,) = (line for line in assumption_warnings(scene, inputs) if "climatology of" in line)
    assert line.endswith(f"at {float(mean.elevation):.0f} m") and mean.elevation > 2500.0


def test_an_uncertainty_beyond_the_training_is_not_out_of_range(tmp_path, scene, model_path):
    *_, product = solved(scene, tmp_path / "x.tif", model_path, **{**STATE, "water_vapour": "20mm±60mm"})
    assert not any("outside the range" in line for line in product.warnings)
    with rasterio.open(product.path.with_name("x_QA.tif")) as dataset:
        assert not (dataset.read(1) & flag("outside_range").mask).any()


def test_aerosol_and_year_have_defaults(scene, model_path):
    found = at_the_model(scene, STATE, model_path)
    assert (found["aerosol_optical_depth"], found["aerosol_optical_depth_uncertainty"]) == (0.02, 0.015)
    assert found["gas_year"] == pytest.approx(2015.55, abs=0.01)  # 19 July 2015


def test_without_a_date_the_year_is_the_middle_of_the_sensor_s_operation(tmp_path, model_path):
    path = make_scene(tmp_path, lst=ramp(280.0, 300.0), name="LC08_x_B10.TIF", mtl=False)
    inputs = resolve_inputs(Scene.open(path), STATE, model_path)
    year = inputs.atmosphere["gas_year"]
    assert year.origin == "sensor" and 2013.0 < year.source < 2030.0


def test_given_values_have_their_own_uncertainty_or_that_of_a_measurement(scene, model_path):
    found = at_the_model(scene, {**STATE, "aerosol_optical_depth": 0.1}, model_path)
    assert found["water_vapour_uncertainty"] == 1.0 and found["air_temperature_uncertainty"] == 1.0
    assert found["aerosol_optical_depth_uncertainty"] == pytest.approx(0.02)
    stated = {"water_vapour": "20mm±3mm", "air_temperature": "22C±2C", "aerosol_optical_depth": "0.1+-50%"}
    found = at_the_model(scene, stated, model_path)
    assert found["air_temperature"] == pytest.approx(295.15)
    assert (found["water_vapour_uncertainty"], found["air_temperature_uncertainty"]) == (3.0, 2.0)
    assert found["aerosol_optical_depth_uncertainty"] == pytest.approx(0.05)


def test_the_uncertainties_are_no_quantities_that_a_user_gives(profile_model):
    names = atmosphere_input_names(Model.load(profile_model))
    assert not [name for name in names if name.endswith("_uncertainty")]
    assert {"water_vapour", "aerosol_optical_depth", "gas_year", "brightness_temperature"} <= set(names)


def test_the_background_aerosol_is_no_assumption_worth_a_warning(scene, model_path):
    inputs = resolve_inputs(scene, {}, model_path)
    (line,) = [line for line in assumption_warnings(scene, inputs) if "climatology" in line]
    assert line.startswith("no water vapour, surface pressure, air temperature given: climatology of latitude 30.8")
    assert assumption_warnings(scene, resolve_inputs(scene, STATE, model_path, emissivity=0.97)) == []


def test_an_aerosol_that_cannot_be_is_refused_with_its_meaning(scene, model_path):
    with pytest.raises(InputError, match=r"give the absorption optical depth at 11 um, about 0\.02 in clear air"):
        resolve_inputs(scene, {"aerosol_optical_depth": 1.5}, model_path)


def solved(scene, output, model, **given):
    product = retrieve(scene, output=output, model=model, emissivity=0.97, **given)
    with rasterio.open(product.path) as lst, rasterio.open(output.with_name(f"{output.stem}_UNC.tif")) as uncertainty:
        return lst.read(1), uncertainty.read(1), product


def test_a_raster_of_aerosol_acts_pixel_by_pixel(tmp_path, scene, model_path):
    depth = np.full((60, 70), 0.02, "f4")
    depth[:, 35:] = 0.12
    haze = write_raster(tmp_path / "haze.tif", depth)
    plain, _, _ = solved(scene, tmp_path / "plain.tif", model_path, **STATE)
    hazy, _, product = solved(scene, tmp_path / "hazy.tif", model_path, aerosol=f"{haze}±0.02", **STATE)
    np.testing.assert_allclose(hazy[:, :35], plain[:, :35], atol=0.02)
    assert np.abs(hazy - plain)[:, 35:].min() > 0.05
    assert product.tags["aerosol_optical_depth"] == "haze.tif ± 0.02 (given)"
    assert product.tags["air"] == "exact: the model at every pixel"


def test_more_certain_inputs_make_the_temperature_more_certain(tmp_path, scene, model_path):
    vapour = STATE["water_vapour"]
    others = {"air_temperature": 295.0, "surface_pressure": 1000.0}
    found = [
        solved(scene, tmp_path / f"{number}.tif", model_path, water_vapour=text, **others)[:2]
        for number, text in enumerate((f"{vapour}±0", f"{vapour}±2", f"{vapour}±20%"))
    ]
    for (lst, less), (same, more) in pairwise(found):
        np.testing.assert_array_equal(lst, same)
        assert (less < more).all()
    parts = retrieve(scene, output=tmp_path / "x.tif", model=model_path, water_vapour=vapour, **others).tags
    assert [part.rsplit(" ", 2)[0] for part in parts["uncertainty_parts"].partition(" (")[0].split(", ")] == [
        "sensor", "emissivity", "atmosphere",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "is_assumed"),
    [({}, True), ({"air_temperature": 295.0}, True), ({"water_vapour": 20.0}, False), (STATE, False)],
)
def test_the_flag_of_an_assumed_atmosphere_is_that_of_the_water_vapour(tmp_path, scene, model_path, given, is_assumed):
    product = retrieve(scene, output=tmp_path / "a.tif", model=model_path, **given)
    with rasterio.open(product.path.with_name("a_QA.tif")) as dataset:
        assert set(np.unique(flag("assumed_atmosphere").of(dataset.read(1)))) == {int(is_assumed)}


def test_the_year_of_the_gases_reaches_the_model(tmp_path):
    later = make_model(tmp_path / "later" / "model.onnx", sensitivity={"gas_year": 0.01})
    found = []
    for date in ("1995-07-19", "2025-07-19"):
        scene = Scene.open(make_scene(tmp_path / "in", lst=ramp(290.0, 300.0)), date=date)
        found.append(solved(scene, tmp_path / f"{date}.tif", later, **STATE)[0])
    assert np.abs(found[1] - found[0]).min() > 0.3
