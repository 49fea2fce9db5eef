"""Atmospheric profiles: from pressure levels to the inputs of a model at every pixel."""

import numpy as np
import pytest
import xarray as xr
from rasterio.windows import Window

from lst_raster.errors import InputError, ModelError
from lst_raster.inputs.fields import Field
from lst_raster.inputs.resolve import assumption_warnings, resolve_inputs
from lst_raster.physics.elevation import (
    air_temperature_between,
    air_temperature_between_pressures,
    surface_pressure_between,
)
from lst_raster.physics.humidity import specific_humidity_from_dew_point
from lst_raster.physics.quantities import BRIGHTNESS_TEMPERATURE
from lst_raster.retrieval.atmosphere import open_exact_atmosphere
from lst_raster.retrieval.describe import describe
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS, Ground, Profiles, at_sigma
from tests.support.factories import write_raster
from tests.support.http_server import serving_folder
from tests.support.linear_air import linear
from tests.support.profile_air import (
    HOURS,
    LATITUDE,
    LEVELS,
    LONGITUDE,
    SHAPE,
    by_hand,
    column,
    humidity_at,
    inputs_of_profile,
    opened,
    places,
    temperature_at,
    values_of,
    write_profile,
    write_surface,
)
from tests.support.reanalysis_files import write_store
from tests.support.shared import shared_path


def test_many_profiles_are_at_sigma_what_each_is_by_itself():
    random = np.random.default_rng(7)
    warm, moist = random.uniform(200.0, 300.0, (37, 50)), 10.0 ** random.uniform(-7.0, -2.0, (37, 50))
    ground = Ground(random.uniform(520.0, 1040.0, 50), random.uniform(270.0, 310.0, 50), np.full(50, 0.01))
    ground.pressure[:3] = 1000.0, 500.0, 550.0  # as a level, and below many
    found = Profiles.of(LEVELS, warm, moist).on_sigma(ground)
    for place in range(50):
        at_ground = tuple(part[place] for part in ground)
        above = at_ground[0] > LEVELS
        columns = [np.append(part[above], end)[::-1] for part, end in zip(
            (LEVELS, warm[:, place], moist[:, place]), at_ground, strict=True
        )]  # fmt: skip
        for mine, alone, hand in zip(
            found, at_sigma(*columns), by_hand(LEVELS, warm[:, place], moist[:, place], at_ground), strict=True
        ):
            np.testing.assert_array_equal(mine[:, place], alone)
            np.testing.assert_allclose(mine[:, place], hand, rtol=1e-12)


def test_the_column_of_a_power_law_is_its_integral_above_any_ground():
    where = (30.8, 272.5, 0.0)
    profiles = Profiles.of(LEVELS, *(part(LEVELS[:, None], *where) for part in (temperature_at, humidity_at)))
    for pressure in (1013.0, 1000.0, 871.3, 640.0):
        ground = Ground(np.array([pressure]), np.array([280.0]), np.array([humidity_at(pressure, *where)]))
        assert profiles.water_vapour(ground)[0] == pytest.approx(column(pressure, *where), rel=1e-5)


def test_levels_below_the_ground_and_without_values_are_left_out_and_a_place_without_any_has_nothing():
    warm, moist = np.full((37, 3), 250.0), np.full((37, 3), 1e-3)
    warm[LEVELS > 800.0] = moist[LEVELS > 800.0] = np.nan
    warm[:, 2] = np.nan
    profiles = Profiles.of(LEVELS, warm, moist)
    ground = Ground(np.array([900.0, 700.0, 900.0]), np.full(3, 280.0), np.full(3, 0.01))
    (warmer, moister), vapour = profiles.on_sigma(ground), profiles.water_vapour(ground)
    assert np.isfinite(warmer[:, :2]).all() and np.isfinite(moister[:, :2]).all() and np.isfinite(vapour[:2]).all()
    assert np.isnan(warmer[:, 2]).all() and np.isnan(moister[:, 2]).all() and np.isnan(vapour[2])
    assert profiles.lowest(ground.pressure)[0][:2].tolist() == [800.0, 650.0]
    share = np.log(0.975) / np.log(800.0 / 900.0)
    assert warmer[0, 0] == pytest.approx(280.0 + share * (250.0 - 280.0))


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
def test_what_reaches_the_model_is_the_profile_s_formula_at_sigma(tmp_path, profile_model, exact):
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc", 985.0)]
    inputs = resolve_inputs(scene, {}, profile_model, reanalysis=files)
    assert (inputs.profile.names, sorted(inputs.atmosphere)) == (
        ("water_vapour", *TEMPERATURE_LEVELS, *HUMIDITY_LEVELS),
        ["aerosol_optical_depth", "air_temperature", "gas_year", "surface_pressure"],
    )
    if exact:
        row, across = np.divmod(np.arange(0, 560 * 300, 1009), 560)
        window = Window(0, 0, 560, 300)
        around = Field(quantity=BRIGHTNESS_TEMPERATURE, source=290.0, origin="scene")
        with open_exact_atmosphere(inputs.with_neighbourhood(around), scene.grid, uncertainty=False) as air:
            found = air(window, np.ones(SHAPE, bool)).inputs_at(row, across)
        where = [part[row, across] for part in places()[2:]]
    else:
        found, where = values_of(inputs, scene), places()[2:]
    expected = inputs_of_profile(985.0, *where, HOURS)
    assert set(expected) < set(found)
    assert found["profile_uncertainty"].min() == found["profile_uncertainty"].max() == 1.0  # of a reanalysis
    np.testing.assert_allclose(found["water_vapour_uncertainty"], np.maximum(0.1 * found["water_vapour"], 1.0))
    for name, values in ((name, found[name]) for name in expected):
        error = np.abs(values - expected[name]).max()
        # The nodes are linear where the formula is linear in degrees: metres of the scene bend by a thousandth.
        assert error < (2e-3 if "temperature" in name else 2e-4 * np.max(expected[name])), (name, error)


