"""Training profiles from ERA5 on pressure levels, from real files and files with their layout."""

import numpy as np
import pytest
import xarray as xr

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.constants import GRAVITY
from lst_raster.physics.humidity import saturation_pressure_mixed, specific_humidity, specific_humidity_from_dew_point
from lst_raster.profiles.era5 import profiles_from_era5
from lst_raster.profiles.profile_sets import read_profiles, water_vapour
from lst_raster.profiles.simulate import simulate_file
from lst_raster.profiles.simulated_set import read_simulated
from tests.support.shared import shared_path

LEVELS = np.array([1000.0, 950.0, 900.0, 850.0, 700.0, 500.0, 300.0, 200.0, 100.0, 50.0, 10.0])
LATITUDE = np.arange(40.0, -41.0, -10.0)
LONGITUDE = np.arange(0.0, 360.0, 10.0)
TIMES = np.array(["2019-07-01T00", "2019-07-01T12"], "datetime64[ns]")
LAPSE = 0.12  # power with which air cools with pressure
DRY_AIR = 287.05  # gas constant [J kg-1 K-1]

pytestmark = pytest.mark.filterwarnings("ignore:pyproj unable:UserWarning")


def write_era5(folder, *, cloudy=None, surface=1012.0, humidity=0.5, drop=(), shift=0.0):
    """Write a file of levels and one of the surface as the Climate Data Store has them since 2024.

    Air is 288 K at 1000 hPa and cools with a power of pressure, so that its geopotential is known.
    """
    shape = (TIMES.size, LEVELS.size, LATITUDE.size, LONGITUDE.size)
    temperature = np.broadcast_to((288.0 * (LEVELS / 1000.0) ** LAPSE)[:, None, None], shape)
    relative = np.full(shape, humidity) * np.where(LEVELS < 250.0, 0.01, 1.0)[:, None, None]
    if cloudy is not None:
        relative[:, 4][:, cloudy] = 0.99
    height = DRY_AIR * 288.0 / LAPSE * (1.0 - (LEVELS / 1000.0) ** LAPSE)  # times gravity: dz = -R T d ln p
    axes = ("valid_time", "pressure_level", "latitude", "longitude")
    place = {"valid_time": TIMES, "latitude": LATITUDE, "longitude": LONGITUDE}
    ratio = specific_humidity(relative, temperature, LEVELS[:, None, None])
    data = {
        "t": (axes, temperature, {"units": "K"}),
        "q": (axes, ratio, {"units": "kg kg**-1"}),
        "z": (axes, np.broadcast_to(height[:, None, None], shape), {"units": "m**2 s**-2"}),
    }
    levels = xr.Dataset(data, coords={**place, "pressure_level": ("pressure_level", LEVELS, {"units": "hPa"})})
    flat = (TIMES.size, LATITUDE.size, LONGITUDE.size)
    near = {
        "sp": (("valid_time", "latitude", "longitude"), np.full(flat, 100.0 * surface), {"units": "Pa"}),
        "t2m": (("valid_time", "latitude", "longitude"), np.full(flat, 290.0), {"units": "K"}),
        "d2m": (("valid_time", "latitude", "longitude"), np.full(flat, 280.0), {"units": "K"}),
        "z": (("valid_time", "latitude", "longitude"), np.full(flat, 500.0 * GRAVITY), {"units": "m**2 s**-2"}),
    }
    ground = xr.Dataset(near, coords={**place, "latitude": LATITUDE + shift})
    levels.drop_vars(drop, errors="ignore").to_netcdf(folder / "levels.nc", engine="h5netcdf")
    ground.drop_vars([name.removesuffix("_ground") for name in drop if name.endswith("_ground")]).to_netcdf(
        folder / "ground.nc", engine="h5netcdf"
    )
    return [folder / "levels.nc", folder / "ground.nc"]


