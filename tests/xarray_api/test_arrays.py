"""Arrays retrieved: the numbers of a scene's retrieval, by the names of dimensions, lazily."""

import logging
import pickle
import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr

import lst_raster
from lst_raster import Model, Scene, retrieve, retrieve_array
from lst_raster.errors import GridMismatchError, InputError, ModelError, UnknownSensorError
from lst_raster.io.raster import open_raster
from lst_raster.physics.planck import brightness_temperature
from lst_raster.retrieval.masks import choose_masking
from lst_raster.sensors.bands import sensor_band
from lst_raster.xarray_api import blocks
from lst_raster.xarray_api.atmosphere_inputs import place_of
from tests.support.factories import FULL_PRECISION, make_model, make_scene, ramp, write_raster
from tests.support.neighbourhoods import neighbourhood_of
from tests.support.profile_air import DATE, LATITUDE, LEVELS, LONGITUDE, humidity_at, temperature_at
from tests.support.reanalysis_files import TIMES, write_levels
from tests.support.two_band_scenes import make_two_band_scene

SENSOR = "landsat8-b10"
SHAPE = (60, 70)
KNOWN = {"air_temperature": 295.0, "surface_pressure": 1000.0}
_ROWS, _COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
VAPOUR = (10.0 + 0.3 * _ROWS + 0.1 * _COLUMNS).astype("f4")
EMISSIVITY = (0.95 + 0.0005 * _COLUMNS).astype("f4")


def on_grid(values, dims=("y", "x"), **attributes):
    """An array on the coordinates of `make_scene`'s grid, with a coordinate system."""
    places = {"y": 3408645.0 - 30.0 * (np.arange(SHAPE[0]) + 0.5), "x": 452475.0 + 30.0 * (np.arange(SHAPE[1]) + 0.5)}
    array = xr.DataArray(values, dims=dims, attrs=attributes)
    array = array.assign_coords({name: places[name] for name in dims if name in places})
    system = {"crs_wkt": rasterio.crs.CRS.from_epsg(32616).to_wkt(), "GeoTransform": "452475 30 0 3408645 0 -30"}
    return array.assign_coords(spatial_ref=((), 0, system))


RADIANCE = on_grid(ramp(8.0, 10.0).astype("f4"))
COMMON = {"sensor": SENSOR, **KNOWN}
GIVEN_UNCERTAINTIES = {
    "water_vapour_uncertainty": np.maximum(0.5, 0.05 * VAPOUR), "air_temperature_uncertainty": 1.0,
    "aerosol_optical_depth_uncertainty": 0.015,
}  # fmt: skip


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def radiance_of(path):
    scene = Scene.open(path)
    with open_raster(scene.place, "scene", InputError) as dataset:
        pixels = scene.read(dataset)
    return on_grid(np.where(pixels.measured, pixels.radiance, np.nan))


def brightness_around(path):
    """Brightness temperature of the neighbourhood in a retrieval of the scene."""
    scene = Scene.open(path)
    return neighbourhood_of(scene, choose_masking(scene, clouds=True, dilation=0.0)).source


@pytest.fixture(params=["made", "shipped"])
def model(request, model_path):
    return model_path if request.param == "made" else "landsat8-b10/surface"


@pytest.mark.slow
@pytest.mark.parametrize("given", ["numbers", "arrays"])
def test_the_numbers_are_those_of_the_exact_retrieval_of_the_scene(tmp_path, model, given):
    fill = np.zeros(SHAPE, bool)
    fill[:7, 5:9] = True
    path = make_scene(tmp_path / "in", lst=ramp(280, 310), fill=fill)
    files = {
        "water_vapour": write_raster(tmp_path / "w.tif", VAPOUR),
        "emissivity": write_raster(tmp_path / "e.tif", EMISSIVITY),
    }
    known = {"water_vapour": 20.0, "emissivity": 0.97}
    options = {
        "model": model,
        "exact": True,
        "form": FULL_PRECISION,
        **KNOWN,
        **(files if given == "arrays" else known),
    }
    product = retrieve(path, output=tmp_path, **options)
    arrays = {"water_vapour": on_grid(VAPOUR), "emissivity": on_grid(EMISSIVITY)}
    radiance = radiance_of(path).assign_coords(time=np.datetime64("2015-07-19", "ns"))
    around = brightness_around(path)
    found = retrieve_array(
        radiance, model=model, brightness_temperature=around, **COMMON, **(arrays if given == "arrays" else known)
    )
    np.testing.assert_array_equal(found.lst, read(product.path))
    np.testing.assert_array_equal(found.lst_uncertainty, read(product.path.with_name(f"{product.path.stem}_UNC.tif")))
    np.testing.assert_array_equal(np.isnan(found.lst), fill)
    assert found.lst.dtype == found.lst_uncertainty.dtype == np.float32
    tags = {name: product.tags[name] for name in ("equation", "model", "model_sha256", "air_temperature", "sensor")}
    assert tags.items() <= found.attrs.items()


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 70}, {"y": 60, "x": 11}, {"y": (1, 58, 1), "x": (69, 1)}])
def test_chunks_change_no_bit_and_numpy_stays_numpy(chunks):
    arguments = (RADIANCE, on_grid(EMISSIVITY), on_grid(VAPOUR))
    expected = retrieve_array(*arguments, terms=True, **COMMON)
    assert isinstance(expected.lst.data, np.ndarray)
    lazy = retrieve_array(*(array.chunk(chunks) for array in arguments), terms=True, **COMMON)
    assert lazy.lst.chunks == arguments[0].chunk(chunks).chunks
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous"), expected)


