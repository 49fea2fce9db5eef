"""Every reader of profiles gives the columns that its file has, and names what is wrong with another."""

import shutil

import numpy as np
import pytest
import xarray as xr

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.humidity import layer_mass, relative_humidity
from lst_raster.profiles import gfs
from lst_raster.profiles.archives import (
    read_ecmwf_diverse,
    read_era_interim,
    read_tigr,
    read_west_antarctic_sea,
)
from lst_raster.profiles.gfs import read_gfs
from lst_raster.profiles.grids import _open_sea, _pressure_at_sea_level, read_era5_sea, read_ncep_mean
from lst_raster.profiles.library import select_clear
from lst_raster.profiles.profile_sets import at_pressure, join, water_vapour
from lst_raster.profiles.readers import READERS, read_source
from tests.support.shared import shared_path

ERA_INTERIM = "eraint_20110605T00.npz"
NCEP = "ncep_june_mean.nc"
ERA5 = "era5_tl31_19590102T00.nc"
ANTARCTIC = "era5_west_antarctic_sea.npz"
TIGR = "tigr2000_2311.npz"
DIVERSE = {"ecmwf_diverse_83.npz": 80, "ecmwf_diverse_52.npz": 49}


def profiles_path(name):
    return shared_path("data", "profiles", *(("gfs", name) if name.startswith("gfs") else (name,)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "source", "columns", "levels"),
    [
        ("gfs_20110115T12.grib2", "GFS 2011-01-15", 10226, 26),
        ("gfs_20111011T00.grb", "GFS 2011-10-11", 10226, 26),
        ("gfs_20150912T18.grib2", "GFS 2015-09-12", 10226, 26),
        ("gfs_20041212.grb", "GFS 2004-12-12", 10226, 26),
        (ERA_INTERIM, "ERA-Interim 2011-06-05", 6320, 30),
        (NCEP, "NCEP mean June", 7708, 17),
        (ERA5, "ERA5 1959-01-02", 967, 37),
        (ANTARCTIC, "ERA5 West Antarctic sea", 19570, 37),
        (TIGR, "TIGR-2000", 2262, 43),
        ("ecmwf_diverse_83.npz", "ECMWF diverse 83", 80, 101),
        ("ecmwf_diverse_52.npz", "ECMWF diverse 52", 49, 101),
    ],
)
def test_a_file_is_read_by_its_contents_under_any_name(tmp_path, name, source, columns, levels):
    shutil.copyfile(profiles_path(name), tmp_path / "file.dat")
    profiles = read_source(tmp_path / "file.dat")
    assert (profiles.sizes["profile"], profiles.sizes["level"]) == (columns, levels)
    assert set(profiles["source"].values.astype(str)) == {source}
    surface = profiles["surface_pressure"].values
    above = np.isfinite(profiles["pressure"].values)
    assert (profiles["pressure"].values[above] < np.broadcast_to(surface[:, None], above.shape)[above]).all()
    for level_variable in ("air_temperature", "specific_humidity"):
        assert np.array_equal(np.isfinite(profiles[level_variable].values), above)
    assert surface.min() > 450.0 and surface.max() < 1076.0
    assert float(profiles["air_temperature_2m"].min()) > 195.0 and float(profiles["air_temperature_2m"].max()) < 325.0
    assert (np.abs(profiles["longitude"].values) <= 180.0).all() and (np.abs(profiles["latitude"].values) <= 90.0).all()
    assert np.isfinite(water_vapour(profiles)).all() and water_vapour(profiles).min() > 0.0
    assert not np.isnat(profiles["time"].values).any()


def test_every_kind_of_file_has_one_reader():
    assert len({reader.contents for reader in READERS}) == len(READERS) == len({reader.title for reader in READERS})
    for first in READERS:
        assert not any(first.contents < other.contents for other in READERS)


@pytest.mark.parametrize("name", [ERA_INTERIM, *DIVERSE])
def test_vapour_of_an_archive_integrates_to_its_own_column(name):
    profiles = read_source(profiles_path(name))
    with np.load(profiles_path(name)) as archive:
        stated = archive["tcwv"]
    error = water_vapour(profiles) - stated
    assert abs(error.mean()) < 0.05 and error.std() < 0.1
    assert np.std(error / stated) < 0.01


