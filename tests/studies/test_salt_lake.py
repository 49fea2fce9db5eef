"""Temperatures of the Great Salt Lake compared with those of the USGS, and retrieval of single pixels."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

import lst_raster
from examples.studies.points import climatological_inputs, implied_vapour, retrieve
from examples.studies.salt_lake.report import NAME, as_dict, tables, write
from examples.studies.salt_lake.study import (
    IMPLIED,
    IMPLIED_DRAD,
    NOTHING,
    NOTHING_WATER,
    SEASONS,
    groups,
    run,
    select,
)
from examples.studies.salt_lake.table import read_overpasses
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inference.model import Model
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.sensors.bands import sensor_band
from tests.support.shared import shared_path

SENSOR = "landsat7-b6"
DATES = np.array(["2001-01-15", "2001-04-15", "2001-07-15", "2006-10-15"], "datetime64[D]")
PLACE = (41.2, -112.4, 1280.0)
EMISSIVITY, VAPOUR, TEMPERATURE = 0.9876, np.array([5.0, 9.0, 22.0, 12.0]), np.array([275.0, 284.0, 298.0, 287.0])
HEADER = "mission,lat,lon,elev_m,date,st_trad,st_atran,st_emis,usgs_st_K,st_qa_K,cloud_dist_km,prop_clouds"


def write_table(path, rows):
    with gzip.open(path, "wt") as file:
        file.write("\n".join([HEADER, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def model():
    return Model.load(f"{SENSOR}/surface", graph="atmosphere")


@pytest.fixture(scope="module")
def truth(model):
    """Atmosphere of the model with a water vapour that the study does not have, and radiances below it."""
    inputs = climatological_inputs(*PLACE, DATES) | {"water_vapour": VAPOUR, "water_vapour_uncertainty": 0.0}
    planck, around = sensor_band(SENSOR).planck, TEMPERATURE - 2.0
    for _ in range(5):  # the brightness temperature is an input of the atmosphere that it depends on
        terms = model.atmosphere(**inputs, brightness_temperature=around).terms
        radiance = sensor_radiance(TEMPERATURE, EMISSIVITY, *(np.asarray(term, float) for term in terms), planck)
        around = brightness_temperature(radiance, planck)
    return radiance, np.asarray(terms[0], float)


@pytest.fixture
def path(tmp_path, truth):
    latitude, longitude, elevation = PLACE
    rows = [
        f"LANDSAT_7,{latitude},{longitude},{elevation},{date},{radiance},{transmittance},{EMISSIVITY},{kelvin},0.5,5,0"
        for date, radiance, transmittance, kelvin in zip(DATES, *truth, TEMPERATURE, strict=True)
    ]
    cloudy = [rows[0].rpartition(",")[0] + ",0.1", rows[1].replace(",5,0", ",0.5,0")]
    return write_table(tmp_path / "table.csv.gz", rows + cloudy)


def test_overpasses_with_clouds_or_near_them_are_left_out(path):
    table = read_overpasses(path)
    assert table.clear.tolist() == [True] * 4 + [False] * 2
    assert len(select(table, table.clear)) == 4
    assert set(table.sensor) == {SENSOR}
    assert run(table).total == 6


@pytest.mark.parametrize("text", ["no table", "mission,lat\nLANDSAT_7,1", HEADER + "\nLANDSAT_9" + ",1" * 11])
def test_an_invalid_table_is_refused(tmp_path, text):
    with gzip.open(tmp_path / "table.csv.gz", "wt") as file:
        file.write(text)
    with pytest.raises(InputError, match="not a table of overpasses"):
        read_overpasses(tmp_path / "table.csv.gz")


def test_a_missing_table_or_one_that_is_not_compressed_is_reported(tmp_path):
    with pytest.raises(InputNotFoundError, match="does not exist"):
        read_overpasses(tmp_path / "none.csv.gz")
    (tmp_path / "plain.csv").write_text(HEADER)
    with pytest.raises(InputError, match="not a table of overpasses"):
        read_overpasses(tmp_path / "plain.csv")


def test_the_water_vapour_of_the_transmittance_is_found_and_gives_the_temperature(path):
    study = run(read_overpasses(path))
    assert study.implied_vapour == pytest.approx(VAPOUR, rel=0.01)
    assert study.methods[IMPLIED].difference == pytest.approx(0.0, abs=0.02)
    assert (study.methods[IMPLIED_DRAD].difference > study.methods[IMPLIED].difference).all()
    nothing, water = study.methods[NOTHING], study.methods[NOTHING_WATER]
    assert 0.05 < np.abs(nothing.difference).max() < 3.0
    assert (water.difference < nothing.difference).all()  # a higher emissivity
    assert (nothing.uncertainty > study.methods[IMPLIED].uncertainty).all()


def test_a_transmittance_outside_the_range_of_the_model_has_no_water_vapour(model):
    inputs = {name: values[:2] for name, values in climatological_inputs(*PLACE, DATES).items()}
    vapour = implied_vapour(model, np.array([0.9999, 0.9]), {**inputs, "brightness_temperature": 285.0})
    assert np.isnan(vapour[0]) and vapour[1] > 0.0


def test_inputs_are_those_of_place_elevation_and_day():
    inputs = climatological_inputs(*PLACE, DATES)
    assert inputs["surface_pressure"] == pytest.approx(871.0, abs=8.0)
    assert inputs["water_vapour"].argmax() == 2  # July
    assert inputs["gas_year"] == pytest.approx([2001.04, 2001.28, 2001.53, 2006.79], abs=0.01)


def test_less_reflected_downwelling_radiance_gives_a_higher_temperature(model, truth):
    inputs = climatological_inputs(*PLACE, DATES)
    full, none = (retrieve(model, truth[0], 0.95, inputs, downwelling_factor=factor) for factor in (1.0, 0.0))
    assert (none.temperature - full.temperature > 0.2).all()


def test_statistics_are_by_sensor_season_and_period_and_are_written(path, tmp_path):
    study = run(read_overpasses(path))
    found = {(one.method, one.group): one for one in groups(study)}
    assert [found[NOTHING, season].agreement.count for season in SEASONS] == [1, 1, 1, 1]
    assert found[NOTHING, SENSOR].agreement.count == 4
    assert found[NOTHING, "2000-2004"].agreement.count == 3
    assert found[NOTHING, SENSOR].within_combined >= found[NOTHING, SENSOR].within
    pytest.importorskip("matplotlib")
    paths = write(study, tmp_path)
    assert [path.name for path in paths] == [f"{NAME}.json", f"{NAME}.md", f"{NAME}.png"]
    assert json.loads(paths[0].read_text())["clear"] == 4
    assert f"| {IMPLIED} | 4 |" in paths[1].read_text() == tables(study)
    assert paths[2].read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def real():
    return run(read_overpasses(shared_path("data", "matchups", "great_salt_lake_usgs_terms.csv.gz")))


@pytest.mark.parametrize("sensor", ["landsat5-b6", "landsat7-b6"])
def test_temperatures_agree_with_those_of_the_usgs(real, sensor):
    found = {one.method: one for one in groups(real) if one.group == sensor}
    assert found[NOTHING].agreement.count > 1000
    assert abs(found[NOTHING].agreement.median) <= 0.7
    assert found[NOTHING].agreement.sd <= 1.6
    assert found[IMPLIED].agreement.sd <= 0.65
    assert found[NOTHING].within_combined >= 0.62


def test_the_page_has_the_figures_of_the_study(real):
    folder = Path(lst_raster.__file__).parents[1] / "docs" / "science"
    written, found = json.loads((folder / NAME / f"{NAME}.json").read_text()), as_dict(real)
    assert [written[name] for name in ("total", "clear")] == [found[name] for name in ("total", "clear")]
    page = (folder / f"{NAME}.md").read_text()
    for before, now in zip(written["groups"], found["groups"], strict=True):
        assert before["agreement"] == pytest.approx(now["agreement"], abs=2e-3)
    sensors = ("landsat5-b6", "landsat7-b6")
    for one in (one for one in groups(real) if one.group in sensors):
        numbers = one.agreement
        median, bias = (re.sub(r"[+-]0\.00$", "0.00", f"{value:+.2f}") for value in (numbers.median, numbers.bias))
        assert f"| {numbers.count} | {median} | {bias} | {numbers.sd:.2f} |" in page
