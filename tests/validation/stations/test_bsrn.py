"""BSRN: station-to-archive files are read as their description says."""

import datetime

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.validation.stations.bsrn import read_bsrn
from lst_raster.validation.stations.stations import Stations
from tests.support.station_files import write_bsrn_month


def at(day, hour, minute, second=0, month=6, year=2016):
    return datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)


@pytest.mark.parametrize("name", ["pay0616.dat", "bsrn-pay0616.dat.gz", "PAY0616.DAT"])
def test_both_irradiances_and_the_place_come_from_their_records(tmp_path, name):
    basic = {(3, 610): (321, 18.9, 947), (3, 611): (325, 18.7, 945)}
    path = tmp_path / name
    write_bsrn_month(path, {(3, 610): 437, (3, 611): 443}, basic=basic, zipped=name.endswith("gz"))
    found = Stations(tmp_path).at("PAY", at(3, 10, 10, 15))
    assert found == pytest.approx(
        {
            "upwelling": 438.5, "downwelling": 322.0, "air_temperature": 292.0, "surface_pressure": 946.5,
            "latitude": 46.815, "longitude": 6.944, "elevation": 491.0,
        }
    )  # fmt: skip


def test_missing_values_are_passed_over_and_a_wide_gap_gives_none(tmp_path):
    minutes = {(1, minute): 400 + minute for minute in range(20)} | {(1, 3): -999, (1, 10): -999}
    minutes = {moment: up for moment, up in minutes.items() if not 11 <= moment[1] <= 15}
    basic = {(1, minute): (300 if minute != 3 else -999, -99.9, -999) for minute in range(20)}
    write_bsrn_month(tmp_path / "pay0616.dat", minutes, basic=basic)
    stations = Stations(tmp_path)
    assert stations.at("pay", at(1, 0, 3))["upwelling"] == 403.0  # between minutes 2 and 4
    assert stations.at("pay", at(1, 0, 3))["downwelling"] == 300.0
    found = stations.at("pay", at(1, 0, 12))  # between 9 and 16
    assert np.isnan(found["upwelling"]) and found["downwelling"] == 300.0
    assert np.isnan(found["air_temperature"]) and np.isnan(found["surface_pressure"])


def test_a_station_without_upwelling_irradiance_has_none(tmp_path):
    write_bsrn_month(tmp_path / "tat1298.dat", None, basic={(1, 0): (300, 15.0, 958)}, place=(90.0, 180.0, 25))
    found = Stations(tmp_path).at("tat", at(1, 0, 0, month=12, year=1998))
    assert np.isnan(found["upwelling"]) and found["downwelling"] == 300.0
    assert (found["latitude"], found["longitude"]) == (0.0, 0.0)


def test_the_files_of_two_months_and_of_another_network_are_joined(tmp_path):
    write_bsrn_month(tmp_path / "pay0616.dat", {(30, 1439): 400})
    write_bsrn_month(tmp_path / "pay0716.dat", {(1, 0): 410})
    stations = Stations(tmp_path)
    assert stations.at("pay", at(30, 23, 59, 30))["upwelling"] == pytest.approx(405.0)
    assert stations.at("pay", at(1, 0, 0, month=5)) == "no station file of the day at pay"


def test_damaged_files_are_refused(tmp_path):
    path = write_bsrn_month(tmp_path / "pay0616.dat", {(3, 610): 437, (3, 611): 443})
    whole = path.read_text()
    for damaged in (
        whole.replace("*U0100", "*U0101"),
        whole.replace("*U0004", "*U0014"),
        whole.replace(" 300 ", "    ", 1),
        whole.replace(" 437 ", " 4x7 "),
        whole.replace(" 136.815", " north"),
        "",
    ):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"pay0616\.dat is not a station-to-archive file of BSRN, or damaged"):
            read_bsrn(path)
    zipped = tmp_path / "pay0716.dat.gz"
    zipped.write_bytes(b"\x1f\x8b\x08 no gzip")
    with pytest.raises(InputError, match="or damaged"):
        read_bsrn(zipped)