def test_clear_columns_of_era_interim_are_those_with_little_cloud_below_the_cirrus():
    profiles = read_era_interim(profiles_path(ERA_INTERIM))
    clear = select_clear(profiles, 0.5)
    vapour, land = water_vapour(clear), clear["land"].values == 1
    assert clear.sizes["profile"] == 2777 and land.sum() == 1216
    assert (vapour > 50.0).sum() > 250 and (vapour[land] > 50.0).sum() > 25
    assert float(clear["cloud_cover"].max()) < 0.2 < float(profiles["cloud_cover"].max())
    below_cirrus = np.where(clear["pressure"] > 400.0, np.nan_to_num(humidity_of(clear)), 0.0).max(axis=1)
    saturated = below_cirrus > 1.0  # only with respect to ice
    assert saturated.mean() < 0.025 and float(clear["air_temperature_2m"][saturated].max()) < 273.2


def humidity_of(profiles):
    names = ("specific_humidity", "air_temperature", "pressure")
    return relative_humidity(*(profiles[name].values for name in names))


def test_the_sea_of_era_interim_has_a_surface_temperature_where_there_is_no_ice():
    profiles = read_era_interim(profiles_path(ERA_INTERIM))
    skin, land, latitude = (profiles[name].values for name in ("surface_temperature", "land", "latitude"))
    assert np.isnan(skin[land == 1]).all() and np.isnan(skin[latitude > 85.0]).all()
    tropics = (land == 0) & (np.abs(latitude) < 20.0)
    assert np.isfinite(skin[tropics]).mean() > 0.75
    assert np.nanmin(skin) > 271.5 and np.nanmax(np.abs(skin - profiles["air_temperature_2m"].values)) < 15.0
    ozone = np.nansum(layer_mass(profiles["ozone"].values[:, 1:], -np.diff(profiles["pressure"].values)), axis=1)
    assert 200.0 < np.median(ozone) / 2.1415e-5 < 400.0  # Dobson units


def test_the_mean_june_integrates_to_its_own_precipitable_water():
    profiles = read_ncep_mean(profiles_path(NCEP))
    error = water_vapour(profiles) - profiles["precipitable_water"].values
    assert abs(error.mean()) < 0.35 and error.std() < 0.5
    assert (profiles["time"].values == np.datetime64("1988-06-15T12")).all()
    assert (profiles["land"].values == -1).all()
    warm = profiles["latitude"].values > 40.0
    assert float(profiles["air_temperature_2m"][warm].mean()) > 278.0  # June


def test_humidity_of_the_mean_june_decreases_to_that_of_the_stratosphere():
    profiles = read_ncep_mean(profiles_path(NCEP))
    pressure, humidity = profiles["pressure"].values[0], profiles["specific_humidity"].values
    assert np.allclose(humidity[:, pressure <= 100.0], 2.5e-6)
    between = humidity[:, (pressure < 300.0) & (pressure > 100.0)]
    top = humidity[:, pressure == 300.0]
    assert ((between >= np.minimum(top, 2.5e-6) * (1 - 1e-9)) & (between <= np.maximum(top, 2.5e-6) * (1 + 1e-9))).all()
    relative = np.where(profiles["pressure"] > 110.0, np.nan_to_num(humidity_of(profiles)), 0.0)
    assert np.median(relative[:, pressure == 200.0]) < 0.8


def test_era5_columns_are_over_the_sea():
    profiles = read_era5_sea(profiles_path(ERA5))
    elsewhere = read_gfs(profiles_path("gfs_20110115T12.grib2"))
    place = [np.deg2rad(one[name].values) for one in (profiles, elsewhere) for name in ("latitude", "longitude")]
    distance = np.sin(place[0])[:, None] * np.sin(place[2]) + np.cos(place[0])[:, None] * np.cos(place[2]) * np.cos(
        place[1][:, None] - place[3]
    )
    land = elsewhere["land"].values[np.argmax(distance, axis=1)]
    assert land.mean() < 0.06 and (profiles["land"].values == 0).all()
    pressure = profiles["surface_pressure"].values
    assert 950.0 < pressure.min() < 985.0 and 1020.0 < pressure.max() < 1060.0
    assert np.median(pressure) == pytest.approx(1011.0, abs=4.0)
    water = profiles["surface_temperature"].values - profiles["air_temperature_2m"].values
    assert 0.0 < np.nanmedian(water) < 2.0


