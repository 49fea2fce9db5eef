import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from lst_raster.cli.training import profile_library as command
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.profiles import library as gfs
from lst_raster.profiles.library import (
    SyntheticExtreme,
    farthest_points,
    make_held_out,
    make_library,
    perturb,
    read_gfs,
    read_tigr,
    validation_split,
)
from lst_raster.profiles.profile_sets import (
    COLUMN_VARIABLES,
    LEVEL_VARIABLES,
    library_path,
    read_profiles,
    region_of,
    water_vapour,
    write_profiles,
)
from lst_raster.resources import data_path
from tests.support.shared import shared_path


@pytest.fixture(scope="module")
def library():
    return read_profiles(library_path())


def kind(library, perturbation):
    return library.isel(profile=library["perturbation"].values == perturbation)


def test_the_library_holds_about_5800_columns_with_units_and_source(library):
    assert library.sizes["profile"] == 5800
    for name, (units, _) in (LEVEL_VARIABLES | COLUMN_VARIABLES).items():
        assert library[name].attrs["units"] == units
    assert library.attrs["license"] and "Global Forecast System" in library.attrs["source"]
    assert data_path("profiles", "SOURCE.md").is_file()
    assert library_path().stat().st_size < 4_000_000


def test_levels_below_the_ground_are_nan_and_those_above_are_not(library):
    above = library["pressure"].values < library["surface_pressure"].values[:, None]
    for name in ("pressure", "air_temperature", "specific_humidity"):
        assert np.array_equal(np.isfinite(library[name].values), above)


def test_every_column_of_the_library_is_clear_and_physical(library):
    assert float(library["largest_relative_humidity"].max()) <= 0.9501
    assert np.nanmin(library["specific_humidity"].values) > 0.0
    assert 180.0 < np.nanmin(library["air_temperature"].values) < np.nanmax(library["air_temperature"].values) < 335.0
    assert len(np.unique(library["air_temperature"].values, axis=0)) == library.sizes["profile"]


def test_the_library_reaches_beyond_its_sources_only_where_it_says_so(library):
    real, hot, humid = (kind(library, k) for k in SyntheticExtreme)
    assert (real.sizes["profile"], hot.sizes["profile"], humid.sizes["profile"]) == (5200, 300, 300)
    assert float(real["air_temperature_2m"].max()) < 315.5 and water_vapour(real).max() < 63.0
    assert float(hot["air_temperature_2m"].min()) >= 315.0 and float(hot["air_temperature_2m"].max()) > 327.0
    assert water_vapour(hot).max() <= 65.0
    assert water_vapour(humid).min() >= 57.0 and 75.0 < water_vapour(humid).max() <= 80.0


def test_every_class_of_water_vapour_is_in_both_parts_of_the_split(library):
    for part in (0, 1):
        chosen = library.isel(profile=library["split"].values == part)
        assert (np.histogram(water_vapour(chosen), [0, 10, 20, 30, 40, 50, 100])[0] >= 25).all()
    assert 0.1 < float(library["split"].mean()) < 0.2


def test_no_region_is_split_between_training_and_validation(library):
    region, split = library["region"].values, library["split"].values
    assert np.array_equal(region, region_of(library["latitude"].values, library["longitude"].values))
    for box in np.unique(region):
        assert len(np.unique(split[region == box])) == 1
    assert np.array_equal(validation_split(region), split)


@pytest.mark.slow
def test_the_maker_gives_the_committed_library_again(library):
    files = ("gfs_20110115T12.grib2", "gfs_20111011T00.grb")
    made = make_library([shared_path("data", "profiles", "gfs", name) for name in files])
    assert set(made.data_vars) == set(library.data_vars)
    for name, variable in library.data_vars.items():
        if variable.dtype.kind == "f":
            assert np.allclose(made[name].values, variable.values, rtol=1e-6, atol=0.0, equal_nan=True), name
        else:
            assert np.array_equal(made[name].values, variable.values), name


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


