"""Shipped models and published methods on a date that was not used in training."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lst_raster.inference.model import Model
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.profiles.library import make_held_out
from lst_raster.profiles.profile_sets import water_vapour, write_profiles
from lst_raster.profiles.sampling import InputErrors
from lst_raster.profiles.simulate import simulate_file
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.resources import models_path
from lst_raster.validation.evaluate import evaluate
from lst_raster.validation.matchups import read_matchups
from lst_raster.validation.validate import LST_RASTER, validate
from tests.support.mild_surfaces import mild_samples
from tests.support.shared import shared_path
from tests.support.simulated_sets import published_errors

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("accuracy"),
]  # one process, for what they share takes long to make

SENSOR = "landsat8-b10"
PER_CLASS = 70
"""Columns simulated in each class of water vapour, evenly from all; the classes are then weighted by their size."""

# Mean error [K] of the published methods on the simulations of others: with the minor gases and a 23 km aerosol (low)
# and without them (high), by class of water vapour; the last class ends at 70 kg m-2.
BRACKETS = {
    "mono-window": [(-0.5, 0.2), (-0.5, 0.5), (-0.3, 0.9), (-0.2, 1.3), (-0.8, 1.1), (-1.0, 1.2)],
    "single-channel": [(-0.9, -0.2), (-1.3, -0.2), (-1.5, -0.1), (-2.3, -0.5), (-4.6, -2.1), (-7.6, -4.6)],
}


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """The September 2015 date: simulated columns, and each class's share of the whole."""
    folder = tmp_path_factory.mktemp("held_out")
    profiles = make_held_out([shared_path("data", "profiles", "gfs", "gfs_20150912T18.grib2")])
    vapour = water_vapour(profiles)
    members = [np.flatnonzero((vapour >= low) & (vapour < high)) for low, high in WATER_VAPOUR_CLASSES.values()]
    chosen = [all_of[np.linspace(0, all_of.size - 1, PER_CLASS).round().astype(int)] for all_of in members]
    path = folder / "profiles.nc"
    write_profiles(profiles.isel(profile=np.concatenate(chosen)), path)
    simulate_file(path, {SENSOR: folder / "simulated.nc"})
    simulated = read_simulated(folder / "simulated.nc")
    share = np.array([all_of.size for all_of in members]) / vapour.size
    return simulated, dict(zip(WATER_VAPOUR_CLASSES, share, strict=True))


def whole_rmse(summaries, share) -> float:
    """Root mean square error over the whole date, from those of the classes. [K]"""
    return float(np.sqrt(sum(weight * summaries[name].rmse ** 2 for name, weight in share.items())))


TIERS = ("column", "surface", "profile")


# Root mean square error with exact and with noisy inputs, mean absolute error in extreme humidity [K], and the least
# share by which the error with noisy inputs lies below that of the published single-channel method. The vapour column
# and the pressure alone do not suffice for two fifths.
@pytest.mark.parametrize(
    ("tier", "exact", "noisy", "humid_mae", "below"),
    [("column", 1.10, 1.45, 1.05, 0.35), ("surface", 0.75, 1.30, 0.80, 0.40), ("profile", 0.15, 1.05, 0.18, 0.40)],
)
def test_a_shipped_model_is_as_accurate_as_promised_on_a_date_never_seen(
    held_out, tier, exact, noisy, humid_mae, below
):
    simulated, share = held_out
    model = Model.load(f"{SENSOR}/{tier}")
    result = evaluate(model, simulated, per_profile=20)
    ours = result.methods[result.model]
    assert whole_rmse(ours, share) < exact
    assert ours["50+"].mae < humid_mae
    with_noise = evaluate(model, simulated, per_profile=20, input_errors=InputErrors()).methods
    found = whole_rmse(with_noise[result.model], share)
    assert found < noisy
    assert found < (1.0 - below) * whole_rmse(with_noise["single-channel"], share)