def test_only_requested_chunks_are_computed():
    asked = []

    def read_block(values, block_info=None):
        asked.append(block_info[0]["chunk-location"])
        return values

    data = da.from_array(RADIANCE.values, chunks=(20, 70)).map_blocks(
        read_block, dtype="f4", meta=np.empty((0, 0), "f4")
    )
    radiance = RADIANCE.copy(data=data)
    options = COMMON | {"brightness_temperature": 290.0}
    lazy = retrieve_array(radiance, 0.97, on_grid(VAPOUR), **options)  # the vapour is in memory
    assert not asked
    lazy.lst.isel(y=slice(45, 50)).compute(scheduler="synchronous")
    assert asked == [(2, 0)]
    asked.clear()
    lazy = retrieve_array(radiance, 0.97, on_grid(VAPOUR), **COMMON)  # the mean reads all of them, and keeps none
    assert not asked
    lazy.lst.isel(y=slice(45, 50)).compute(scheduler="synchronous")
    assert sorted(asked) == [(0, 0), (1, 0), (2, 0), (2, 0)]


@pytest.mark.parametrize("dims", [("y", "x"), ("lat", "lon"), ("line", "sample")])
def test_the_neighbourhood_is_the_mean_of_the_valid_radiances_of_each_scene(sensitive_model, dims):
    scenes = np.stack([RADIANCE.values, 1.1 * RADIANCE.values])
    scenes[:, 3, :5] = np.nan, np.inf, -1.0, 0.0, np.nan
    radiance = xr.DataArray(scenes.astype("f4"), dims=("scene", *dims))
    options = {"model": sensitive_model, **COMMON}
    found = retrieve_array(radiance, 0.97, 20.0, **options)
    valid = np.where(np.isfinite(scenes) & (scenes > 0.0), scenes, np.nan)
    means = brightness_temperature(np.nanmean(valid, axis=(1, 2)), sensor_band(SENSOR).planck)
    expected = retrieve_array(radiance, 0.97, 20.0, brightness_temperature=xr.DataArray(means, dims="scene"), **options)
    np.testing.assert_allclose(found.lst, expected.lst, atol=2e-3)
    assert (
        np.abs(found.lst - retrieve_array(radiance, 0.97, 20.0, brightness_temperature=280.0, **options).lst).max()
        > 0.1
    )
    points = radiance.isel({dims[0]: 5, "scene": 0}).rename({dims[1]: "site"})
    alone = retrieve_array(points, 0.97, 20.0, **options).lst[7]
    np.testing.assert_array_equal(retrieve_array(points[7], 0.97, 20.0, **options).lst, alone)


@pytest.fixture(scope="module")
def sensitive_model(tmp_path_factory):
    """A model whose atmosphere depends on the neighbourhood and the year."""
    folder = tmp_path_factory.mktemp("sensitive")
    sensitivity = {"brightness_temperature": 1e-3, "gas_year": 1e-3}
    return make_model(folder / "model.onnx", sensitivity=sensitivity)


def test_arrays_are_combined_by_the_names_of_their_dimensions():
    times = np.array(["2015-07-19", "2015-08-04", "2015-08-20"], "datetime64[ns]")
    vapour = xr.DataArray([10.0, 20.0, 40.0], dims="time", coords={"time": times})
    radiance = (RADIANCE * xr.DataArray([1.0, 1.02, 1.05], dims="time", coords={"time": times})).astype("f4")
    emissivity = on_grid(EMISSIVITY.T, ("x", "y"))
    together = retrieve_array(radiance, emissivity, vapour, **COMMON)
    assert together.lst.dims == radiance.dims
    assert set(together.dims) == {"time", "y", "x"}
    for time in times:
        alone = retrieve_array(radiance.sel(time=time), on_grid(EMISSIVITY), float(vapour.sel(time=time)), **COMMON)
        np.testing.assert_array_equal(together.lst.sel(time=time).transpose("y", "x"), alone.lst)
        np.testing.assert_array_equal(
            together.lst_uncertainty.sel(time=time).transpose("y", "x"), alone.lst_uncertainty
        )