@pytest.mark.slow
def test_held_out_columns_are_clear_and_as_they_were():
    gfs = make_held_out([shared_path("data", "profiles", "gfs", "gfs_20150912T18.grib2")])
    tigr = make_held_out([shared_path("data", "profiles", "tigr2000_2311.npz")])
    for profiles in (gfs, tigr):
        assert float(profiles["largest_relative_humidity"].max()) < 0.95
        assert "perturbation" not in profiles and profiles.sizes["profile"] > 1300
    assert not ((tigr["surface_temperature"] < 285.0) & (water_vapour(tigr) > 30.0)).any()


def test_unlike_sources_are_not_written_into_one_file(tmp_path):
    with pytest.raises(InputError, match="different levels"):
        make_held_out([tmp_path / "a.npz", tmp_path / "b.grib2"])


def test_a_grib_file_without_the_fields_is_told_what_it_lacks(tmp_path):
    pytest.importorskip("eccodes", reason="needs the extra grib")
    (tmp_path / "empty.grib2").touch()
    with pytest.raises(InputError, match="surface_pressure"):
        read_gfs(tmp_path / "empty.grib2")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.grib2"):
        read_gfs(tmp_path / "none.grib2")
    with pytest.raises(InputNotFoundError, match=r"none\.npz"):
        read_tigr(tmp_path / "none.npz")
    with pytest.raises(InputNotFoundError, match=r"none\.nc"):
        read_profiles(tmp_path / "none.nc")


def test_profiles_survive_being_written_and_read(library, tmp_path):
    few = library.isel(profile=slice(0, 20))
    write_profiles(few, tmp_path / "few.nc")
    xr.testing.assert_identical(read_profiles(tmp_path / "few.nc"), few)


def test_warming_shifts_the_troposphere_and_leaves_the_stratosphere(library):
    few = library.isel(profile=slice(0, 20))
    changed = perturb(few, np.full(20, 5.0), np.ones(20))
    difference = (changed["air_temperature"] - few["air_temperature"]).values
    pressure = few["pressure"].values
    assert np.allclose(difference[pressure > 300.0], 5.0, atol=1e-3)
    assert np.all(difference[pressure <= 100.0] == 0.0)
    assert np.allclose(water_vapour(changed), water_vapour(few), rtol=1e-6)


def test_moistening_stops_at_the_humidity_cap(library):
    few = kind(library, SyntheticExtreme.NONE).isel(profile=slice(0, 200))
    changed = perturb(few, np.zeros(200), np.full(200, 10.0))
    assert float(changed["largest_relative_humidity"].max()) <= 0.9501
    assert (water_vapour(changed) > water_vapour(few)).all()


def test_spread_takes_the_far_points_before_the_near_copies():
    points = np.array([[0.0, 0.0], [0.01, 0.0], [5.0, 0.0], [5.01, 0.0], [0.0, 5.0]])
    chosen = set(farthest_points(points, 3, seed=0).tolist())
    assert len(chosen & {0, 1}) == 1 and len(chosen & {2, 3}) == 1 and 4 in chosen


def test_spread_of_more_points_than_there_are_takes_each_once():
    points = np.random.default_rng(0).normal(size=(7, 2))
    assert sorted(farthest_points(points, 50, seed=1).tolist()) == list(range(7))


def test_the_command_writes_a_held_out_set(tmp_path):
    source = shared_path("data", "profiles", "tigr2000_2311.npz")
    target = tmp_path / "tigr.nc"
    result = CliRunner().invoke(command, [str(source), "--held-out", "-o", str(target)], catch_exceptions=False)
    assert result.exit_code == 0 and "columns on 43 levels" in result.output
    assert read_profiles(target).sizes["level"] == 43


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


@pytest.mark.slow
def test_the_gfs_file_of_2004_becomes_profiles_by_command(tmp_path):
    path = shared_path("data", "profiles", "gfs", "gfs_20041212.grb")
    result = CliRunner().invoke(command, [str(path), "--held-out", "-o", str(tmp_path / "o.nc")])
    assert result.exit_code == 0, result.output
    assert np.isfinite(water_vapour(read_profiles(tmp_path / "o.nc"))).all()


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