def test_columns_are_those_of_the_file_and_what_lies_below_the_ground_is_cut(tmp_path):
    made = profiles_from_era5(write_era5(tmp_path, surface=870.0))
    assert made.sizes["profile"] == TIMES.size * LATITUDE.size * LONGITUDE.size
    pressure = made["pressure"].values
    assert np.isfinite(pressure).sum(axis=1).tolist() == [8] * made.sizes["profile"]
    assert np.nanmax(pressure) == 850.0
    assert set(made["surface_pressure"].values) == {870.0}
    assert set(made["air_temperature_2m"].values) == {290.0}
    humidity = specific_humidity_from_dew_point(np.float64(280.0), np.float64(870.0))
    assert made["specific_humidity_2m"].values == pytest.approx(float(humidity))
    inside = np.isfinite(pressure)
    np.testing.assert_allclose(made["air_temperature"].values[inside], 288.0 * (pressure[inside] / 1000.0) ** LAPSE)
    assert sorted({str(time)[:13] for time in made["time"].values}) == ["2019-07-01T00", "2019-07-01T12"]
    assert made["longitude"].values.min() == -180.0
    assert (
        made.attrs["source"] == "ERA5 on 11 pressure levels (levels.nc, ground.nc), valid 2019-07-01T00, 2019-07-01T12"
    )


@pytest.mark.slow
def test_cloudy_columns_are_left_out_as_in_the_library(tmp_path):
    cloudy = np.zeros((LATITUDE.size, LONGITUDE.size), bool)
    cloudy[2:5] = True
    made = profiles_from_era5(write_era5(tmp_path, cloudy=cloudy))
    assert made.sizes["profile"] == TIMES.size * (~cloudy).sum()
    assert not set(made["latitude"].values) & set(LATITUDE[2:5])
    assert profiles_from_era5([tmp_path / "levels.nc", tmp_path / "ground.nc"], clear_below=1.0).sizes["profile"] > 600
    with pytest.raises(InputError, match="0 of 648 columns are clear, below 1% relative humidity"):
        profiles_from_era5([tmp_path / "levels.nc", tmp_path / "ground.nc"], clear_below=0.01)


def test_without_surface_pressure_it_follows_from_the_geopotential(tmp_path):
    made = profiles_from_era5(write_era5(tmp_path, drop=["sp_ground"]))
    exact = 1000.0 * (1.0 - 500.0 * GRAVITY * LAPSE / DRY_AIR / 288.0) ** (1.0 / LAPSE)
    assert made["surface_pressure"].values == pytest.approx(exact, abs=0.1)


def test_without_values_at_two_metres_those_of_the_levels_stand(tmp_path, caplog):
    made = profiles_from_era5(write_era5(tmp_path, surface=920.0, drop=["t2m_ground", "d2m_ground"]))
    assert made["air_temperature_2m"].values == pytest.approx(288.0 * 0.92**LAPSE, abs=0.02)
    assert "no t2m and d2m" in caplog.text
    below = profiles_from_era5(write_era5(tmp_path, surface=1030.0, drop=["t2m_ground", "d2m_ground"]))
    assert below["air_temperature_2m"].values == pytest.approx(288.0 * 1.03**LAPSE, abs=0.05)


