"""Error budget of the bias over a lake, without any fit to the match-ups."""

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import lst_raster
from examples.studies.lake import simulated
from examples.studies.lake.budget import STEPS, budget, run
from examples.studies.lake.error_sources import BEST, SURFACE, error_sources, fresnel_emissivity
from examples.studies.lake.morning import morning_error
from examples.studies.lake.retrieval import residuals, retrieve, sensor_radiances
from examples.studies.lake.simulated import BASE, simulate_air
from examples.studies.lake.table import SUNAPEE, WATER_EMISSIVITY, read_lake
from examples.studies.lake.write import as_csv, as_json, as_markdown, write
from lst_raster.errors import InputError
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.atmosphere import column
from lst_raster.simulator.band_simulation import simulate
from lst_raster.simulator.gases import Composition
from tests.support.shared import shared_path

BAND = sensor_band("landsat7-b6")
HEADER = "product,sensor,water_vapour_kg_m2,brightness_temperature_K,usgs_c2_surface_temperature_K,"
HEADER += "insitu_water_temperature_K\n"
ROWS = [
    "LE07_013030_20100712,landsat7-b6,24.3,294.45,297.0,298.2\n",
    "LE07_013030_20101010,landsat7-b6,11.0,284.18,286.1,287.4\n",
    "LE07_013030_20111104,landsat7-b6,3.5,280.728,282.4,283.4\n",
    "LE07_013030_20120919,landsat7-b6,4.8,289.7,,292.4\n",
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "lake.csv"
    path.write_text(HEADER + "".join(ROWS))
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("lake") / "lake.csv"
    path.write_text(HEADER + "".join(ROWS))
    return read_lake(path)


@pytest.fixture(scope="module")
def air(table):
    return simulate_air(table, every=2)


def test_dates_and_air_temperatures_are_read_and_missing_days_use_the_climatology(table):
    assert [str(day) for day in table.date] == ["2010-07-12", "2010-10-10", "2011-11-04", "2012-09-19"]
    assert list(table.day_of_year) == [193, 283, 308, 263]
    assert np.isfinite(table.measured_air).tolist() == [True, False, True, True]
    assert table.air_temperature[0] == table.measured_air[0] == 295.50
    assert table.air_temperature[1] == table.climatological_air[1]
    assert 282.0 < table.climatological_air[1] < 287.0  # of October
    assert table.common.tolist() == [True, True, True, False]


def test_a_custom_table_of_air_temperatures_may_have_gaps(path, tmp_path):
    given = tmp_path / "air.csv"
    given.write_text("date,air_temperature_K,relative_humidity_percent,wind_speed_m_s\n2010-10-10,279.0,,\n")
    table = read_lake(path, SUNAPEE, given)
    assert table.measured_air[1] == 279.0 and np.isnan(table.wind_speed).all()
    given.write_text("day,wrong\n2010-10-10,279\n")
    with pytest.raises(InputError, match="air_temperature_K"):
        read_lake(path, SUNAPEE, given)


def test_a_product_without_a_date_is_refused(path):
    path.write_text(HEADER + ROWS[0].replace("LE07_013030_20100712", "July"))
    with pytest.raises(InputError, match="'July'"):
        read_lake(path)


def test_every_step_changes_one_setting_and_the_skin_adds_its_own_amount(table):
    settings = list(STEPS.values())
    for before, after in pairwise(settings):
        changed = [name for name in before.__slots__ if getattr(before, name) != getattr(after, name)]
        assert len(changed) == 1
    assert residuals(table, BEST) - residuals(table, SURFACE) == pytest.approx(0.17)


def test_a_warmer_atmosphere_or_lower_emissivity_changes_the_surface_temperature(table):
    warmer, colder = (retrieve(table, replace(SURFACE, air_temperature_change=change)) for change in (5.0, -5.0))
    assert (warmer < colder).all()
    assert (retrieve(table, replace(SURFACE, emissivity=0.97)) > retrieve(table, SURFACE)).all()
    assert (retrieve(table, replace(SURFACE, downwelling_factor=0.3)) > retrieve(table, SURFACE)).all()


def test_inversion_with_the_simulated_terms_recovers_the_surface_temperature(table, air):
    truth = np.array([297.0, 285.0])
    assert air.rows.tolist() == [0, 2]
    for name in (BASE, "no aerosol", "sea level"):
        radiance = np.full(table.date.shape, np.nan)
        radiance[air.rows] = sensor_radiance(truth, WATER_EMISSIVITY, *air.terms[name], BAND.planck)
        assert air.temperature(table, radiance, name) == pytest.approx(truth, abs=1e-6)


def test_more_absorption_increases_the_retrieved_temperature(table, air):
    radiance = sensor_radiances(table, two_constants=True)
    change = {name: air.change(table, radiance, name) for name in air.terms}
    assert change[BASE] == 0.0
    assert change["no minor gases"] < -0.1  # without them the same radiance comes from colder water
    assert change["no aerosol"] < 0.0 < change["twice the aerosol"]
    assert abs(change["year"]) < 0.02
    assert change["continuum 3 % stronger"] > 0.0


def test_the_factor_of_the_older_continuum_gives_its_optical_depth():
    older = json.loads(shared_path("oracle", "rfm_v5.13.json").read_text())["atmospheres"]
    newer = json.loads(shared_path("oracle", "line_by_line_mt_ckd_4.3.json").read_text())["atmospheres"]
    absorbers = frozenset({"water_lines", "water_continuum", "carbon_dioxide"})
    for name, factor in zip(("mlw", "mls", "tro"), simulated._CONTINUUM_4_1[1], strict=True):
        levels = newer[name]["levels"]
        keys = ("pressure_hPa", "temperature_K", "specific_humidity_kg_kg")
        profile = column(*(np.array(levels[key]) for key in keys))
        depth = [
            -np.log(simulate(profile, ["landsat7-b6"], one)["landsat7-b6"].transmittance)
            for one in (Composition(absorbers=absorbers, continuum_scaling=scaling) for scaling in (1.0, factor))
        ]
        wanted = np.log(
            newer[name]["bands"]["L7"]["transmittance"]
            / older[name]["cases"]["H2O+CO2+continuum"]["bands"]["L7"]["transmittance"]
        )
        assert depth[1] - depth[0] == pytest.approx(wanted, abs=2e-4)


def test_the_bias_of_the_surface_model_is_negative_at_noon_and_positive_at_night():
    noon, night = (morning_error("landsat7-b6", 4.4, hours) for hours in ((12.0, 13.0), (3.0, 4.0)))
    assert noon.count > 5 and night.count > 5
    assert noon.surface < -0.1 < 0.1 < night.surface


def test_effects_of_nitric_acid_and_emissivity_have_the_expected_size(table):
    found = {entry.name: entry for entry in error_sources(table, None, None)}
    # absorption of a radiance of 288 K in a layer of 215 K: 0.001 of it is about 0.05 K
    assert found["nitric acid"].effect == 0.0 and 0.03 < found["nitric acid"].uncertainty < 0.08
    assert 0.989 < fresnel_emissivity("landsat7-b6") < 0.992
    assert abs(found["emissivity of water"].effect) < found["emissivity of water"].uncertainty
    assert "time of day (morning)" not in found and "aerosol" not in found


def test_the_budget_adds_up_and_is_written_in_three_forms(table, air, tmp_path):
    found = budget(table, air, None)
    known = sum(entry.effect for entry in found.error_sources if not entry.applied)
    assert found.known == pytest.approx(known)
    applied = sum(entry.effect for entry in found.error_sources if entry.applied)
    steps = list(found.steps.values())
    assert steps[-1].bias - steps[0].bias == pytest.approx(applied)
    assert found.uncertainty > max(entry.uncertainty for entry in found.error_sources)
    paths = write(found, tmp_path)
    assert [path.name for path in paths] == ["budget.csv", "budget.json", "budget.md"]
    rows = list(csv.DictReader(as_csv(found).splitlines()))
    assert [row["error_source"] for row in rows] == [entry.name for entry in found.error_sources]
    assert json.loads(as_json(found))["error_sources"][0]["name"] == "air temperature"
    assert "| sensor calibration | +0.00 | 0.40 |" in as_markdown(found)


def test_undefined_statistics_are_null_in_json(path):
    path.write_text(HEADER + ROWS[0])
    found = json.loads(as_json(run(path, simulate=False)))
    assert found["compared"] == 1 and found["steps"]["column model, bulk water"]["bias"] is None


def test_pictures_are_drawn_where_matplotlib_is_installed(table, tmp_path):
    pytest.importorskip("matplotlib")
    from examples.studies.lake.draw import draw

    paths = draw(budget(table, None, None), table, tmp_path)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_the_table_was_computed_with_k1_and_k2():
    table = read_lake(shared_path("data", "matchups", "lake_sunapee_l7.csv"))

    def off_whole_numbers(two_constants):
        number = (sensor_radiances(table, two_constants) - BAND.radiance_offset) / BAND.gain
        return float(np.abs(number - np.round(number)).mean())

    assert off_whole_numbers(True) < 0.001 < 0.005 < off_whole_numbers(False)


def test_bias_is_below_half_a_kelvin_and_scatter_similar_to_that_of_the_usgs():
    path = shared_path("data", "matchups", "lake_sunapee_l7.csv")
    found = run(path, simulate=False)
    best, usgs = found.steps["skin temperature as reference"], found.variants["USGS Collection 2"]
    assert best.count == usgs.count == 53
    assert abs(best.bias) <= 0.5
    assert best.sd <= 1.15 * usgs.sd
    assert abs(best.bias) < found.uncertainty
    # the difference is due to emissivity and ST_DRAD of the product: with those of water it is colder than lst-raster
    assert (
        found.variants["USGS, emissivity of water and hemispheric downwelling radiance"].bias
        < found.steps["skin temperature as reference"].bias
    )


def test_the_published_budget_is_reproduced():
    page = Path(lst_raster.__file__).parents[1] / "docs" / "science" / "lake_sunapee" / "budget.json"
    written = json.loads(page.read_text())
    found = json.loads(as_json(run(shared_path("data", "matchups", "lake_sunapee_l7.csv"), simulate=False)))
    for part in ("scatter", "vapour_ratio"):
        assert written[part] == pytest.approx(found[part], abs=2e-3)
    for name, figures in found["steps"].items():
        assert written["steps"][name] == pytest.approx(figures, abs=2e-3)
    sums = {entry["name"]: entry["effect"] for entry in written["error_sources"]}
    for entry in found["error_sources"]:
        assert sums[entry["name"]] == pytest.approx(entry["effect"], abs=2e-3)