def test_the_model_runs_at_every_pixel_only_where_inputs_vary(monkeypatch):
    rows = []
    solve = blocks.solve_atmosphere
    monkeypatch.setattr(blocks, "solve_atmosphere", lambda *given, **options: _noted(rows, solve(*given, **options)))
    monkeypatch.setattr(blocks, "_PIECE_SIZE", 700)
    retrieve_array(RADIANCE, on_grid(EMISSIVITY), 20.0, **COMMON)
    assert rows == [1]
    retrieve_array(RADIANCE, 0.97, on_grid(VAPOUR[:, 0], ("y",)), **COMMON)
    assert sum(rows[1:]) == SHAPE[0]
    rows.clear()
    gaps = RADIANCE.where(_COLUMNS > 10)
    retrieve_array(gaps, 0.97, on_grid(VAPOUR), **COMMON)
    assert sum(rows) == int(gaps.notnull().sum())
    assert max(rows) <= 700


def _noted(rows, layers):
    rows.append(layers[0].size)
    return layers


def test_coordinates_are_kept_and_names_follow_cf():
    radiance = RADIANCE.assign_coords(time=np.datetime64("2015-07-19T16:20", "ns")).rename(spatial_ref="here")
    radiance.encoding["grid_mapping"] = "here"
    found = retrieve_array(radiance.rename("L"), 0.97, on_grid(VAPOUR).drop_vars("spatial_ref"), terms=True, **COMMON)
    for name in ("x", "y", "time", "here"):
        xr.testing.assert_identical(found.coords[name].drop_vars("time"), radiance.coords[name].drop_vars("time"))
    assert found.here.attrs["crs_wkt"].startswith("PROJCS")
    assert found.lst.encoding["grid_mapping"] == "here"
    assert found.lst.attrs["standard_name"] == "surface_temperature"
    assert found.lst.attrs["ancillary_variables"] == "lst_uncertainty"
    assert (found.lst.attrs["units"], found.upwelling_radiance.attrs["units"]) == ("K", "W m-2 sr-1 um-1")
    assert (found.attrs["input"], found.attrs["acquisition_date"]) == ("L", "2015-07-19")
    assert found.attrs["acquisition_time"] == "16:20:00Z"
    assert found.attrs["air_temperature"] == "295 K (given)"


def test_units_are_converted_and_fill_values_are_missing():
    expected = retrieve_array(RADIANCE, on_grid(EMISSIVITY), on_grid(VAPOUR), **COMMON)
    masked = EMISSIVITY.copy()
    masked[0, :] = -9999.0
    found = retrieve_array(
        RADIANCE.assign_attrs(units="W/(m^2 sr \N{MICRO SIGN}m)"),
        on_grid(masked, units="1", _FillValue=-9999.0),
        on_grid(VAPOUR / 10.0, units="cm"),
        sensor=SENSOR,
        air_temperature=on_grid(np.full(SHAPE, 21.85), units="degrees_Celsius"),
        surface_pressure=on_grid(np.full(SHAPE, 1e5), units="Pa"),
    )
    assert np.isnan(found.lst[0]).all()
    np.testing.assert_allclose(found.lst[1:], expected.lst[1:], atol=2e-4)


def test_without_an_input_there_is_no_temperature():
    radiance, vapour = RADIANCE.copy(deep=True), on_grid(VAPOUR.copy())
    radiance[0, 0], radiance[0, 1], radiance[0, 2] = np.nan, np.inf, -1.0
    vapour[1, 0] = np.nan
    for given in (vapour, 20.0):
        found = retrieve_array(radiance, on_grid(EMISSIVITY), given, **COMMON)
        expected = np.zeros(SHAPE, bool)
        expected[0, :3], expected[1, 0] = True, given is vapour
        np.testing.assert_array_equal(np.isnan(found.lst), expected)
        np.testing.assert_array_equal(np.isnan(found.lst_uncertainty), expected)


def test_the_terms_are_those_of_the_model_and_solve_the_equation():
    found = retrieve_array(RADIANCE, 0.97, on_grid(VAPOUR), terms=True, **COMMON)
    around = np.round(brightness_temperature(RADIANCE.mean(dtype="f8").item(), sensor_band(SENSOR).planck), 2)
    expected = Model.load("landsat8-b10/surface").atmosphere(
        water_vapour=VAPOUR, brightness_temperature=around, gas_year=2021.5, **GIVEN_UNCERTAINTIES, **KNOWN
    )
    np.testing.assert_allclose(found.transmittance, expected.transmittance, rtol=1e-6)
    np.testing.assert_allclose(found.downwelling_radiance, expected.downwelling_radiance, rtol=1e-6)
    assert list(retrieve_array(RADIANCE, 0.97, 20.0, uncertainty=False, **COMMON)) == ["lst"]


