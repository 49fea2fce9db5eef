"""SURFRAD: the files are read as NOAA describes them, and only good records make a temperature of the ground."""

import datetime

import numpy as np
import pytest

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.validation.matchups import read_matchups
from lst_raster.validation.stations.stations import Stations, fill_from_stations
from lst_raster.validation.stations.surfrad import read_surfrad
from tests.support.matchup_tables import HEADER, row, write_station_day, write_table
from tests.support.shared import shared_path

DAY = datetime.date(2016, 1, 1)
NAMES = [
    "year", "jday", "month", "day", "hour", "minute", "dt", "zen", "dw_solar", "uw_solar", "direct_n", "diffuse",
    "dw_ir", "dw_casetemp", "dw_dometemp", "uw_ir", "uw_casetemp", "uw_dometemp", "uvb", "par", "netsolar", "netir",
    "totalnet", "temp", "rh", "windspd", "winddir", "pressure",
]  # fmt: skip


def real():
    return shared_path("data", "landsat", "surfrad")


def at(hour, minute, second=0, day=DAY):
    return datetime.datetime.combine(day, datetime.time(hour, minute, second), datetime.UTC)


def by_name(line):
    """A row of a file by NOAA's names: the first eight stand alone, the others have a flag behind them."""
    cells = [float(cell) for cell in line.split()]
    return dict(zip(NAMES, cells[:8] + cells[8::2], strict=True)), dict(zip(NAMES[8:], cells[9::2], strict=True))


def balanced(up, down, emissivity):
    """Temperature that balances the radiation, by bisection. [K]"""
    low, high = 150.0, 400.0
    while high - low > 1e-9:
        middle = (low + high) / 2.0
        warm = emissivity * 5.670374419e-8 * middle**4 + (1.0 - emissivity) * down > up
        low, high = (low, middle) if warm else (middle, high)
    return low


def test_a_real_day_is_read_as_its_columns_are_named():
    path = real() / "surfrad-slv16001.dat"
    found = read_surfrad(path)
    assert (found.latitude, found.longitude, found.elevation) == (37.7, -105.92, 2317.0)
    assert Stations(path.parent).at("alamosa", at(1, 0)) == Stations(path.parent).at("SLV", at(1, 0))
    assert found.seconds.size == 1440
    lines = path.read_text().splitlines()[2:]
    for number in (0, 697, 1439):
        values, flags = by_name(lines[number])
        assert not any(flags[name] for name in ("uw_ir", "dw_ir", "temp", "pressure"))
        here = {name: array[number] for name, array in found.values.items()}
        assert here["upwelling"] == values["uw_ir"] and here["downwelling"] == values["dw_ir"]
        assert here["air_temperature"] == pytest.approx(values["temp"] + 273.15)
        assert here["surface_pressure"] == values["pressure"]
        moment = datetime.datetime.fromtimestamp(found.seconds[number], datetime.UTC)
        assert (moment.hour, moment.minute) == (values["hour"], values["minute"])
        # The file's own net longwave says which of the two comes from above.
        assert here["downwelling"] - here["upwelling"] == pytest.approx(values["netir"], abs=0.11)


def test_the_ground_of_a_real_day_is_what_the_balance_of_its_radiation_says(tmp_path):
    lines = (real() / "surfrad-slv16001.dat").read_text().splitlines()[2:]
    (before, _), (after, _) = by_name(lines[17 * 60 + 38]), by_name(lines[17 * 60 + 39])
    table = write_table(
        tmp_path / "table.csv", row(site="slv", time="2016-01-01T17:38:15Z", insitu_lst_K="", air_temperature_K="")
    )
    matchups = read_matchups(table, defaults={"broadband_emissivity": 0.97})
    filled = fill_from_stations(matchups, Stations(real())).values
    up, down = (0.75 * before[name] + 0.25 * after[name] for name in ("uw_ir", "dw_ir"))
    assert filled["ground_temperature"][0] == pytest.approx(balanced(up, down, 0.97), abs=1e-6)
    assert filled["air_temperature"][0] == pytest.approx(0.75 * before["temp"] + 0.25 * after["temp"] + 273.15)
    steps = [
        balanced(up + 5.0, down, 0.97) - balanced(up, down, 0.97),
        balanced(up, down + 5.0, 0.97) - balanced(up, down, 0.97),
        balanced(up, down, 0.98) - balanced(up, down, 0.97),
    ]
    assert filled["ground_uncertainty"][0] == pytest.approx(np.hypot(np.hypot(*steps[:2]), steps[2]), rel=0.02)


@pytest.mark.parametrize("site", ["bon", "BON", "Bondville", "bondville"])
def test_a_station_is_known_by_its_letters_and_by_its_name_in_any_folder(tmp_path, site):
    write_station_day(tmp_path / "bon" / "2016", DAY, up=lambda minute: 400.0 + minute)
    found = Stations(tmp_path).at(site, at(0, 10, 30))
    assert found["upwelling"] == pytest.approx(410.5)
    assert found["air_temperature"] == pytest.approx(288.15)


