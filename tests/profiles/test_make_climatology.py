"""The packaged climatology: rebuilt from the grid of GPT3, and its uncertainties from atmospheric columns."""

import json
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.climatology import BANDS, SCALES, UNCERTAIN, ClimatologyTable, climatology_at_pressure
from lst_raster.profiles.library import make_held_out
from lst_raster.profiles.make_climatology import (
    Columns,
    measure_uncertainties,
    pack_grid,
    read_columns,
)
from lst_raster.profiles.profile_sets import profile_dataset, write_profiles
from lst_raster.resources import data_path
from tests.support.shared import shared_path

HARMONICS = np.zeros((36, 72, 5))
FIGURES = {"surface_pressure": 1000.0, "air_temperature": 280.0, "specific_humidity": 0.008, "decrease_factor": 3.0}


def flat_table(**uncertainty):
    """Climatology with the same atmosphere everywhere."""
    packed = {"elevation": np.zeros((36, 72), np.int16)}
    for name, value in FIGURES.items():
        packed[name] = HARMONICS.astype(np.int16)
        packed[name][:, :, 0] = round(value / SCALES[name])
    ones = {f"{name}_uncertainty": np.ones((2, BANDS.size)) for name in UNCERTAIN}
    return ClimatologyTable.from_packed(packed | ones)


def columns_of(table, *, winter, summer, count=20_000):
    """Columns all over the globe, half of them water, whose temperatures deviate by `winter` or `summer` [K]."""
    random = np.random.default_rng(1)
    latitude, day = np.degrees(np.arcsin(random.uniform(-1.0, 1.0, count))), random.choice([15.0, 197.0], count)
    place = {"latitude": latitude, "longitude": random.uniform(-180.0, 180.0, count), "day_of_year": day}
    mean = table.at(*place.values())
    is_summer = (day == 197.0) == (latitude > 0.0)
    deviation = np.where(is_summer, summer, winter) * random.normal(size=count)
    pressure = mean.surface_pressure + 8.0 * random.normal(size=count)
    there = mean.at_pressure(pressure)
    return Columns(
        **place, surface_pressure=pressure, air_temperature=there.air_temperature + deviation,
        water_vapour=there.water_vapour * (1.0 + 0.3 * random.normal(size=count)),
        land=(np.arange(count) % 2).astype(float),
    )  # fmt: skip


def test_the_packaged_coefficients_are_those_of_the_grid():
    packed = pack_grid(shared_path("data", "climatology", "gpt3_5.grd"))
    with np.load(data_path("climatology", "climatology.npz")) as packaged:
        for name, values in packed.items():
            np.testing.assert_array_equal(packaged[name], values)
            assert packaged[name].dtype == np.int16
    assert data_path("climatology", "climatology.npz").stat().st_size < 100_000


@pytest.mark.slow
def test_the_packaged_uncertainties_are_those_of_clear_land_columns(tmp_path):
    files = []
    for name in ("gfs_20041212.grb", "gfs_20110115T12.grib2", "gfs_20111011T00.grb", "gfs_20150912T18.grib2"):
        files.append(tmp_path / f"{name}.nc")
        write_profiles(make_held_out([shared_path("data", "profiles", "gfs") / name]), files[-1])
    columns = read_columns(files)
    with np.load(data_path("climatology", "climatology.npz")) as packaged:
        table = ClimatologyTable.from_packed(packaged)
        stated = {name: packaged[f"{name}_uncertainty"] for name in UNCERTAIN}
    for name, values in measure_uncertainties(table, columns).items():  # without the day of June
        np.testing.assert_allclose(values, stated[name], rtol=0.35 if name == "surface_pressure" else 0.25)
    land = (columns.land == 1.0) & (np.abs(columns.latitude) < 60.0)
    place = (columns.latitude[land], columns.longitude[land], columns.day_of_year[land])
    found = climatology_at_pressure(*place, columns.surface_pressure[land])
    ratio = (columns.air_temperature[land] - found.air_temperature) / found.air_temperature_uncertainty
    assert np.mean(np.abs(ratio) < 1.0) == pytest.approx(0.68, abs=0.06)
    ratio = (columns.water_vapour[land] - found.water_vapour) / found.water_vapour_uncertainty
    assert np.mean(np.abs(ratio) < 1.0) == pytest.approx(0.68, abs=0.06)


def test_the_page_has_the_packaged_uncertainties():
    lines = (Path(__file__).resolve().parents[2] / "docs" / "science" / "climatology.md").read_text().splitlines()
    with np.load(data_path("climatology", "climatology.npz")) as packaged:
        vapour, temperature, pressure = (packaged[f"{name}_uncertainty"] for name in UNCERTAIN)
    for index, latitude in enumerate(BANDS):
        cells = [f"{latitude:.0f}"]
        for season in (0, 1):
            one = vapour[season, index], temperature[season, index], pressure[season, index]
            cells += [f"{one[0]:.0%}".replace("%", " %"), f"{one[1]:.1f}", f"{one[2]:.1f}"]
        assert f"| {' | '.join(cells)} |" in lines


