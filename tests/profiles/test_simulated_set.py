"""A simulated set is read whole and checked, and errors are summed up rightly."""

import numpy as np
import pytest
import xarray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES, summarise, summarise_by_water_vapour
from lst_raster.profiles.simulated_set import read_simulated
from tests.support.simulated_sets import make_simulated_set


@pytest.fixture
def path(tmp_path):
    return make_simulated_set(tmp_path / "set.nc", profiles=20)


def changed(path, change):
    """The set's file with a change made to it."""
    dataset = change(xarray.load_dataset(path, engine="h5netcdf"))
    dataset.to_netcdf(path.with_name("changed.nc"), engine="h5netcdf")
    return path.with_name("changed.nc")


def test_a_set_is_read_as_it_was_written(path):
    simulated = read_simulated(path)
    dataset = xarray.load_dataset(path, engine="h5netcdf")
    assert (len(simulated), simulated.sensor) == (20, "landsat8-b10")
    np.testing.assert_allclose(simulated.transmittance, dataset.transmittance)
    np.testing.assert_allclose(simulated.gas_year, dataset.gas_year)
    assert simulated.time is None
    assert simulated.terms[2] is simulated.downwelling_radiance


def test_profiles_are_selected_with_all_that_belongs_to_them(path):
    simulated = read_simulated(path)
    north = simulated.latitude > 0.0
    chosen = simulated.select(north)
    assert 0 < len(chosen) == north.sum() < 20
    np.testing.assert_array_equal(chosen.latitude, simulated.latitude[north])
    assert chosen.time is None


def test_a_file_without_a_variable_is_refused_by_its_name(path):
    with pytest.raises(InputError, match="lacks upwelling_radiance; create it with lst-raster simulate"):
        read_simulated(changed(path, lambda dataset: dataset.drop_vars("upwelling_radiance")))


def test_a_nan_where_a_value_is_needed_is_refused(path):
    with pytest.raises(InputError, match="water_vapour of the simulated set has NaN"):
        read_simulated(changed(path, lambda dataset: dataset.assign(water_vapour=dataset.water_vapour * np.nan)))


def test_a_transmittance_above_one_is_refused(path):
    with pytest.raises(InputError, match="outside"):
        read_simulated(changed(path, lambda dataset: dataset.assign(transmittance=dataset.transmittance + 1.0)))


def with_sources(dataset, **attributes):
    number = np.arange(dataset.sizes["profile"]) % 2
    return dataset.assign(profile_source=("profile", number.astype(np.int16), attributes))


def test_the_source_of_each_profile_is_read_by_name(path):
    flags = {"flag_values": np.int16([0, 1]), "flag_meanings": "GFS_2011-01-15 TIGR-2000"}
    simulated = read_simulated(changed(path, lambda dataset: with_sources(dataset, **flags)))
    assert simulated.profile_source[:3].tolist() == ["GFS 2011-01-15", "TIGR-2000", "GFS 2011-01-15"]
    one = {"flag_values": np.int16([0]), "flag_meanings": "TIGR-2000"}
    for attributes in ({}, one):
        with pytest.raises(InputError, match=r"profile_source of .* has no flag_meanings for \[(0, )?1\]"):
            read_simulated(changed(path, lambda dataset, facts=attributes: with_sources(dataset, **facts)))
    assert read_simulated(path).profile_source is None and read_simulated(path).weight is None


def test_a_negative_weight_is_refused(path):
    weight = ("profile", np.linspace(-0.1, 1.0, 20))
    with pytest.raises(InputError, match="weight of the simulated set is negative or NaN"):
        read_simulated(changed(path, lambda dataset: dataset.assign(weight=weight)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"none\.nc"):
        read_simulated(tmp_path / "none.nc")


def test_a_file_that_is_not_netcdf_is_refused(tmp_path):
    (tmp_path / "text.nc").write_text("text")
    with pytest.raises(InputError, match=r"text\.nc cannot be read as netCDF"):
        read_simulated(tmp_path / "text.nc")


def test_missing_retrievals_are_counted_and_left_out():
    summary = summarise(np.array([3.0, -4.0, np.nan]))
    assert (summary.samples, summary.missing, summary.bias, summary.mae) == (2, 1, -0.5, 3.5)
    assert summary.rmse == pytest.approx(np.sqrt(12.5))


def test_no_sample_has_no_error():
    summary = summarise(np.array([]))
    assert summary.samples == 0
    assert np.isnan([summary.bias, summary.rmse, summary.mae]).all()


def test_every_sample_is_in_one_class_of_water_vapour():
    column = np.linspace(0.0, 80.0, 161)
    summaries = summarise_by_water_vapour(np.ones((161, 2)), column[:, None])
    assert summaries["all"].samples == 322
    assert sum(summaries[name].samples for name in WATER_VAPOUR_CLASSES) == 322
    assert summaries["10-20"].samples == 40