def test_the_uncertainty_depends_on_that_of_the_inputs(model_path):
    options = {"model": model_path, **COMMON}

    def mean_uncertainty(**changes):
        return float(retrieve_array(RADIANCE, 0.97, 30.0, **{**options, **changes}).lst_uncertainty.mean())

    given, reanalysis = mean_uncertainty(), mean_uncertainty(origin="reanalysis")
    assert given < reanalysis
    own = {"water_vapour": 3.0, "air_temperature": 1.5}  # of a reanalysis
    assert mean_uncertainty(uncertainties=own) == pytest.approx(reanalysis)
    assert mean_uncertainty(
        uncertainties={"water_vapour": on_grid(np.full(SHAPE, 0.3), units="cm"), "air_temperature": 1.5}
    ) == (pytest.approx(reanalysis))
    assert mean_uncertainty(aerosol=0.1, uncertainties={"aerosol": 0.1}) > mean_uncertainty(aerosol=0.1) > given
    assert mean_uncertainty(emissivity_uncertainty=on_grid(EMISSIVITY * 0.1)) > given + 0.1
    found = retrieve_array(RADIANCE, 0.97, 30.0, uncertainties={"water_vapour": 2.0}, **options)
    assert found.attrs["water_vapour"] == "30 kg m-2 ± 2 kg m-2 (given)"


def test_missing_inputs_are_those_of_a_retrieval_of_the_scene(tmp_path, sensitive_model):
    """Of the climatology of place and time, with its uncertainty; aerosol and trace gases too."""
    path = make_scene(tmp_path / "in", lst=ramp(280, 310))
    product = retrieve(path, output=tmp_path, model=sensitive_model, emissivity=0.97, exact=True, form=FULL_PRECISION)
    radiance = radiance_of(path).assign_coords(time=np.datetime64("2015-07-19T16:20", "ns"))
    around = brightness_around(path)
    found = retrieve_array(radiance, 0.97, sensor=SENSOR, model=sensitive_model, brightness_temperature=around)
    np.testing.assert_allclose(found.lst, read(product.path), atol=1e-3)
    np.testing.assert_allclose(
        found.lst_uncertainty, read(product.path.with_name(f"{product.path.stem}_UNC.tif")), rtol=1e-3
    )
    for name in ("water_vapour", "air_temperature", "aerosol_optical_depth", "gas_year"):
        assert found.attrs[name] == product.tags[name]
    lazy = retrieve_array(radiance.chunk(20), 0.97, sensor=SENSOR, model=sensitive_model, brightness_temperature=around)
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous"), found)


def test_the_climatology_is_that_of_every_time_and_of_the_place(caplog):
    times = np.array(["2015-07-19", "2015-01-04"], "datetime64[ns]")
    radiance = RADIANCE.expand_dims(time=times)
    options = {"sensor": SENSOR, "brightness_temperature": 290.0}
    found = retrieve_array(radiance, 0.97, **options)
    assert "climatology of latitude 30.8, longitude -87.5 and 2015-01-04 and 1 other times: water vapour" in caplog.text
    for number, time in enumerate(times):
        alone = retrieve_array(RADIANCE.assign_coords(time=time), 0.97, **options)
        np.testing.assert_allclose(found.lst[number], alone.lst, atol=1e-3)
    assert float(found.lst[0].mean() - found.lst[1].mean()) > 1.0  # more water vapour
    degrees = {"lat": np.linspace(30.8, 30.79, 60), "lon": np.linspace(-87.5, -87.49, 70)}
    there = xr.DataArray(RADIANCE.values, dims=("lat", "lon"), coords={**degrees, "time": times[0]})
    np.testing.assert_allclose(retrieve_array(there, 0.97, **options).lst, found.lst[0], atol=0.05)
    assert "an unknown date (annual mean)" not in caplog.text
    yearly = retrieve_array(RADIANCE, 0.97, **options)
    assert "an unknown date (annual mean)" in caplog.text
    one_unknown = radiance.assign_coords(time=[times[0], np.datetime64("NaT", "ns")])
    both = retrieve_array(one_unknown, 0.97, **options)
    np.testing.assert_allclose(both.lst[0], found.lst[0])
    np.testing.assert_allclose(both.lst[1], yearly.lst, atol=1e-3)
    assert "2015-07-19 and 1 other times, 1 of them an unknown date" in caplog.text

    high = [
        retrieve_array(RADIANCE, 0.97, surface_pressure=pressure, **options).attrs["air_temperature"]
        for pressure in (1000.0, 700.0)
    ]
    low, top = (float(text.split()[0]) for text in high)
    assert low - top == pytest.approx(6.5 * 2.9, abs=1.5)


@pytest.mark.parametrize(
    ("longitudes", "centre"),
    [([179.8, 179.9, -180.0, -179.9], 179.95), ([-100.0, -1.0, 1.0, 100.0], 0.0), ([-0.2, -0.1, 0.0, 0.1], -0.05)],
)
def test_the_centre_of_an_array_is_where_its_longitudes_are(longitudes, centre):
    degrees = {"latitude": [65.0, 64.9], "longitude": longitudes}
    array = xr.DataArray(np.zeros((2, 4)), dims=tuple(degrees), coords=degrees)
    assert place_of(array) == pytest.approx((64.95, centre))