def test_columns_off_west_antarctica_are_cold_dry_and_of_all_months():
    profiles = read_west_antarctic_sea(profiles_path(ANTARCTIC))
    month = profiles["time"].values.astype("datetime64[M]").astype(int) % 12 + 1
    assert (np.bincount(month)[1:] > 1600).all()
    vapour, near = water_vapour(profiles), profiles["air_temperature_2m"].values
    assert vapour.max() < 25.0 and near[month == 7].mean() < near[month == 1].mean() - 3.0
    assert (profiles["surface_pressure"].values == 1000.0).all() and (profiles["land"].values == 0).all()


@pytest.mark.parametrize("name", DIVERSE)
def test_diverse_profiles_are_of_all_seasons_and_both_of_land_and_sea(name):
    profiles = read_ecmwf_diverse(profiles_path(name))
    month = profiles["time"].values.astype("datetime64[M]").astype(int) % 12 + 1
    assert len(set(month.tolist())) >= 11
    assert 0.3 < profiles["land"].values.mean() < 0.6
    assert water_vapour(profiles).max() > 70.0


def test_values_are_interpolated_in_the_logarithm_of_pressure_and_extrapolated_to_the_ground():
    pressure = np.array([[1000.0, 100.0, 500.0], [100.0, 500.0, 1000.0]])  # in any order
    values = 3.0 * np.log(pressure)
    assert np.allclose(at_pressure(values, pressure, np.array([700.0, 1030.0])), 3.0 * np.log([700.0, 1030.0]))


def test_sets_on_different_levels_are_joined_with_missing_levels():
    few, many = (
        read_source(profiles_path("ecmwf_diverse_52.npz")),
        read_tigr(profiles_path(TIGR)).isel(profile=slice(9)),
    )
    joined = join([few.drop_vars("land"), many])
    assert joined.sizes["level"] == 101 and joined.sizes["profile"] == 49 + 9
    assert np.isnan(joined["pressure"].values[49:, 43:]).all()
    assert np.allclose(water_vapour(joined), np.concatenate([water_vapour(few), water_vapour(many)]))


def test_the_sea_is_where_no_value_is_a_copy_and_no_neighbour_either():
    temperature = np.arange(70.0).reshape(7, 10)
    temperature[3, 0] = temperature[3, 9]  # neighbours across the edge
    expected = np.ones((7, 10), bool)
    expected[[0, 1, 5, 6]] = True
    expected[2:5, [8, 9, 0, 1]] = False
    expected[[0, 1, -1, -2]] = False  # a polar row is its own neighbour
    assert np.array_equal(_open_sea(temperature), expected)


def test_pressure_at_sea_level_of_an_isothermal_atmosphere_is_exact():
    pressure = np.array([[500.0, 900.0, 950.0, 1000.0]] * 3)
    surface = np.array([985.0, 1030.0, 960.0])
    height = 7500.0 * np.log(surface[:, None] / pressure)
    assert np.allclose(_pressure_at_sea_level(height, pressure), surface)