@pytest.mark.slow
def test_with_a_dem_the_sigma_levels_follow_the_ground_of_every_pixel(tmp_path, profile_model):
    scene = opened(tmp_path)
    row, across, latitude, longitude = places()
    elevation = (900.0 + 800.0 * np.sin(row / 50.0) * np.cos(across / 70.0)).astype("f4")
    dem = write_raster(tmp_path / "dem.tif", elevation)
    files = [
        write_profile(tmp_path / "pl.nc"),
        write_surface(tmp_path / "sl.nc", z=np.full((3, 1, 1), 300.0 * 9.80665)),
    ]
    inputs = resolve_inputs(scene, {}, profile_model, reanalysis=files, dem=dem)
    found = values_of(inputs, scene, elevation.astype(float))
    where = latitude, longitude, HOURS
    smooth = linear("sp", *where) / 100.0
    pressure = surface_pressure_between(smooth, 300.0, elevation.astype(float))
    np.testing.assert_allclose(found["surface_pressure"], pressure, atol=0.01)
    assert np.ptp(pressure) > 100.0
    for place in ((0, 0), (25, 7), (150, 300), (77, 470), (299, 559)):
        here = latitude[place], longitude[place], HOURS
        warm, moist = temperature_at(LEVELS, *here), humidity_at(LEVELS, *here)
        lowest = moist[pressure[place] > LEVELS][-1]
        air = air_temperature_between(temperature_at(smooth[place], *here), 300.0, elevation[place])
        expected = by_hand(LEVELS, warm, moist, (pressure[place], air, lowest))
        for names, hand, tolerance in zip((TEMPERATURE_LEVELS, HUMIDITY_LEVELS), expected, (0.02, 2e-6), strict=True):
            np.testing.assert_allclose([found[name][place] for name in names], hand, atol=tolerance)
        assert found["water_vapour"][place] == pytest.approx(column(pressure[place], *here), rel=0.01)


ALL = ("sp", "t2m", "tcwv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("levels", "surface", "given", "tier"),
    [
        (("t", "q"), ALL, {}, "profile"),
        (("t", "q"), None, {}, "profile"),
        (("t", "q"), ("sp",), {"air_temperature": 295.0}, "profile"),
        (("t", "q"), ALL, {"water_vapour": 20.0, "air_temperature": 295.0, "surface_pressure": 990.0}, "profile"),
        (("t",), ALL, {}, "surface"),
        (None, ALL, {}, "surface"),
        (None, ("tcwv",), {}, "surface"),
    ],
)
def test_the_tier_is_profile_where_the_files_hold_levels(tmp_path, all_tiers, levels, surface, given, tier):
    files = [write_profile(tmp_path / "pl.nc", names=levels)] if levels else []
    files += [write_surface(tmp_path / "sl.nc", names=surface)] if surface else []
    inputs = resolve_inputs(opened(tmp_path), given, None, reanalysis=files)
    assert inputs.network.contract.tier == tier
    assert {name: str(inputs.atmosphere[name]).split()[0] for name in given} == {
        name: f"{value:g}" for name, value in given.items()
    }