@pytest.mark.slow
def test_fewer_columns_by_the_grid_and_by_choice(tmp_path):
    files = write_era5(tmp_path)
    assert profiles_from_era5(files, every=3).sizes["profile"] == 2 * 3 * 12
    few = profiles_from_era5(files, columns=40)
    assert few.sizes["profile"] == 40
    assert np.ptp(few["latitude"].values) == 80.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"drop": ["t"]}, "temperature on 0 and humidity on 11 levels"),
        ({"drop": ["q"]}, "temperature on 11 and humidity on 0 levels"),
        ({"drop": ["sp_ground", "z_ground"]}, "no surface pressure, and no z of the surface"),
        ({"drop": ["sp_ground", "z"]}, "no surface pressure, and no z on levels"),
        ({"shift": 0.5}, "is on another grid"),
    ],
)
def test_missing_or_inconsistent_files_are_reported(tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        profiles_from_era5(write_era5(tmp_path, **change))


def test_times_missing_at_the_surface_are_reported(tmp_path):
    levels, ground = write_era5(tmp_path)
    with xr.open_dataset(ground) as whole:
        whole.isel(valid_time=[0]).to_netcdf(tmp_path / "one.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="lacks times that"):
        profiles_from_era5([levels, tmp_path / "one.nc"])
    with pytest.raises(InputNotFoundError, match="does not exist"):
        profiles_from_era5([tmp_path / "none.nc"])


@pytest.mark.slow
def test_the_command_writes_what_simulate_takes(tmp_path, command):
    files = write_era5(tmp_path)
    target = tmp_path / "profiles.nc"
    code, out, err = command("profiles", "from-era5", *files, "-o", target, "--columns", 30)
    assert (code, err) == (0, [])
    assert out[0] == f"{target}: 30 clear columns on 11 levels"
    assert command("profiles", "from-era5", *files, "-o", target)[0] == 1
    made = read_profiles(target)
    made.isel(profile=[0, 29]).to_netcdf(tmp_path / "two.nc", engine="h5netcdf")
    simulate_file(tmp_path / "two.nc", {"landsat8-b10": tmp_path / "set.nc"})
    simulated = read_simulated(tmp_path / "set.nc")
    assert simulated.surface_pressure == pytest.approx(1012.0)
    assert simulated.water_vapour == pytest.approx(water_vapour(made)[[0, 29]], rel=0.05)
    assert simulated.source.startswith("two.nc: ERA5 on 11 pressure levels")


def test_real_era5_over_the_sea_gives_clear_columns_from_the_poles_to_the_tropics(tmp_path):
    path = shared_path("data", "profiles", "era5_tl31_19590102T00.nc")
    with xr.open_dataset(path) as levels:
        place = {name: levels[name].values for name in ("latitude", "longitude")}
        flat = np.zeros((place["latitude"].size, place["longitude"].size))
        lowest = levels.sel(level=1000)
        barometric = 1000.0 * np.exp(lowest["geopotential"] / DRY_AIR / lowest["temperature"]).transpose().values
    sea = xr.Dataset({"z": (("latitude", "longitude"), flat, {"units": "m**2 s**-2"})}, coords=place)
    sea.to_netcdf(tmp_path / "sea.nc", engine="h5netcdf")
    made = profiles_from_era5([path, tmp_path / "sea.nc"])
    assert (made.sizes["profile"], made.sizes["level"]) == (1140, 37)  # of 2,050
    assert np.nanmax(made["largest_relative_humidity"].values) < 0.95
    vapour = water_vapour(made)
    assert vapour.min() > 0.1 and 50.0 < vapour.max() < 70.0
    rows = np.abs(made["latitude"].values[:, None] - place["latitude"]).argmin(axis=1)
    columns = np.abs((made["longitude"].values[:, None] - place["longitude"] + 180.0) % 360.0 - 180.0).argmin(axis=1)
    known = np.abs(made["latitude"].values) < 89.0  # the poles are means of the last row
    apart = made["surface_pressure"].values - barometric[rows, columns]
    assert np.abs(apart[known]).max() < 2.0  # dry and isothermal below 1000 hPa against the levels' own geopotential


@pytest.mark.slow
def test_real_era5_in_grib_is_read_with_a_surface_pressure_in_another_file(tmp_path):
    path = shared_path("data", "reanalysis", "pyaps_ERA5_N30_N40_E120_E140_20101017_14.grb")
    with pytest.raises(InputError, match="no surface pressure, and no z of the surface"):
        profiles_from_era5([path])
    place = {"latitude": np.linspace(40.0, 30.0, 41), "longitude": np.linspace(120.0, 140.0, 81)}
    time = np.array(["2010-10-17T14"], "datetime64[ns]")
    pressure = np.full((1, 41, 81), 98000.0)
    ground = xr.Dataset({"sp": (("time", *place), pressure, {"units": "Pa"})}, coords={**place, "time": time})
    ground.to_netcdf(tmp_path / "sp.nc", engine="h5netcdf")
    made = profiles_from_era5([path, tmp_path / "sp.nc"], every=4)
    assert made.sizes["level"] == 37
    assert 20 < made.sizes["profile"] <= 11 * 21
    assert np.nanmax(made["pressure"].values) == 975.0
    warm = made["air_temperature_2m"].values
    assert warm.min() > 275.0 and warm.max() < 300.0
    relative = made["largest_relative_humidity"].values
    assert relative.min() > 0.3 and relative.max() < 0.95
    assert saturation_pressure_mixed(np.float64(280.0)) > 9.0