def test_without_a_place_the_air_temperature_is_the_brightness_temperature_of_the_scene(model_path, caplog):
    radiance = xr.DataArray(RADIANCE.values, dims=("y", "x"))
    found = retrieve_array(radiance, 0.97, 20.0, sensor=SENSOR, model=model_path)
    assert found.attrs["model"] == "landsat8-b10/surface"
    assert found.attrs["surface_pressure"] == "1013.25 hPa (sea level)"
    assert "no surface pressure given: 1013.25 hPa" in caplog.text
    assert "its brightness temperature ± 6 K is assumed" in caplog.text
    around = brightness_temperature(RADIANCE.mean(dtype="f8").item(), sensor_band(SENSOR).planck)
    expected = retrieve_array(
        radiance, 0.97, 20.0, sensor=SENSOR, model=model_path, air_temperature=float(around),
        surface_pressure=1013.25, uncertainties={"air_temperature": 6.0},
    )  # fmt: skip
    np.testing.assert_allclose(found.lst, expected.lst, atol=2e-3)
    np.testing.assert_allclose(found.lst_uncertainty, expected.lst_uncertainty, rtol=1e-3)
    with pytest.raises(InputError, match="no water vapour is given, and the radiance has no coordinates"):
        retrieve_array(radiance, 0.97, sensor=SENSOR, model=model_path)


def test_unused_inputs_cause_a_warning(caplog):
    retrieve_array(RADIANCE, 0.97, 20.0, profile=air_on_levels(), model="landsat8-b10/surface", **COMMON)
    assert "the model landsat8-b10/surface has no input from the profile: not used" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [None, {"y": 10, "x": 10}])