def test_a_model_that_is_named_wins_over_the_levels(tmp_path, all_tiers):
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc")]
    inputs = resolve_inputs(opened(tmp_path), {}, "landsat8-b10/surface", reanalysis=files)
    assert inputs.profile is None and inputs.atmosphere["water_vapour"].label.startswith("sl.nc tcwv, mean")


@pytest.mark.slow
def test_of_levels_alone_the_column_and_the_air_at_the_ground_are_made(tmp_path, all_tiers):
    scene = opened(tmp_path)
    dem = write_raster(tmp_path / "dem.tif", np.full(SHAPE, 500.0, "f4"))
    path = write_profile(tmp_path / "pl.nc")
    where = (*places()[2:], HOURS)
    for model, names in (("landsat8-b10/surface", 8), (None, 31)):
        inputs = resolve_inputs(scene, {}, model, reanalysis=[path], dem=dem)
        found = values_of(inputs, scene, 500.0)
        assumed = inputs.atmosphere["surface_pressure"]
        pressure = surface_pressure_between(assumed.source, assumed.adjustment.surface, 500.0)
        assert len(found) == names and [*inputs.atmosphere][:1] == ["surface_pressure"]
        assert {*inputs.atmosphere} == {"surface_pressure", "aerosol_optical_depth", "gas_year"}
        np.testing.assert_allclose(found["surface_pressure"], pressure)
        lowest = LEVELS[pressure > LEVELS][-1]
        expected = air_temperature_between_pressures(temperature_at(lowest, *where), lowest, pressure)
        np.testing.assert_allclose(found["air_temperature"], expected, atol=2e-3)
        np.testing.assert_allclose(found["water_vapour"], column(pressure, *where), rtol=3e-3)
    assert any("no surface pressure given: climatology" in line for line in assumption_warnings(scene, inputs))


@pytest.mark.slow
def test_a_water_vapour_that_is_given_scales_the_humidity_of_all_levels(tmp_path, profile_model):
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc")]
    free = values_of(resolve_inputs(scene, {}, profile_model, reanalysis=files), scene)
    inputs = resolve_inputs(scene, {"water_vapour": 17.0}, profile_model, reanalysis=files)
    found = values_of(inputs, scene)
    for name in HUMIDITY_LEVELS:
        np.testing.assert_allclose(found[name], free[name] * 17.0 / free["water_vapour"], rtol=1e-9)
    for name in (*TEMPERATURE_LEVELS, "air_temperature", "surface_pressure"):
        np.testing.assert_array_equal(found[name], free[name])
    assert inputs.texts["water_vapour"] == "17 kg m-2 (given)"
    assert "humidity scaled to the water vapour" in inputs.texts["profile"]


@pytest.mark.slow
def test_an_air_temperature_that_is_given_moves_what_lies_under_the_lowest_level_alone(tmp_path, profile_model):
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc", 985.0)]
    free = values_of(resolve_inputs(scene, {}, profile_model, reanalysis=files), scene)
    found = values_of(resolve_inputs(scene, {"air_temperature": 300.0}, profile_model, reanalysis=files), scene)
    changed = {name for name in free if not np.array_equal(found[name], free[name])}
    assert changed == {"air_temperature", "air_temperature_uncertainty"}
    high = values_of(resolve_inputs(scene, {"air_temperature": 300.0, "surface_pressure": 999.0}, profile_model,
                                   reanalysis=files), scene)  # fmt: skip
    assert (high["air_temperature_sigma975"] < 300.0).all()


@pytest.mark.slow
def test_humidity_at_2_m_is_that_of_the_dew_point(tmp_path, profile_model):
    scene = opened(tmp_path)
    names, pressure = ("sp", "t2m"), 985.0
    dew = np.full((3, LATITUDE.size, LONGITUDE.size), 285.0)
    files = [write_profile(tmp_path / "pl.nc"), write_surface(tmp_path / "sl.nc", pressure, names=names, d2m=dew)]
    inputs = resolve_inputs(scene, {}, profile_model, reanalysis=files)
    humidity = specific_humidity_from_dew_point(np.float64(285.0), pressure)
    np.testing.assert_allclose(inputs.profile.humidity_2m.source.values, humidity, rtol=1e-6)
    found, where = values_of(inputs, scene), (*places()[2:], HOURS)
    lowest = column(975.0, *where)
    layer = 0.5 * (humidity_at(975.0, *where) + humidity) * 10.0 * 100.0 / 9.80665
    np.testing.assert_allclose(found["water_vapour"], lowest + layer, rtol=2e-3)