def test_uncertainties_are_those_of_season_and_kind_of_surface():
    table = flat_table()
    columns = columns_of(table, winter=6.0, summer=3.0)
    found = measure_uncertainties(table, columns)
    winter, summer = found["air_temperature"]
    # At the equator there is no season, and near it little of one.
    np.testing.assert_allclose(winter[2:], 6.0, rtol=0.15)
    np.testing.assert_allclose(summer[2:], 3.0, rtol=0.15)
    assert 3.5 < summer[0] < 5.5 and 3.5 < winter[0] < 5.5
    np.testing.assert_allclose(found["water_vapour"], 0.3, rtol=0.15)
    np.testing.assert_allclose(found["surface_pressure"], 8.0, rtol=0.15)


def test_columns_of_one_hemisphere_s_tropics_are_too_few():
    table = flat_table()
    columns = columns_of(table, winter=6.0, summer=3.0, count=400)
    few = Columns(
        **{name: getattr(columns, name)[np.abs(columns.latitude) < 10.0] for name in Columns.__dataclass_fields__}
    )
    with pytest.raises(InputError, match="do not cover all latitudes and seasons"):
        measure_uncertainties(table, few)


def small_profiles(path, *, land=1, **more):
    levels = {
        name: np.tile(values, (4, 1))
        for name, values in {
            "pressure": np.array([100.0, 500.0, 900.0]), "air_temperature": np.array([210.0, 250.0, 280.0]),
            "specific_humidity": np.array([1e-6, 1e-3, 5e-3]), "ozone": np.full(3, np.nan),
        }.items()
    }  # fmt: skip
    columns = {
        "surface_pressure": 1000.0, "air_temperature_2m": 285.0, "specific_humidity_2m": 6e-3,
        "surface_temperature": 285.0, "latitude": 40.0, "longitude": 10.0, "largest_relative_humidity": 0.5,
    }  # fmt: skip
    columns = {name: np.full(4, value) for name, value in columns.items()}
    times = np.array(["2011-01-15", "2011-12-31", "2012-12-31", "2011-06-05"], "datetime64[ns]")
    is_land = None if land is None else np.full(4, land)
    profiles = profile_dataset(levels, columns, time=times, source="test", land=is_land)
    write_profiles(profiles.assign(more), path)
    return path


def test_columns_are_read_with_their_day_and_without_perturbed_ones(tmp_path):
    path = small_profiles(tmp_path / "a.nc", perturbation=("profile", np.array([0, 0, 0, 1], np.int8)))
    columns = read_columns([path, path])
    assert columns.day_of_year.tolist() == [15.0, 365.0, 366.0] * 2
    assert columns.water_vapour == pytest.approx(columns.water_vapour[0]) and columns.water_vapour[0] > 5.0
    with pytest.raises(InputError, match=r"has no land; give files of lst-raster build profiles"):
        read_columns([small_profiles(tmp_path / "b.nc", land=None)])


@pytest.mark.parametrize(
    ("content", "message"),
    [("87.5 2.5 nothing\n", "cannot be read as a table"), ("87.5 2.5 1\n", "has 1 rows and 3 columns")],
)
def test_another_file_than_the_grid_is_refused(tmp_path, content, message):
    path = tmp_path / "gpt3_1.grd"
    with pytest.raises(InputNotFoundError, match="GPT3 on 5 degrees"):
        pack_grid(path)
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        pack_grid(path)
    places = np.zeros((2592, 64))
    np.savetxt(path, places)
    with pytest.raises(InputError, match="does not have the cells"):
        pack_grid(path)


def test_the_command_writes_the_table_and_its_uncertainties(tmp_path, command):
    table = flat_table()
    grid = np.zeros((36, 72, 64))
    grid[:, :, 0], grid[:, :, 1] = 87.5 - 5.0 * np.arange(36)[:, None], 2.5 + 5.0 * np.arange(72)
    for first, value in ((2, 1e5), (7, 280.0), (12, 8.0), (34, 3.0)):
        grid[:, :, first] = value
    np.savetxt(tmp_path / "gpt3_5.grd", grid.reshape(-1, 64), header="lat lon", comments="%")
    files = [tmp_path / "land.nc", tmp_path / "sea.nc"]
    for land, file in enumerate(files):
        one = columns_of(table, winter=6.0, summer=3.0, count=600)
        count = one.latitude.size
        levels = np.tile([[200.0], [900.0]], count).T
        columns = {
            "surface_pressure": one.surface_pressure, "air_temperature_2m": one.air_temperature,
            "specific_humidity_2m": np.full(count, 8e-3), "surface_temperature": np.full(count, 280.0),
            "latitude": one.latitude, "longitude": one.longitude, "largest_relative_humidity": np.full(count, 0.5),
        }  # fmt: skip
        on_levels = {"pressure": levels, "air_temperature": levels, "specific_humidity": levels * 1e-5, "ozone": levels}
        days = np.datetime64("2011-01-01", "D") + (one.day_of_year - 1.0).astype("timedelta64[D]")
        write_profiles(profile_dataset(on_levels, columns, time=days, source="test", land=np.full(count, land)), file)
    code, lines, _ = command(
        "build", "climatology", tmp_path / "gpt3_5.grd", *files, "-o", tmp_path / "new.npz", "--json"
    )
    assert code == 0
    result = json.loads("\n".join(lines))
    assert result["latitudes"] == BANDS.tolist()
    with np.load(tmp_path / "new.npz") as made:
        np.testing.assert_array_equal(made["air_temperature"][:, :, 0], 2800)
        winter, summer = made["air_temperature_uncertainty"]
        np.testing.assert_allclose(result["uncertainties"]["air_temperature"], [winter, summer], atol=1e-4)
        np.testing.assert_allclose(winter[3:], 6.0, rtol=0.4)