@pytest.mark.parametrize(
    ("tier", "exact", "humid_mae", "noisy"),
    [("column", 1.10, 0.92, 1.45), ("surface", 0.75, 0.65, 1.30), ("profile", 0.15, 0.15, 1.05)],
)
def test_the_whole_of_the_date_is_retrieved_as_accurately(tier, exact, humid_mae, noisy):
    stated = json.loads(Path(models_path(), SENSOR, tier, "metrics.json").read_text())
    date, soundings = stated["GFS September 2015"], stated["TIGR-2000"]
    assert date["lst"]["all"]["rmse"] <= exact
    assert date["lst"]["50+"]["mae"] <= humid_mae
    assert date["lst_noisy"]["all"]["rmse"] <= noisy
    assert tier != "profile" or soundings["lst"]["all"]["rmse"] <= 0.35


PROMISED = (0.62, 0.74)
# Above 50 kg m-2 the uncertainty is wider than promised: the library has 41 real columns there, with larger errors than
# those of this date.
MOST_HUMID = (0.62, 0.80)


@pytest.mark.parametrize("tier", TIERS)
def test_two_thirds_of_the_errors_lie_within_the_uncertainty_however_humid_the_air(held_out, tier):
    simulated, _ = held_out
    metrics = json.loads(Path(models_path(), SENSOR, tier, "metrics.json").read_text())
    stated = metrics["GFS September 2015"]["coverage"]["noisy"]  # of the whole date
    result = evaluate(Model.load(f"{SENSOR}/{tier}"), simulated, per_profile=20, input_errors=InputErrors())
    for name in WATER_VAPOUR_CLASSES:
        low, high = MOST_HUMID if name == "50+" else PROMISED
        assert low <= stated[name] <= high, name
        # One standard deviation of the share of 70 columns is 0.056, and the simulated ones are part of the whole.
        assert result.coverage[name] == pytest.approx(stated[name], abs=0.056), name


def test_published_coefficients_make_the_errors_on_our_simulations_that_they_make_on_others(held_out):
    simulated, _ = held_out
    found = published_errors(simulated, mild_samples(simulated.air_temperature_2m, 20, seed=0))
    for method, brackets in BRACKETS.items():
        for name, (low, high) in zip(WATER_VAPOUR_CLASSES, brackets, strict=True):
            assert low < found[method][name].bias < high, (method, name)


def test_the_numbers_in_the_metrics_file_are_those_of_the_model(held_out):
    simulated, share = held_out
    for tier in TIERS:
        metrics = json.loads(Path(models_path(), SENSOR, tier, "metrics.json").read_text())
        stated = metrics["GFS September 2015"]["lst"]["all"]["rmse"]
        result = evaluate(Model.load(f"{SENSOR}/{tier}"), simulated, per_profile=20)
        found = whole_rmse(result.methods[result.model], share)
        assert found == pytest.approx(stated, rel=0.06)  # from a seventh of the columns


@pytest.mark.parametrize("tier", TIERS)
def test_the_readme_states_the_accuracy_that_the_metrics_files_hold(tier):
    metrics = json.loads(Path(models_path(), SENSOR, tier, "metrics.json").read_text())
    readme = Path(__file__).resolve().parents[2].joinpath("README.md").read_text()
    row = next(line for line in readme.splitlines() if line.startswith(f"| lst-raster, `{tier}`"))
    stated = [
        f"{metrics[title][inputs]['all']['rmse']:.2f} / {metrics[title][inputs]['50+']['mae']:.2f}"
        for title in ("GFS September 2015", "TIGR-2000") for inputs in ("lst", "lst_noisy")
    ]  # fmt: skip
    assert row.strip("| ").split(" | ")[1:] == stated


def test_the_page_on_validation_states_the_lake_comparison_that_the_shipped_model_gives():
    path = shared_path("data", "matchups", "lake_sunapee_l7.csv")
    found, _ = validate(read_matchups(path, defaults={"elevation": 333.0, "emissivity": 0.99}))
    page = Path(__file__).resolve().parents[2].joinpath("docs", "validate.md").read_text()
    methods = (LST_RASTER, "single-channel", "mono-window", "USGS Collection 2", "brightness temperature")
    assert list(found.models) == ["landsat7-b6/column"]
    for method in methods:
        row = next(line for line in page.splitlines() if re.match(rf"    {method} +53 ", line))
        bias, deviation = (float(cell) for cell in row.removeprefix(f"    {method}").split()[1:3])
        assert bias == pytest.approx(found.methods[method].bias, abs=0.006)
        assert deviation == pytest.approx(found.methods[method].sd, abs=0.006)