def test_inputs_outside_the_range_of_the_model_are_flagged_with_one_warning(caplog, chunks):
    vapour = on_grid(np.where(_COLUMNS > 60, 90.0, VAPOUR))
    radiance = RADIANCE if chunks is None else RADIANCE.chunk(chunks)
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = retrieve_array(radiance, 0.97, vapour, terms=True, **COMMON).compute(scheduler="synchronous")
        lines = [record.message for record in caplog.records if "outside the range" in record.message]
        assert len(lines) == 1 and lines[0].startswith("water vapour ") and "90 kg m-2" in lines[0]
    np.testing.assert_array_equal(found.outside_range, _COLUMNS > 60)


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [None, {"y": 10, "x": 10}])
def test_centimetres_taken_for_millimetres_of_water_vapour_cause_one_warning(caplog, chunks):
    radiance = RADIANCE if chunks is None else RADIANCE.chunk(chunks)
    for vapour, warnings in ((2.0, 1), (on_grid(np.full(_COLUMNS.shape, 2.0)), 1), (20.0, 0)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            retrieve_array(radiance, 0.97, vapour, **COMMON).compute(scheduler="synchronous")
        assert caplog.text.count("if it is in cm (g cm-2), give the unit") == warnings


BAD = {
    "no array": ({"radiance": np.ones(3)}, InputError, "radiance is of type ndarray; give an xarray.DataArray"),
    "digital numbers": ({"radiance": RADIANCE * 2500}, InputError, "the range of scenes; give at-sensor radiance"),
    "kelvin": ({"radiance": RADIANCE * 30}, InputError, "outside the range of scenes"),
    "per cent": ({"emissivity": on_grid(EMISSIVITY * 100)}, InputError, r"emissivity has values .* outside \(0, 1\]"),
    "a number that cannot be": ({"water_vapour": 290.0}, InputError, "water vapour is 290, outside"),
    "negative vapour": ({"water_vapour": on_grid(-VAPOUR)}, InputError, "water vapour has values from -.* outside"),
    "Celsius": ({"air_temperature": on_grid(VAPOUR)}, InputError, "degrees Celsius with their unit"),
    "a numpy array": ({"water_vapour": VAPOUR}, InputError, "or an xarray.DataArray with named dimensions"),
    "a text": ({"water_vapour": "29mm"}, InputError, "water vapour is a text; give a number"),
    "complex": ({"emissivity": on_grid(EMISSIVITY.astype(complex))}, InputError, "give an array of real numbers"),
    "a unit": ({"water_vapour": on_grid(VAPOUR, units="furlong")}, InputError, "unit 'furlong', which is not one of"),
    "no unit of a column": ({"water_vapour": on_grid(VAPOUR, units="1")}, InputError, "unit '1', which is not one of"),
    "not decoded": ({"emissivity": on_grid(EMISSIVITY, scale_factor=1e-4)}, InputError, "mask_and_scale=True"),
    "an origin": ({"origin": "heaven"}, InputError, "origin 'heaven' is not known; give one of reanalysis"),
    "a sensor": ({"sensor": "landsat1-b9"}, UnknownSensorError, "unknown sensor band"),
    "another's model": ({"model": "landsat9-b10/surface"}, ModelError, "is for landsat9-b10, not for landsat8-b10"),
    "no levels": ({"model": "landsat8-b10/profile"}, InputError, "humidity on levels too; give profile"),
    "haze in per cent": ({"aerosol": 20.0}, InputError, r"aerosol optical depth is 20, outside \[0, 1\]"),
    "no such uncertainty": (
        {"uncertainties": {"emissivity": 0.01}}, InputError,
        "uncertainties has 'emissivity'; give those of water_vapour, air_temperature, aerosol",
    ),
    "uncertainties without names": ({"uncertainties": 2.0}, InputError, "uncertainties is of type float; give a dict"),
    "an uncertainty of nothing": ({"uncertainties": {"aerosol": 0.01}}, InputError, "no aerosol is given; give both"),
    "a negative uncertainty": (
        {"uncertainties": {"water_vapour": on_grid(-VAPOUR)}}, InputError, "water vapour uncertainty has values from -"
    ),
    "another grid": (
        {"emissivity": on_grid(EMISSIVITY).assign_coords(x=np.arange(70.0))}, GridMismatchError,
        "emissivity has along x 70 values from 0.0 to 69.0, radiance 70 values from 452490.0 .*reproject_match",
    ),
    "another size": ({"water_vapour": on_grid(VAPOUR)[:9]}, GridMismatchError, "water_vapour has along y 9 "),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("lazy", [False, True])
def test_an_error_gives_the_value_that_was_found_and_a_remedy(name, lazy):
    changes, error, message = BAD[name]
    given = {"radiance": RADIANCE, "emissivity": 0.97, "water_vapour": on_grid(VAPOUR), **COMMON, **changes}
    if lazy:
        given = {key: value.chunk(20) if isinstance(value, xr.DataArray) else value for key, value in given.items()}
    with pytest.raises(error, match=message):
        retrieve_array(**given).compute(scheduler="synchronous")


def test_another_coordinate_system_is_refused():
    there = on_grid(EMISSIVITY).assign_coords(
        spatial_ref=((), 0, {"crs_wkt": rasterio.crs.CRS.from_epsg(32617).to_wkt()})
    )
    with pytest.raises(GridMismatchError, match=r"emissivity is in WGS 84 / UTM zone 17N, radiance in .* zone 16N"):
        retrieve_array(RADIANCE, there, 20.0, **COMMON)


def test_a_process_loads_the_model_once_and_accepts_no_other_model_of_that_name(model_path, monkeypatch):
    loaded = []
    load = Model.load
    retrieve_array(RADIANCE.chunk(10), 0.97, 20.0, model=model_path, **COMMON)
    monkeypatch.setattr(Model, "load", lambda *given: loaded.append(given) or load(*given))
    blocks.load_model.cache_clear()
    lazy = retrieve_array(RADIANCE.chunk(10), 0.97, 20.0, model=load(model_path), **COMMON)
    lazy.compute(scheduler="synchronous")
    assert loaded == [(str(model_path / "model.onnx"),)]
    with pytest.raises(ModelError, match="or another process has another version of it"):
        blocks.load_model("landsat8-b10/surface", "00")


ELSEWHERE = """
import pickle, sys
lazy = pickle.load(sys.stdin.buffer)
pickle.dump(lazy.lst.compute(scheduler="synchronous").values, sys.stdout.buffer)
"""


@pytest.mark.slow
def test_lazy_results_can_be_pickled_and_refer_to_a_shipped_model_by_name():
    lazy = retrieve_array(RADIANCE.chunk(30), 0.97, on_grid(VAPOUR), **COMMON)
    sent = pickle.dumps(lazy)
    assert str(lst_raster.__path__[0]).encode() not in sent
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], input=sent, capture_output=True, check=True)
    np.testing.assert_array_equal(pickle.loads(done.stdout), lazy.lst.compute(scheduler="synchronous"))


def air_on_levels(**changes):
    """A profile of one place, as a file of a reanalysis has it."""
    where = LEVELS, 30.8, 272.5, 0.0
    levels = {"pressure_level": ("pressure_level", LEVELS, {"units": "hPa"})}
    made = {"t": ("pressure_level", temperature_at(*where)), "q": ("pressure_level", humidity_at(*where))}
    return xr.Dataset(made, coords=levels).assign(changes)