def test_files_of_the_last_century_belong_to_it(tmp_path):
    day = datetime.date(1996, 12, 31)
    assert write_station_day(tmp_path, day).name == "bon96366.dat"
    assert Stations(tmp_path).at("bon", at(9, 0, day=day))["upwelling"] == 400.0


def test_records_that_failed_a_check_are_passed_over_and_too_wide_a_gap_gives_none(tmp_path):
    write_station_day(tmp_path, DAY, up=lambda minute: 400.0 + minute, flags={10, 11, 12, 13, *range(30, 36)})
    stations = Stations(tmp_path)
    assert stations.at("bon", at(0, 11))["upwelling"] == pytest.approx(411.0)  # between minutes 9 and 14
    assert np.isnan(stations.at("bon", at(0, 32))["upwelling"])  # between 29 and 36
    assert stations.at("bon", at(0, 32))["downwelling"] == 300.0
    assert stations.at("bon", at(0, 29))["upwelling"] == 429.0


def test_days_of_three_minutes_are_interpolated_and_midnight_is_no_gap(tmp_path):
    next_day = DAY + datetime.timedelta(days=1)
    write_station_day(tmp_path, DAY, step=3, up=lambda minute: 400.0 + minute / 10.0)
    assert Stations(tmp_path).at("bon", at(12, 1))["upwelling"] == pytest.approx(472.1)
    assert np.isnan(Stations(tmp_path).at("bon", at(23, 58))["upwelling"])  # nothing after it
    write_station_day(tmp_path, next_day, step=3, up=lambda minute: 544.0)
    assert Stations(tmp_path).at("bon", at(23, 58))["upwelling"] == pytest.approx(543.8, abs=0.051)


def test_a_missing_station_or_day_has_a_reason(tmp_path):
    write_station_day(tmp_path, DAY)
    stations = Stations(tmp_path)
    assert stations.at("sxf", at(1, 0)) == "no file of a station sxf"
    assert stations.at("bon", at(1, 0, day=datetime.date(2017, 1, 1))) == "no station file of the day at bon"


def test_what_is_no_station_file_is_refused_with_a_reason(tmp_path):
    with pytest.raises(InputNotFoundError, match="not a folder"):
        Stations(tmp_path / "none")
    (tmp_path / "notes.dat").write_text("x")
    with pytest.raises(InputError, match=r"has no station file; names are like bon16001\.dat"):
        Stations(tmp_path)
    path = write_station_day(tmp_path, DAY)
    whole = path.read_text()
    for damaged in (whole[:-150], "", "one line", "a\nb c d\n1 2 3\n", whole.replace("   1  1  1 ", "   1 13  1 ", 1)):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"bon16001\.dat is not a daily file of SURFRAD, or damaged"):
            read_surfrad(path)


def test_only_what_a_row_lacks_is_filled(tmp_path):
    write_station_day(tmp_path / "files", DAY, air=10.0, pressure=985.0)
    rows = (
        (*row(insitu_lst_K="", surface_pressure_hPa="", air_temperature_K=""), "", "0.96"),
        (*row(air_temperature_K="300.0"), "41.0", ""),
        (*row(insitu_lst_K=""), "", ""),
        (*row(insitu_lst_K="", time=""), "", "0.96"),
        (*row(insitu_lst_K="", site=""), "", "0.96"),
        (*row(insitu_lst_K="", site="sxf"), "", "0.96"),
    )
    header = (*HEADER, "latitude", "broadband_emissivity")
    before = read_matchups(write_table(tmp_path / "table.csv", *rows, header=header))
    found = fill_from_stations(before, Stations(tmp_path / "files"))
    ground = found.values["ground_temperature"]
    assert ground[0] == pytest.approx(balanced(400.0, 300.0, 0.96), abs=1e-6)
    assert ground[1] == 292.0 and np.isnan(found.values["ground_uncertainty"][1])
    assert np.isnan(ground[2:]).all()
    assert found.insitu_reasons[:3] == ("", "", "no broadband emissivity")
    assert [text[:32] for text in found.insitu_reasons[3:5]] == [
        "no in-situ LST, and no time to l",
        "no in-situ LST, and no site to l",
    ]
    assert found.insitu_reasons[5] == "no file of a station sxf"
    assert found.values["air_temperature"][:2].tolist() == [283.15, 300.0]
    assert found.values["surface_pressure"][:2].tolist() == [985.0, 980.0]
    assert found.values["latitude"][:2].tolist() == [40.05, 41.0]
    assert (found.values["longitude"][0], found.values["elevation"][0]) == (-88.37, 230.0)
    assert np.isnan(found.values["latitude"][3:]).all()
    assert np.isnan(before.values["ground_temperature"][0])  # the table itself is left as it was


def test_a_moment_without_good_records_has_no_ground(tmp_path):
    write_station_day(tmp_path / "files", DAY, flags=set(range(1000, 1100)))
    table = write_table(tmp_path / "table.csv", row(insitu_lst_K=""))
    matchups = read_matchups(table, defaults={"broadband_emissivity": 0.97})
    found = fill_from_stations(matchups, Stations(tmp_path / "files"))
    assert found.insitu_reasons == ("no good longwave records around the overpass",)
    assert np.isnan(found.values["ground_temperature"][0])
