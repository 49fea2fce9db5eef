"""Temperature and humidity on levels over a scene, from every layout, compared with independent readers."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio import Affine

from lst_raster import Scene
from lst_raster.errors import InputError
from lst_raster.inputs.reanalysis.over_scene import profiles_over_scene
from lst_raster.inputs.reanalysis.read import read_request
from lst_raster.inputs.reanalysis.request import Request, node_positions
from lst_raster.io.grid import Box
from lst_raster.physics.humidity import relative_humidity, specific_humidity
from lst_raster.resources import require
from tests.support.factories import make_scene
from tests.support.reanalysis_files import TIMES, write_levels, write_reanalysis, write_store
from tests.support.shared import shared_path

LEVELS = np.array([100.0, 300.0, 500.0, 850.0, 1000.0])
AXES = {"latitude": np.arange(29.0, 33.1, 0.5), "longitude": np.arange(-90.0, -84.9, 0.5)}
DATE = "2015-07-19T16:20"
PYAPS = ("data", "reanalysis", "pyaps_ERA5_N30_N40_E120_E140_20101017_14.grb")
HUMID = ("data", "reanalysis", "wam2_ERA5_2020-01-01_pl_q.nc")


def scene_at(folder, longitude, latitude, date=DATE, shape=(60, 70)):
    """A scene of 0.01 degree pixels whose upper left corner is there."""
    transform = Affine(0.01, 0.0, longitude, 0.0, -0.01, latitude)
    path = make_scene(folder, lst=np.full(shape, 285.0), crs="EPSG:4326", transform=transform)
    return Scene.open(path, date=date)


def air(seed=3):
    """Temperatures [K] and humidities [kg kg-1] that differ at every point."""
    random = np.random.default_rng(seed)
    shape = (TIMES.size, LEVELS.size, AXES["latitude"].size, AXES["longitude"].size)
    saturated = specific_humidity(1.0, np.full(shape, 250.0), LEVELS[:, None, None])
    return {"t": random.uniform(250.0, 290.0, shape), "q": saturated * random.uniform(0.1, 0.9, shape)}


@pytest.fixture
def scene(tmp_path):
    return scene_at(tmp_path / "scene", -87.9, 31.3)


def by_hand(variable, when, scene, level, axes=("time", "latitude", "longitude")):
    """Values at the nodes as xarray interpolates them."""
    time, north, east = axes
    places = node_positions(scene.grid, 0.25)
    at = {
        north: (("y", "x"), places.latitude), east: (("y", "x"), places.longitude % 360.0),
        time: np.datetime64(when, "ns"),
    }  # fmt: skip
    return variable.sel(level).interp({name: at[name] for name in axes if name in variable.dims})


@pytest.mark.slow
def test_levels_of_real_grib_are_what_cfgrib_and_xarray_make_of_them(tmp_path):
    cfgrib = require("cfgrib", "dev")
    scene = scene_at(tmp_path, 130.1, 35.4, "2010-10-17T14:10")
    found = profiles_over_scene(scene, [shared_path(*PYAPS)])
    dataset = cfgrib.open_file(shared_path(*PYAPS), read_keys=[], indexpath="")
    variables = dataset.variables
    assert found.pressure.tolist() == sorted(variables["isobaricInhPa"].data.tolist()) and found.pressure.size == 37
    for name, values in (("t", found.temperature), ("q", found.specific_humidity)):
        theirs = xr.DataArray(
            variables[name].data[(slice(None),) * 3], dims=variables[name].dimensions[-3:],
            coords={axis: variables[axis].data for axis in ("isobaricInhPa", "latitude", "longitude")},
        )  # fmt: skip
        for position, level in enumerate(found.pressure):
            expected = by_hand(theirs, "2010-10-17T14:00", scene, {"isobaricInhPa": level})
            np.testing.assert_allclose(values[position], expected, rtol=1e-6, atol=1e-10)


def test_humidity_of_real_netcdf_is_what_xarray_makes_of_it(tmp_path):
    path = shared_path(*HUMID)
    with xr.open_dataset(path) as dataset:
        humidity = dataset["q"].load()
    axes = {name: humidity[name].values for name in ("latitude", "longitude")}
    middle = float(axes["longitude"][axes["longitude"].size // 2]), float(axes["latitude"][axes["latitude"].size // 2])
    when = str((humidity["time"].values[0] + np.timedelta64(20, "m")).astype("datetime64[m]"))
    scene = scene_at(tmp_path / "scene", *middle, when)
    warm = np.full((2, humidity["level"].size, *(axis.size for axis in axes.values())), 280.0)
    times = humidity["time"].values[:2]
    step = (times[1] - times[0]) / np.timedelta64(1, "h")
    assert 1.0 <= step <= 6.0
    made = write_levels(tmp_path / "t.nc", {"t": warm}, levels=humidity["level"].values, times=times, **axes)
    found = profiles_over_scene(scene, [made, path])
    assert found.pressure.tolist() == humidity["level"].values.tolist()
    places = node_positions(scene.grid, float(np.abs(np.diff(axes["latitude"])).min()))
    at = {
        "latitude": (("y", "x"), places.latitude), "longitude": (("y", "x"), places.longitude),
        "time": np.datetime64(when, "ns"),
    }  # fmt: skip
    theirs = humidity.astype("f8").interp(at).transpose("level", "y", "x")
    np.testing.assert_allclose(found.specific_humidity, np.maximum(theirs, 0.0), rtol=1e-5, atol=1e-9)


@pytest.mark.slow
def test_relative_humidity_of_real_gfs_is_turned_over_water_and_ice(tmp_path):
    eccodes = require("eccodes", "grib")
    path = shared_path("data", "profiles", "gfs", "gfs_20110115T12.grib2")
    theirs = {}
    with path.open("rb") as file:
        while (message := eccodes.codes_grib_new_from_file(file)) is not None:
            key = tuple(eccodes.codes_get(message, name) for name in ("shortName", "typeOfLevel", "level"))
            if key[1] == "isobaricInhPa" and key[0] in ("t", "r"):
                theirs[key] = eccodes.codes_get_values(message).reshape(73, 144)
            eccodes.codes_release(message)
    row, column = 24, 109  # 30 N, 87.5 W
    scene = scene_at(tmp_path, -87.5, 30.0, "2011-01-15T12:00")
    found = profiles_over_scene(scene, [path])
    assert found.pressure.size == 26
    for position, level in enumerate(found.pressure):
        warm = theirs["t", "isobaricInhPa", int(level)][row, column]
        assert found.temperature[position, 0, 0] == pytest.approx(warm, rel=1e-6)
        if level != 20.0:  # where GFS of the time has no humidity
            relative = theirs["r", "isobaricInhPa", int(level)][row, column] / 100.0
            expected = specific_humidity(np.float64(relative), np.float64(warm), np.float64(level))
            assert found.specific_humidity[position, 0, 0] == pytest.approx(float(expected), rel=1e-5, abs=1e-12)
    between = found.specific_humidity[:3, 0, 0]
    assert between[1] == pytest.approx(between[0] + np.log(2.0) / np.log(3.0) * (between[2] - between[0]))


LAYOUTS = {
    "old, millibars ascending": {"level": ("level", "millibars"), "order": 1},
    "new, hPa descending": {"level": ("pressure_level", "hPa"), "order": -1},
    "MERRA-2, hPa descending": {"level": ("lev", "hPa"), "order": -1, "names": {"t": "T", "q": "QV"}},
    "NCEP/NCAR R1": {"level": ("level", "millibar"), "order": -1, "names": {"t": "air", "q": "shum"}},
    "pascals": {"level": ("plev", "Pa"), "order": 1, "factor": 100.0},
    "no unit, as in ARCO's": {"level": ("level", ""), "order": 1},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_levels_do_not_change_the_profile(tmp_path, scene, name):
    layout = {"names": {}, "factor": 1.0} | LAYOUTS[name]
    plain = profiles_over_scene(scene, [write_levels(tmp_path / "plain.nc", air(), levels=LEVELS, **AXES)])
    turned = {layout["names"].get(key, key): values[:, :: layout["order"]] for key, values in air().items()}
    path = write_levels(
        tmp_path / "other.nc",
        turned,
        levels=LEVELS[:: layout["order"]] * layout["factor"],
        level=layout["level"],
        **AXES,
    )
    found = profiles_over_scene(scene, [path])
    for key in ("pressure", "temperature", "specific_humidity"):
        np.testing.assert_array_equal(getattr(found, key), getattr(plain, key))


@pytest.fixture
def plain(tmp_path, scene):
    """Profiles over the scene of a file that is as most are."""
    return profiles_over_scene(scene, [write_levels(tmp_path / "plain.nc", air(), levels=LEVELS, **AXES)])


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    north_first=st.booleans(), east=st.sampled_from([0.0, 360.0]), time_order=st.permutations(range(3)),
    level_order=st.permutations(range(5)), shift=st.integers(0, 10),
)  # fmt: skip
def test_orders_and_conventions_do_not_change_the_profile(
    tmp_path, scene, plain, north_first, east, time_order, level_order, shift
):
    rows, columns = slice(None, None, -1 if north_first else 1), np.roll(np.arange(11), shift)
    turned = {
        key: values[list(time_order)][:, list(level_order)][:, :, rows][..., columns] for key, values in air().items()
    }
    path = write_levels(
        tmp_path / "other.nc", turned, levels=LEVELS[list(level_order)], times=TIMES[list(time_order)],
        latitude=AXES["latitude"][rows], longitude=AXES["longitude"][columns] + east,
    )  # fmt: skip
    found = profiles_over_scene(scene, [path])
    for key in ("pressure", "temperature", "specific_humidity"):
        np.testing.assert_allclose(getattr(found, key), getattr(plain, key), rtol=1e-6)


def test_a_store_of_arco_gives_the_same_profile(tmp_path, scene):
    plain = profiles_over_scene(scene, [write_levels(tmp_path / "plain.nc", air(), levels=LEVELS, **AXES)])
    names = {"t": "temperature", "q": "specific_humidity"}
    stored = {names[key]: values for key, values in air().items()}
    store = write_store(tmp_path / "era5.zarr", stored, levels=LEVELS, **AXES)
    found = profiles_over_scene(scene, [store])
    np.testing.assert_array_equal(found.temperature, plain.temperature)
    np.testing.assert_array_equal(found.specific_humidity, plain.specific_humidity)
    assert found.label == "era5.zarr temperature, era5.zarr specific_humidity"


def test_relative_humidity_gives_the_profile_that_it_was_made_from(tmp_path, scene):
    state = air()
    relative = relative_humidity(state["q"], state["t"], LEVELS[:, None, None])
    direct = profiles_over_scene(scene, [write_levels(tmp_path / "q.nc", state, levels=LEVELS, **AXES)])
    for name, factor in (("r", 100.0), ("RH", 1.0), ("rhum", 100.0)):
        made = {"t": state["t"], name: relative * factor}
        found = profiles_over_scene(scene, [write_levels(tmp_path / f"{name}.nc", made, levels=LEVELS, **AXES)])
        np.testing.assert_allclose(found.specific_humidity, direct.specific_humidity, rtol=1e-5)


@pytest.mark.slow
def test_files_for_each_variable_and_step_are_put_together(tmp_path, scene):
    whole = profiles_over_scene(scene, [write_levels(tmp_path / "whole.nc", air(), levels=LEVELS, **AXES)])
    parts = [
        write_levels(tmp_path / f"{name}{step}.nc", {name: values[[step]]}, levels=LEVELS, times=TIMES[[step]], **AXES)
        for name, values in air().items()
        for step in range(3)
    ]
    found = profiles_over_scene(scene, parts)
    np.testing.assert_array_equal(found.temperature, whole.temperature)
    np.testing.assert_array_equal(found.specific_humidity, whole.specific_humidity)


def test_below_the_ground_merra_has_no_value_and_none_is_made_up(tmp_path, scene):
    state = air()
    for values in state.values():
        values[:, -1] = np.nan  # written as its fill value, 1e15
    path = write_levels(tmp_path / "merra.nc", {"T": state["t"], "QV": state["q"]}, levels=LEVELS, **AXES)
    found = profiles_over_scene(scene, [path])
    assert np.isnan(found.temperature[-1]).all() and np.isnan(found.specific_humidity[-1]).all()
    assert np.isfinite(found.temperature[:-1]).all() and found.temperature[:-1].max() < 300.0


def test_files_of_the_surface_may_be_mixed_with_those_on_levels(tmp_path, scene):
    path = write_levels(tmp_path / "levels.nc", air(), levels=LEVELS, **AXES)
    surface = write_reanalysis(tmp_path / "sp.nc", {"sp": np.full((TIMES.size, 9, 11), 98_700.0)}, **AXES)
    alone = profiles_over_scene(scene, [path])
    for files in ([path, surface], [surface, path]):
        np.testing.assert_array_equal(profiles_over_scene(scene, files).temperature, alone.temperature)
    with pytest.raises(InputError, match=r"sp.nc contains sp.*give a file with t and q"):
        profiles_over_scene(scene, [surface])


def test_only_the_points_around_the_scene_are_kept(tmp_path):
    axes = {"latitude": np.arange(90.0, -91.0, -5.0), "longitude": np.arange(0.0, 360.0, 5.0)}
    warm = np.full((3, 2, 37, 72), 280.0)
    path = write_levels(tmp_path / "globe.nc", {"t": warm, "q": warm * 1e-5}, levels=[500.0, 850.0], **axes)
    box = Box(south=31.0, north=33.0, west=-1.0, east=2.0)
    fields = read_request(path, Request(when=np.datetime64(DATE), box=box, on_levels=True))
    assert len(fields) == 4
    assert {field.values.shape for field in fields} == {(2, 2, 3)}  # 30 and 35 N, 5 W to 5 E
    whole = read_request(path, Request(on_levels=True))
    assert {field.values.shape for field in whole} == {(3, 37, 72)}


WRONG = [
    ({"t": air()["t"]}, ("level", "hPa"), "temperature on 5 and humidity on 0 levels"),
    (air(), ("model_level", "1"), "of which the unit is not one of pressure"),
    ({"t": air()["t"] - 273.15, "q": air()["q"]}, ("level", "hPa"), r"outside \[130, 350\] K"),
]


@pytest.mark.parametrize(("variables", "level", "message"), WRONG, ids=[row[2] for row in WRONG])
def test_what_is_no_profile_is_refused_with_the_reason(tmp_path, scene, variables, level, message):
    path = write_levels(tmp_path / "a.nc", variables, levels=LEVELS, level=level, **AXES)
    with pytest.raises(InputError, match=message):
        profiles_over_scene(scene, [path])


def test_profiles_of_another_time_or_place_are_refused(tmp_path):
    path = write_levels(tmp_path / "a.nc", air(), levels=LEVELS, **AXES)
    with pytest.raises(InputError, match="give the steps before and after the scene"):
        profiles_over_scene(scene_at(tmp_path / "late", -87.9, 31.3, "2015-07-20T16:20"), [path])
    with pytest.raises(InputError, match="give a file that covers the scene"):
        profiles_over_scene(scene_at(tmp_path / "far", 10.0, 45.0), [path])
