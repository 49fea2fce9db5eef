"""ARM: netCDF files of radiometers."""

import datetime

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.validation.stations.arm import arm_files, read_arm
from lst_raster.validation.stations.stations import Stations
from tests.support.station_files import write_arm_day

NAME = "sgpsirsE13.b1.20190101.000000.cdf"


def at(minute, second=0):
    return datetime.datetime(2019, 1, 1, 0, minute, second, tzinfo=datetime.UTC)


@pytest.mark.parametrize("down_name", ["down_long_hemisp_shaded", "down_long_hemisp"])
def test_irradiances_with_good_checks_are_interpolated(tmp_path, down_name):
    up, flags = 400.0 + np.arange(20.0), np.zeros(20)
    up[4], flags[7], flags[10:15] = -9999.0, 2, 1
    write_arm_day(tmp_path / NAME, up, np.full(20, 300.0), flags=flags, down_name=down_name)
    stations = Stations(tmp_path)
    found = stations.at("SGPE13", at(2, 30))
    assert (found["upwelling"], found["downwelling"]) == (402.5, 300.0)
    assert found["latitude"] == pytest.approx(36.605, abs=1e-5)
    assert found["longitude"] == pytest.approx(-97.485, abs=1e-5) and found["elevation"] == 318.0
    assert np.isnan(found["air_temperature"])
    assert stations.at("sgpE13", at(4))["upwelling"] == 404.0  # minute 4 is missing
    assert stations.at("sgpE13", at(7))["upwelling"] == 407.0  # and 7 bad
    assert np.isnan(stations.at("sgpE13", at(12))["upwelling"])
    assert stations.at("sgpC1", at(1)) == "no file of a station sgpC1"


def test_the_time_is_that_of_the_file_not_of_its_name(tmp_path):
    write_arm_day(tmp_path / NAME, np.arange(3.0) + 400.0, np.full(3, 300.0), base=1546300800 + 600)
    assert Stations(tmp_path).at("sgpE13", at(11))["upwelling"] == 401.0


def test_names_of_files_are_those_of_the_archive(tmp_path):
    names = {
        NAME: "sgpe13", "nsaqcrad1longC2.c1.20110116.000000.cdf": "nsac2",
        "pghgndrad60sM1.b1.20120331.000000.nc": "pghm1",
        "sgpsirsE13.b1.20191301.000000.cdf": None, "bon16001.dat": None, "table.nc": None,
    }  # fmt: skip
    for name, station in names.items():
        assert [file.names for file in arm_files([tmp_path / name])] == ([(station,)] if station else [])


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(b"\x89HDF no file")
    with pytest.raises(InputError, match="cannot be read as netCDF"):
        read_arm(path)
    path.unlink()
    write_arm_day(path, [400.0], [300.0], place=False)
    with pytest.raises(InputError, match="is not a file of ARM radiometers, or damaged"):
        read_arm(path)
