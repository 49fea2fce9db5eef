"""FLUXNET, ICOS and AmeriFlux: half hours in local standard time."""

import datetime

import numpy as np
import pytest

from lst_raster.errors import InputError
from lst_raster.validation.matchups import read_matchups
from lst_raster.validation.stations.fluxnet import read_fluxnet, read_sites
from lst_raster.validation.stations.stations import Stations, fill_from_stations
from tests.support.matchup_tables import HEADER, row, write_table
from tests.support.station_files import write_fluxnet

BASE = "AMF_US-NR1_BASE_HH_19-5.csv"
SITES = """SITE_ID,GROUP_ID,VARIABLE_GROUP,VARIABLE,DATAVALUE
US-NR1,1,GRP_LOCATION,LOCATION_LAT,40.0329
US-NR1,1,GRP_LOCATION,LOCATION_LONG,-105.5464
US-NR1,1,GRP_LOCATION,LOCATION_ELEV,3050
US-NR1,2,GRP_UTC_OFFSET,UTC_OFFSET,-7
US-NR1,3,GRP_IGBP,IGBP,ENF
FI-Two,4,GRP_UTC_OFFSET,UTC_OFFSET,1
FI-Two,5,GRP_UTC_OFFSET,UTC_OFFSET,2
"""


def at(hour, minute, day=1):
    return datetime.datetime(2018, 1, day, hour, minute, tzinfo=datetime.UTC)


def half_hours(**changes):
    """Columns of a day; the irradiance rises by 1 W m-2 per half hour."""
    columns = {"LW_OUT": 400.0 + np.arange(48), "LW_IN": np.full(48, 300.0), "TA": np.full(48, 15.0)}
    return columns | {"PA": np.full(48, 70.0)} | changes


def test_means_belong_to_the_middle_of_their_half_hour_in_local_standard_time(tmp_path):
    write_fluxnet(tmp_path / BASE, half_hours(), comments=("# Site: US-NR1", "# Version: 19-5"))
    stations = Stations(tmp_path)
    found = stations.at("US-NR1", at(17, 15), -7.0)  # 10:15, the middle of the half hour number 20
    assert found["upwelling"] == pytest.approx(420.0)
    assert (found["downwelling"], found["air_temperature"], found["surface_pressure"]) == (300.0, 288.15, 700.0)
    assert stations.at("US-NR1", at(17, 30), -7.0)["upwelling"] == pytest.approx(420.5)
    assert stations.at("US-NR1", at(17, 15), -6.0)["upwelling"] == pytest.approx(422.0)
    assert np.isnan(stations.at("US-NR1", at(7, 5), -7.0)["upwelling"])  # before the first middle
    assert stations.at("US-NR1", at(17, 15)) == "no UTC offset of the station"


def test_the_table_of_sites_gives_the_offset_the_place_and_the_surface_type(tmp_path):
    write_fluxnet(tmp_path / BASE, half_hours())
    (tmp_path / "AMF_AA-Flx_BIF_20240101.csv").write_text(SITES)
    rows = [
        (*row(site="US-NR1", time="2018-01-01T17:15Z", insitu_lst_K="", air_temperature_K=""), "0.98", offset)
        for offset in ("", "-6")
    ]
    table = write_table(tmp_path / "table.csv", *rows, header=(*HEADER, "broadband_emissivity", "utc_offset_h"))
    filled = fill_from_stations(read_matchups(table), Stations(tmp_path))
    temperature = ((np.array([420.0, 422.0]) - 0.02 * 300.0) / (0.98 * 5.670374419e-8)) ** 0.25
    assert filled.values["ground_temperature"] == pytest.approx(temperature, abs=1e-6)
    assert filled.values["ground_uncertainty"] == pytest.approx([0.9, 0.9], abs=0.1)
    assert filled.values["latitude"].tolist() == [40.0329] * 2 and filled.values["elevation"].tolist() == [3050.0] * 2
    assert filled.surface_type == ("ENF", "ENF")
    sites = read_sites([tmp_path / "AMF_AA-Flx_BIF_20240101.csv"])
    assert np.isnan(sites["fi-two"].utc_offset)  # two different ones


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (half_hours(LW_OUT=[*np.full(20, 400.0), -9999, *np.full(27, 400.0)]), np.nan),
        (half_hours(LW_OUT_QC=[*np.zeros(20), 1, *np.zeros(27)]), np.nan),
        (half_hours(LW_OUT_QC=np.zeros(48)), 420.0),
        (
            {"LW_OUT_1_1_2": np.zeros(48), "LW_OUT_1_1_1": 400.0 + np.arange(48), "LW_IN_1_1_1": np.full(48, 300.0)},
            420.0,
        ),
        ({"LW_IN_F": np.full(48, 300.0), "LW_IN_F_QC": np.zeros(48), "LW_OUT": 400.0 + np.arange(48)}, 420.0),
    ],
)  # fmt: skip
def test_only_measured_values_of_the_first_sensor_are_used(tmp_path, columns, expected):
    write_fluxnet(tmp_path / "FLX_US-NR1_FLUXNET2015_FULLSET_HH_1998-2014_1-4.csv", columns)
    found = Stations(tmp_path).at("us-nr1", at(17, 15), -7.0)
    assert found["upwelling"] == pytest.approx(expected, nan_ok=True)
    assert found["downwelling"] == 300.0


def test_hours_and_files_of_several_levels_are_read(tmp_path):
    write_fluxnet(tmp_path / "ICOSETC_BE-Bra_FLUXNET_HR_L2.csv", half_hours(), minutes=60)
    (tmp_path / "ICOSETC_BE-Bra_FLUXNET_DD_L2.csv").write_text("TIMESTAMP,LW_OUT\n20180101,400\n")
    (tmp_path / "ICOSETC_BE-Bra_FLUXES_L2.csv").write_text("TIMESTAMP_START,TIMESTAMP_END,H\n1,2,3\n")
    assert Stations(tmp_path).at("BE-Bra", at(10, 0), 1.0)["upwelling"] == pytest.approx(410.5)


def test_damaged_tables_are_refused(tmp_path):
    path = write_fluxnet(tmp_path / BASE, half_hours())
    whole = path.read_text()
    lines = whole.splitlines()
    for damaged in (
        lines[0] + "\n",
        whole.replace(",405.0,", ",x,"),
        whole.replace("201801010130,", "201813010130,", 1),
        "\n".join([lines[0], "201801010030,201801010000,400,300,15,70"]),
        whole + "201801020000,2018\n",
    ):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"US-NR1_BASE_HH_19-5\.csv is not a table of FLUXNET, or damaged"):
            read_fluxnet(path)
    path.write_text(whole.replace("LW_OUT", "LW_UP"))
    with pytest.raises(InputError, match="has no station file"):
        Stations(tmp_path)
