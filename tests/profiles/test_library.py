import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from lst_raster.cli.training import profile_library as command
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.profiles.gfs import read_gfs
from lst_raster.profiles.library import (
    SOURCES,
    LibrarySource,
    SyntheticExtreme,
    farthest_points,
    make_held_out,
    make_library,
    overpass_weight,
    perturb,
    select_columns,
)
from lst_raster.profiles.profile_sets import (
    COLUMN_VARIABLES,
    LEVEL_VARIABLES,
    library_path,
    read_profiles,
    water_vapour,
    write_profiles,
)
from lst_raster.resources import data_path
from tests.support.shared import shared_path

FILES = (
    "gfs/gfs_20110115T12.grib2", "gfs/gfs_20111011T00.grb", "gfs/gfs_20150912T18.grib2", "gfs/gfs_20041212.grb",
    "eraint_20110605T00.npz", "ncep_june_mean.nc", "era5_tl31_19590102T00.nc", "era5_west_antarctic_sea.npz",
)  # fmt: skip


@pytest.fixture(scope="module")
def library():
    return read_profiles(library_path())


def kind(library, perturbation):
    return library.isel(profile=library["perturbation"].values == perturbation)


def test_the_library_holds_9000_columns_of_eight_sources_with_units(library):
    assert library.sizes["profile"] == 9000
    for name, (units, _) in (LEVEL_VARIABLES | COLUMN_VARIABLES).items():
        assert library[name].attrs["units"] == units
    real = kind(library, SyntheticExtreme.NONE)
    names, counts = np.unique(real["source"].values.astype(str), return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {name: source.columns for name, source in SOURCES.items()}
    assert set(library.attrs["source"].split(", ")) == set(SOURCES)
    for owner in ("NCEP", "ECMWF", "contains modified Copernicus Climate Change Service information"):
        assert owner in library.attrs["license"] and owner in data_path("profiles", "SOURCE.md").read_text()
    assert library_path().stat().st_size < 3_000_000


def of_source(library, name):
    return library.isel(profile=library["source"].values.astype(str) == name)


def test_land_and_humid_air_are_well_represented_in_each_source(library):
    real = kind(library, SyntheticExtreme.NONE)
    for name, source in SOURCES.items():
        columns = of_source(real, name)
        if source.land is not None:
            assert (columns["land"].values == 1).mean() == pytest.approx(source.land, abs=0.01)
    assert (water_vapour(real) > 50.0).sum() > 500
    assert (water_vapour(of_source(real, "ERA-Interim 2011-06-05")) > 50.0).sum() >= 150
    assert set(np.unique(library["land"].values)) == {-1, 0, 1}


def test_weights_are_those_of_the_source_the_hour_and_the_perturbation(library):
    hour = overpass_weight(library["time"].values, library["longitude"].values)
    sources = library["source"].values.astype(str)
    expected = np.array([SOURCES[name].weight for name in sources])
    expected = expected * np.where([SOURCES[name].hourly for name in sources], hour, 1.0)
    expected = np.where(library["perturbation"] > 0, 0.1, 1.0) * expected
    assert np.allclose(library["weight"].values, expected, rtol=1e-6)
    assert (of_source(library, "NCEP mean June")["weight"].values == np.float32(0.3)).all()


def test_columns_near_the_overpass_weigh_more():
    time = np.array(["2011-01-15T12:00"] * 6, "datetime64[ns]")
    longitude = np.array([0.0, 16.0, -30.0, 150.0, -76.0, 180.0])  # 12:00, 13:04, 10:00, 22:00, 6:56, 0:00
    assert overpass_weight(time, longitude).tolist() == [1.5, 1.0, 1.5, 1.5, 1.0, 1.5]


def test_a_source_with_less_land_or_humid_air_than_requested_gives_all_it_has(library):
    few = kind(library, SyntheticExtreme.NONE).drop_vars("weight").isel(profile=slice(0, 1000))
    land = (few["land"].values == 1).sum()
    chosen = select_columns(few, LibrarySource(columns=900, land=1.0, weight=0.5, hourly=False))
    assert chosen.sizes["profile"] == 900 and (chosen["land"].values == 1).sum() == min(land, 900)
    assert (chosen["weight"].values == 0.5).all()
    assert select_columns(few, LibrarySource(columns=5000)).sizes["profile"] == 1000


def test_levels_below_the_ground_are_nan_and_those_above_are_not(library):
    above = library["pressure"].values < library["surface_pressure"].values[:, None]
    for name in ("pressure", "air_temperature", "specific_humidity"):
        assert np.array_equal(np.isfinite(library[name].values), above)


def test_every_column_of_the_library_is_clear_and_physical(library):
    by_cloud_cover = library["source"].values.astype(str) == "ERA-Interim 2011-06-05"
    relative, real = library["largest_relative_humidity"].values, library["perturbation"].values == 0
    assert relative[real & ~by_cloud_cover].max() <= 0.9501
    assert (relative[~by_cloud_cover] > 0.9501).sum() <= 1  # perturbed, above 100 hPa
    assert np.nanmin(library["specific_humidity"].values) > 0.0
    assert 180.0 < np.nanmin(library["air_temperature"].values) < np.nanmax(library["air_temperature"].values) < 335.0
    assert len(np.unique(library["air_temperature"].values, axis=0)) == library.sizes["profile"]


def test_the_library_reaches_beyond_its_sources_only_where_it_says_so(library):
    real, hot, humid = (kind(library, k) for k in SyntheticExtreme)
    assert (real.sizes["profile"], hot.sizes["profile"], humid.sizes["profile"]) == (8400, 300, 300)
    assert float(real["air_temperature_2m"].max()) < 315.5 and (water_vapour(real) > 62.0).sum() < 20
    assert float(hot["air_temperature_2m"].min()) >= 314.99 and float(hot["air_temperature_2m"].max()) > 327.0
    assert water_vapour(hot).max() <= 65.0
    assert water_vapour(humid).min() >= 61.99 and 75.0 < water_vapour(humid).max() <= 80.0


@pytest.mark.slow
def test_the_maker_gives_the_committed_library_again(library):
    made = make_library([shared_path("data", "profiles", *name.split("/")) for name in FILES])
    assert set(made.data_vars) == set(library.data_vars)
    for name, variable in library.data_vars.items():
        if variable.dtype.kind == "f":  # a value at the edge may be rounded to the next step
            assert np.allclose(made[name].values, variable.values, rtol=1.3e-4, atol=0.0, equal_nan=True), name
        else:
            assert np.array_equal(made[name].values, variable.values), name


@pytest.mark.slow
def test_held_out_columns_are_clear_and_as_they_were():
    gfs = make_held_out([shared_path("data", "profiles", "gfs", "gfs_20110115T12.grib2")])
    tigr = make_held_out([shared_path("data", "profiles", "tigr2000_2311.npz")])
    for profiles in (gfs, tigr):
        assert float(profiles["largest_relative_humidity"].max()) < 0.95
        assert not {"perturbation", "weight"} & set(profiles) and profiles.sizes["profile"] > 1300
    assert not ((tigr["surface_temperature"] < 285.0) & (water_vapour(tigr) > 30.0)).any()


def test_a_library_of_one_cold_source_has_no_perturbed_columns():
    made = make_library([shared_path("data", "profiles", "era5_west_antarctic_sea.npz")])
    assert made.sizes["profile"] == 200 and (made["perturbation"].values == 0).all()


@pytest.mark.parametrize("name", ["tigr2000_2311.npz", "ecmwf_diverse_83.npz", "ecmwf_diverse_52.npz"])
def test_data_for_testing_are_refused_in_a_library(name):
    with pytest.raises(InputError, match=f"{name} is .*, which is for testing only; use it with --held-out"):
        make_library([shared_path("data", "profiles", name)])


def test_a_source_without_clear_columns_is_refused(monkeypatch):
    monkeypatch.setattr("lst_raster.profiles.library.CLOUD_COVER", 0.0)
    with pytest.raises(InputError, match="has no clear column; leave it out"):
        make_library([shared_path("data", "profiles", "eraint_20110605T00.npz")])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.grib2"):
        read_gfs(tmp_path / "none.grib2")
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


@pytest.mark.parametrize("name", [*FILES[4:], "ecmwf_diverse_83.npz", "ecmwf_diverse_52.npz"])
def test_the_command_reads_held_out_columns_of_every_other_source(tmp_path, name):
    arguments = [str(shared_path("data", "profiles", name)), "--held-out", "--clear-below", "1.0"]
    result = CliRunner().invoke(command, [*arguments, "-o", str(tmp_path / "o.nc")], catch_exceptions=False)
    assert result.exit_code == 0
    assert read_profiles(tmp_path / "o.nc").sizes["profile"] > 25


@pytest.mark.slow
def test_the_gfs_file_of_2004_becomes_profiles_by_command(tmp_path):
    path = shared_path("data", "profiles", "gfs", "gfs_20041212.grb")
    result = CliRunner().invoke(command, [str(path), "--held-out", "-o", str(tmp_path / "o.nc")])
    assert result.exit_code == 0, result.output
    assert np.isfinite(water_vapour(read_profiles(tmp_path / "o.nc"))).all()