def test_a_file_of_other_contents_is_refused_with_what_is_known(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.nc").write_text("text")
    xr.Dataset({"tcwv": ("x", np.zeros(3))}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    for name in ("other.npz", "text.nc", "other.nc"):
        with pytest.raises(InputError, match=rf"{name} is none of the known profiles; give GFS .*, TIGR-2000"):
            read_source(tmp_path / name)
    with pytest.raises(InputNotFoundError, match=r"none\.npz not found"):
        read_source(tmp_path / "none.npz")


READ = {
    ERA_INTERIM: (read_era_interim, "cc", "ERA-Interim"),
    ANTARCTIC: (read_west_antarctic_sea, "m07", "ERA5 West Antarctic sea"),
    "ecmwf_diverse_83.npz": (read_ecmwf_diverse, "land", "ECMWF diverse profiles"),
    "ecmwf_diverse_52.npz": (read_ecmwf_diverse, "land", "ECMWF diverse profiles"),
}


@pytest.mark.parametrize("name", READ)
def test_an_archive_without_an_array_or_of_another_shape_is_refused(tmp_path, name):
    read, array, title = READ[name]
    with np.load(profiles_path(name)) as archive:
        data = {key: archive[key] for key in archive}
    np.savez(tmp_path / "a.npz", **{key: values for key, values in data.items() if key != array})
    with pytest.raises(InputError, match=f"has no array {array}; give the {title} archive"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **data | {array: data[array][..., :3]})
    with pytest.raises(InputError, match=f"{array} of .* has shape .*, not numbers of shape"):
        read(tmp_path / "a.npz")
    whole = profiles_path(name).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    for reader in (read, read_source):
        with pytest.raises(InputError, match=r"cut\.npz cannot be read as a NumPy archive"):
            reader(tmp_path / "cut.npz")
    with pytest.raises(InputNotFoundError, match=r"none\.npz not found"):
        read(tmp_path / "none.npz")


@pytest.mark.parametrize(("name", "read", "variable"), [
    (NCEP, read_ncep_mean, "SHUM"), (ERA5, read_era5_sea, "geopotential"),
])  # fmt: skip
def test_a_netcdf_file_that_is_cut_off_or_lacks_a_variable_is_refused(tmp_path, name, read, variable):
    whole = profiles_path(name).read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    for reader in (read, read_source):
        with pytest.raises(InputError, match=r"cut\.nc cannot be read as netCDF"):
            reader(tmp_path / "cut.nc")
    with xr.open_dataset(profiles_path(name), engine="scipy", decode_cf=False) as dataset:
        dataset.drop_vars(variable).to_netcdf(tmp_path / "less.nc", engine="scipy")
        shape = dataset[variable].isel({dataset[variable].dims[-1]: slice(3)})
        dataset.drop_vars(variable).assign(
            {variable: (("a", "b", "c"), shape.values[..., 0].reshape(1, 1, -1))}
        ).to_netcdf(tmp_path / "shape.nc", engine="scipy")
    with pytest.raises(InputError, match=f"has no variable {variable}; give "):
        read(tmp_path / "less.nc")
    with pytest.raises(InputError, match=r"shape\.nc cannot be read as netCDF"):
        read(tmp_path / "shape.nc")
    with pytest.raises(InputNotFoundError, match=r"none\.nc not found"):
        read(tmp_path / "none.nc")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gfs_20110115T12.grib2", "gfs_20111011T00.grb", "gfs_20150912T18.grib2"])
def test_humidity_of_profiles_integrates_to_the_files_own_precipitable_water(name):
    profiles = read_gfs(shared_path("data", "profiles", "gfs", name))
    error = water_vapour(profiles) - profiles["precipitable_water"].values
    assert np.sqrt(np.mean(error**2)) < 0.2
    assert abs(np.mean(error)) < 0.1


@pytest.mark.slow
def test_a_pole_gives_one_column_not_one_for_each_longitude():
    latitude = read_gfs(shared_path("data", "profiles", "gfs", "gfs_20150912T18.grib2"))["latitude"].values
    assert latitude.size == 71 * 144 + 2
    assert (np.abs(latitude) == 90.0).sum() == 2


@pytest.mark.slow
def test_a_forecasts_time_is_when_it_is_valid():
    time = read_gfs(shared_path("data", "profiles", "gfs", "gfs_20110115T12.grib2"))["time"].values
    assert (time == np.datetime64("2011-01-15T12:00")).all()  # 120 hours after the run of 2011-01-10


def test_vapour_of_tigr_profiles_follows_only_from_ratios_to_dry_air():
    path = shared_path("data", "profiles", "tigr2000_2311.npz")
    profiles = read_tigr(path)
    with np.load(path) as archive:
        stated, skin = 10.0 * archive["tcwv_gcm2"], archive["ts"]
    stated = stated[~((skin < 285.0) & (stated > 30.0))]
    assert np.abs(water_vapour(profiles) / stated - 1.0).max() < 1e-4


def test_a_grib_file_without_the_fields_is_told_what_it_lacks(tmp_path):
    pytest.importorskip("eccodes", reason="needs the extra grib")
    (tmp_path / "empty.grib2").touch()
    with pytest.raises(InputError, match="surface_pressure"):
        read_gfs(tmp_path / "empty.grib2")


def test_humidity_above_its_highest_level_is_that_of_this_level():
    """The file of 2004 has temperature up to 10 hPa, humidity up to 100 hPa."""
    profiles = read_gfs(shared_path("data", "profiles", "gfs", "gfs_20041212.grb"))
    pressure, humidity = profiles["pressure"].values[0], profiles["specific_humidity"].values
    assert pressure[0] == 10.0 and profiles.sizes["profile"] == 71 * 144 + 2
    above, (highest,) = np.flatnonzero(pressure < 100.0), np.flatnonzero(pressure == 100.0)
    assert np.array_equal(humidity[:, above], np.repeat(humidity[:, [highest]], above.size, axis=1))
    dry = profiles.assign(specific_humidity=profiles["specific_humidity"].where(profiles["pressure"] >= 100.0, 1e-7))
    assert np.max(water_vapour(profiles) - water_vapour(dry)) < 0.02
    error = water_vapour(profiles) - profiles["precipitable_water"].values
    assert abs(np.mean(error)) < 0.1 and np.sqrt(np.mean(error**2)) < 0.4  # humidity of GRIB 1 is in whole per cent


@pytest.mark.parametrize(("levels", "lacks"), [((), "relative humidity"), ((100, 500), "relative humidity")])
def test_humidity_that_is_missing_at_the_ground_is_told(tmp_path, monkeypatch, levels, lacks):
    columns = {key: np.ones(4) for key in gfs._COLUMNS.values()}
    fields = {("t", "isobaricInhPa", level): np.full(4, 250.0) for level in (10, 100, 500, 1000)}
    fields |= {("r", "isobaricInhPa", level): np.ones(4) for level in levels}
    (tmp_path / "gfs.grb").touch()
    read = columns | fields, np.zeros(4), np.zeros(4), np.datetime64("2004-12-12")
    monkeypatch.setattr(gfs, "_read_fields", lambda path: read)
    with pytest.raises(InputError, match=rf"lacks {lacks} on the lowest pressure levels; give a GFS file"):
        read_gfs(tmp_path / "gfs.grb")


def test_a_gfs_file_that_is_cut_off_is_told(tmp_path):
    whole = shared_path("data", "profiles", "gfs", "gfs_20041212.grb").read_bytes()
    (tmp_path / "cut.grb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.grb cannot be read as GRIB \(.+\); fetch it again"):
        read_gfs(tmp_path / "cut.grb")


def tigr(path, **changes):
    """A small archive of the form of TIGR-2000; None leaves an array out."""
    arrays = {"p_hPa": np.array([100.0, 500.0, 1013.0])}
    arrays |= {name: np.full((4, 3), value) for name, value in (("t", 280.0), ("h2o_mmr", 1e-3), ("o3_mmr", 1e-6))}
    arrays |= {"ts": np.full(4, 280.0), "lat": np.zeros(4), "lon": np.zeros(4), "yymmdd": np.full(4, 910100)} | changes
    np.savez_compressed(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t": None}, "has no array t; give the TIGR-2000 archive"),
        ({"lat": np.zeros(3)}, r"lat of .* has shape \(3,\) .* not numbers of shape \(4,\)"),
        ({"t": np.full((4, 3), "warm")}, "t of .* has .* type <U4"),
    ],
)
def test_an_archive_of_another_content_is_refused(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_tigr(tigr(tmp_path / "a.npz", **changes))


def test_a_damaged_archive_of_profiles_is_told(tmp_path):
    path = tigr(tmp_path / "a.npz")
    assert read_tigr(path).sizes["profile"] == 4
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:300] + bytes([whole[300] ^ 0x55]) + whole[301:], b"text"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.npz cannot be read as a NumPy archive \(.+\); fetch it again"):
            read_tigr(path)