def test_levels_that_do_not_serve_are_told_and_the_surface_is_used(tmp_path, all_tiers):
    scene = opened(tmp_path)
    files = [write_profile(tmp_path / "pl.nc", names=("t",)), write_surface(tmp_path / "sl.nc")]
    inputs = resolve_inputs(scene, {}, None, reanalysis=files)
    note = "levels of the reanalysis are not used: pl.nc has temperature on 37 and humidity on 0 levels"
    assert any(line.startswith(note) for line in assumption_warnings(scene, inputs))


def test_what_a_model_of_a_profile_lacks_is_reported(tmp_path, all_tiers):
    scene = opened(tmp_path)
    name, surface = "landsat8-b10/profile", write_surface(tmp_path / "sl.nc")
    with pytest.raises(ModelError, match="takes temperature and humidity on levels of pressure, and none are given"):
        resolve_inputs(scene, {}, name)
    with pytest.raises(InputError, match=r"sl.nc contains .*; give a file with t and q"):
        resolve_inputs(scene, {}, name, reanalysis=[surface])
    with pytest.raises(InputError, match=r"pl.nc has temperature on 37 and humidity on 0 levels.*t and q"):
        resolve_inputs(scene, {}, name, reanalysis=[surface, write_profile(tmp_path / "pl.nc", names=("t",))])
    with pytest.raises(InputError, match=r"no water vapour \(found: nothing\).*its levels cannot be used either: .* q"):
        resolve_inputs(scene, {}, None, reanalysis=[tmp_path / "pl.nc"])


@pytest.mark.slow
def test_a_store_on_a_server_is_asked_for_its_levels_on_demand_alone(tmp_path, all_tiers):
    axes = {"latitude": LATITUDE, "longitude": LONGITUDE}
    shape = (3, LATITUDE.size, LONGITUDE.size)
    surface = {"total_column_water_vapour": 20.0, "2m_temperature": 290.0, "surface_pressure": 98_500.0}
    levels = {"temperature": np.full((3, 2, *shape[1:]), 270.0), "specific_humidity": np.full((3, 2, *shape[1:]), 1e-3)}
    write_store(tmp_path / "sl.zarr", {name: np.full(shape, value) for name, value in surface.items()}, **axes)
    write_store(tmp_path / "pl.zarr", levels, levels=[500, 850], **axes)
    scene = opened(tmp_path)
    with serving_folder(tmp_path) as (address, asked):
        stores = [f"{address}/sl.zarr", f"{address}/pl.zarr"]
        plain = resolve_inputs(scene, {}, None, reanalysis=stores[:1])
        assert plain.network.contract.tier == "surface" and not any("pl.zarr" in name for name in asked)
        inputs = resolve_inputs(scene, {}, "landsat8-b10/profile", reanalysis=stores)
    assert inputs.profile.levels.pressure.tolist() == [500.0, 850.0]
    local = resolve_inputs(scene, {}, None, reanalysis=[tmp_path / "sl.zarr", tmp_path / "pl.zarr"])
    assert local.network.contract.tier == "profile"


def test_the_column_of_real_levels_is_that_of_the_same_reanalysis(tmp_path):
    folder = shared_path("data", "reanalysis")
    fields = {}
    for name, file in (("q", "pl_q"), ("sp", "sp"), ("tcw", "tcw"), ("d2m", "d2m")):
        with xr.open_dataset(folder / f"wam2_ERA5_2020-01-01_{file}.nc") as dataset:
            fields[name] = dataset[name].isel(time=0).load()
    pressure = fields["q"]["level"].values.astype(float)
    humidity = fields["q"].transpose("level", ...).values.astype(float)
    warm = np.full_like(humidity, 280.0)
    surface = fields["sp"].values.astype(float) / 100.0
    at_2m = specific_humidity_from_dew_point(fields["d2m"].values.astype(float), surface)
    vapour = Profiles.of(pressure, warm, humidity).water_vapour(Ground(surface, np.full_like(surface, 280.0), at_2m))
    whole = fields["tcw"].values  # with the water of clouds, a few percent of it
    low, middle, high = np.percentile(vapour / whole, [5.0, 50.0, 95.0])
    assert 0.93 < low < 0.98 < middle < high < 1.0


def test_the_inputs_of_a_profile_are_told_in_short(profile_model):
    described = describe(profile_model)["inputs"]
    assert list(described.items())[-3:-1] == [
        ("air_temperature_sigma975 to sigma200 (11 levels)", "190 to 325 K"),
        ("specific_humidity_sigma975 to sigma200 (11 levels)", "0 to 0.03 kg kg-1"),
    ]