@pytest.mark.slow
@pytest.mark.parametrize("vapour", [None, 24.0])
def test_the_numbers_of_a_profile_are_those_of_the_exact_retrieval_of_the_scene(tmp_path, profile_model, vapour):
    scene = Scene.open(make_scene(tmp_path / "in", lst=ramp(280, 310)), date=DATE)
    air = air_on_levels()
    shape = TIMES.size, LEVELS.size, LATITUDE.size, LONGITUDE.size
    fields = {name: np.broadcast_to(air[name].values[:, None, None], shape) for name in ("t", "q")}
    file = write_levels(tmp_path / "pl.nc", fields, levels=LEVELS, times=TIMES, latitude=LATITUDE, longitude=LONGITUDE)
    pressure = (940.0 + 0.5 * _ROWS).astype("f4")
    options = {"model": profile_model, "emissivity": 0.97, "water_vapour": vapour}
    product = retrieve(
        scene, output=tmp_path / "a.tif", reanalysis=file, exact=True, form=FULL_PRECISION,
        surface_pressure=write_raster(tmp_path / "sp.tif", pressure), **options,
    )  # fmt: skip
    radiance = radiance_of(scene.place.disk)
    for chunks in (None, 25):
        given = radiance if chunks is None else radiance.chunk(chunks)
        found = retrieve_array(given, sensor=SENSOR, surface_pressure=on_grid(pressure), profile=air, **options)
        np.testing.assert_allclose(found.lst, read(product.path), atol=1e-3)
        unsure = read(product.path.with_name("a_UNC.tif"))
        np.testing.assert_allclose(found.lst_uncertainty, unsure, rtol=1e-3)
    assert found.attrs["profile"] == f"{LEVELS.size} levels (reanalysis)"
    assert np.ptp(read(product.path) - retrieve_array(radiance, 0.97, 20.0, **COMMON).lst.values) > 0.1


def test_a_profile_may_have_any_order_be_in_pascal_and_vary_along_other_dimensions():
    options = {"sensor": SENSOR, "surface_pressure": 1000.0, "uncertainty": False}
    expected = retrieve_array(RADIANCE, 0.97, None, profile=air_on_levels(), **options)
    assert expected.attrs["model"] == "landsat8-b10/profile"
    other = air_on_levels().isel(pressure_level=slice(None, None, -1)).rename(pressure_level="plev", t="temperature")
    other = other.assign_coords(plev=("plev", other.plev.values * 100.0, {"units": "Pa"}))
    xr.testing.assert_equal(retrieve_array(RADIANCE, 0.97, None, profile=other, **options), expected)
    warmer = air_on_levels() + xr.Dataset({"t": on_grid(0.02 * _COLUMNS[0], ("x",)), "q": 0.0})
    found = retrieve_array(RADIANCE.chunk(x=30), 0.97, None, profile=warmer.chunk(pressure_level=5), **options)
    assert found.lst.dims == ("y", "x") and found.lst.chunks[1] == (30, 30, 10)
    np.testing.assert_array_equal(found.lst[:, 0], expected.lst[:, 0])
    alone = air_on_levels() + xr.Dataset({"t": 0.02 * 50, "q": 0.0})
    np.testing.assert_array_equal(
        found.lst[:, 50], retrieve_array(RADIANCE, 0.97, None, profile=alone, **options).lst[:, 50]
    )
    assert np.abs(found.lst - expected.lst).max() > 0.05


def test_places_below_all_levels_of_a_profile_have_no_temperature():
    pressure = on_grid(np.where(_ROWS < 9, 320.0, 1000.0))
    high = air_on_levels().sel(pressure_level=slice(500, None))
    found = retrieve_array(RADIANCE, 0.97, None, sensor=SENSOR, surface_pressure=pressure, profile=high)
    np.testing.assert_array_equal(np.isnan(found.lst), _ROWS < 9)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (VAPOUR, "profile is of type ndarray; give an xarray.Dataset with t and q"),
        (air_on_levels().drop_vars("q"), "profile holds t; give a dataset with t and q"),
        (air_on_levels().drop_vars("pressure_level"), "one must be levels of pressure, with a coordinate in hPa or Pa"),
        (air_on_levels().assign_coords(pressure_level=LEVELS * 100), "one must be levels of pressure"),
        (
            air_on_levels() - xr.Dataset({"t": 273.15, "q": 0.0}),
            "temperature has values from -.*give the air temperature on levels",
        ),
        (air_on_levels().isel(pressure_level=[3]), "one must be levels of pressure"),
    ],
)
def test_an_impossible_profile_is_an_error(profile, message):
    with pytest.raises(InputError, match=message):
        retrieve_array(RADIANCE, 0.97, None, sensor=SENSOR, surface_pressure=1000.0, profile=profile)


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (1, 100), (7, 1, 3), (0, 4)])
@pytest.mark.parametrize("most", [1, 3, 8, 1000])
def test_pieces_cover_an_array_once_and_are_small(shape, most):
    times = np.zeros(shape, int)
    for piece in blocks.pieces(shape, most):
        assert times[piece].size <= most
        times[piece] += 1
    assert (times == 1).all()


WITHOUT_DASK = """
import sys
sys.modules["dask"] = sys.modules["dask.array"] = sys.modules["distributed"] = None
import numpy as np, xarray as xr
import lst_raster
radiance = xr.DataArray(np.full((4, 5), 9.0), dims=("y", "x"))
found = lst_raster.retrieve_array(radiance, 0.97, 20.0, sensor="landsat8-b10")
assert 280 < float(found.lst.mean()) < 330
try:
    lst_raster.open_product("x.tif", chunks={})
except lst_raster.errors.MissingExtraError as error:
    print(error)
"""


@pytest.mark.slow
def test_without_dask_arrays_in_memory_are_retrieved_and_chunks_name_the_extra():
    output = subprocess.run([sys.executable, "-c", WITHOUT_DASK], capture_output=True, text=True, check=True).stdout
    assert output == "dask is not installed; run: pip install 'lst-raster[dask]'\n"


@pytest.fixture(scope="module")
def both_bands(tmp_path_factory):
    """Radiances of both bands of a scene, and its ground."""
    ground = ramp(285.0, 305.0)
    scene = Scene.open(make_two_band_scene(tmp_path_factory.mktemp("both"), lst=ground)).with_second_band()
    radiances = []
    for one in (scene, scene.second):
        with rasterio.open(one.place.location) as dataset:
            radiances.append(xr.DataArray(one.read(dataset).radiance, dims=("y", "x")))
    return *radiances, ground


TWO_BANDS = {"sensor": "landsat8-b10", "air_temperature": 295.0, "surface_pressure": 1000.0}


def test_the_second_band_is_used_where_it_is_given(both_bands):
    first, second, ground = both_bands
    found = retrieve_array(first, 0.97, 20.0, second_radiance=second, terms=True, **TWO_BANDS)
    assert found.attrs["model"] == "landsat8-b10/dual"
    np.testing.assert_allclose(found.lst, ground, atol=0.06)
    alone = retrieve_array(first, 0.97, 20.0, **TWO_BANDS)
    assert float((found.lst_uncertainty / alone.lst_uncertainty).max()) < 1.0
    lazy = retrieve_array(
        first.chunk(25), xr.full_like(first, 0.97), 20.0, second_radiance=second.chunk(25), **TWO_BANDS
    )
    np.testing.assert_allclose(lazy.lst.compute(), found.lst, atol=2e-3)
    unknown = first.where(np.arange(70) > 2)
    holes = retrieve_array(first, 0.97, 20.0, second_radiance=second.where(np.arange(70) > 2), **TWO_BANDS)
    np.testing.assert_array_equal(np.isnan(holes.lst), np.isnan(unknown))


def test_the_emissivity_of_the_second_band_is_given_or_follows_from_the_first(both_bands):
    first, second, _ = both_bands
    typical = retrieve_array(first, 0.97, 20.0, second_radiance=second, **TWO_BANDS)
    given = {"second_radiance": second, "second_emissivity": 0.9747, "difference_uncertainty": 0.0072, **TWO_BANDS}
    np.testing.assert_allclose(retrieve_array(first, 0.97, 20.0, **given).lst, typical.lst, atol=0.02)
    other = retrieve_array(first, 0.97, 20.0, **given | {"difference_uncertainty": 0.02})
    assert float(other.lst_uncertainty.mean()) != pytest.approx(float(typical.lst_uncertainty.mean()), rel=0.01)
    with pytest.raises(InputError, match="emissivity"):
        retrieve_array(first, 0.97, 20.0, **given | {"second_emissivity": 97.0})


def test_models_and_bands_must_fit(both_bands):
    first, second, _ = both_bands
    with pytest.raises(ModelError, match="uses both thermal bands; give second_radiance"):
        retrieve_array(first, 0.97, 20.0, model="landsat8-b10/dual", **TWO_BANDS)
    with pytest.raises(ModelError, match="uses one thermal band; leave out second_radiance"):
        retrieve_array(first, 0.97, 20.0, second_radiance=second, model="landsat8-b10/surface", **TWO_BANDS)
    with pytest.raises(ModelError, match="there is no model landsat7-b6/dual"):
        retrieve_array(first, 0.97, 20.0, second_radiance=second, **TWO_BANDS | {"sensor": "landsat7-b6"})
    with pytest.raises(InputError, match="given without its radiance; give second_radiance too"):
        retrieve_array(first, 0.97, 20.0, second_emissivity=0.97, **TWO_BANDS)
    with pytest.raises(InputError, match="second_radiance is of type float"):
        retrieve_array(first, 0.97, 20.0, second_radiance=8.0, **TWO_BANDS)


def test_the_difference_of_the_bands_is_over_pixels_with_both_and_may_be_given(both_bands):
    first, second, _ = both_bands
    warm = first > first.median()
    name = "brightness_temperature_difference"
    whole = retrieve_array(first, 0.97, 20.0, second_radiance=second, **TWO_BANDS)
    part = retrieve_array(first, 0.97, 20.0, second_radiance=second.where(warm), **TWO_BANDS)
    assert float(part.attrs[name].split()[0]) == pytest.approx(float(whole.attrs[name].split()[0]), abs=1.0)
    warmer = retrieve_array(first, 0.97, 20.0, second_radiance=second, brightness_temperature=310.0, **TWO_BANDS)
    assert warmer.attrs[name] == whole.attrs[name]
    given = retrieve_array(
        first, 0.97, 20.0, second_radiance=second, brightness_temperature_difference=2.0, **TWO_BANDS
    )
    assert given.attrs[name].startswith("2 K")
    assert float(abs(given.lst - whole.lst).mean()) > 0.1
