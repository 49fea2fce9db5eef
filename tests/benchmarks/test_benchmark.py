"""Accuracy benchmark: training columns, evaluation, and distribution over processes."""

import multiprocessing
import os
import pickle
import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import CancelledError, ConfigError, InputError
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.sampling import CONDITIONS, draw_surfaces, observe
from lst_raster.sensors.bands import sensor_band
from tests.benchmarks.accuracy import learning_curves, left_out, sensitivity
from tests.benchmarks.accuracy.changed_atmosphere import perturbed_columns
from tests.benchmarks.accuracy.continents import continent_of
from tests.benchmarks.accuracy.jobs import Job, count_fits, run_jobs
from tests.benchmarks.accuracy.measure import TYPICAL, measure
from tests.benchmarks.accuracy.run import run_benchmark
from tests.benchmarks.accuracy.sections import SECTIONS, sections_named
from tests.benchmarks.accuracy.setting import FULL, Selection, by_source, last_date
from tests.benchmarks.accuracy.tables import chosen
from tests.benchmarks.benchmark_fitters import (
    dying_fitter,
    failing_fitter,
    quick_fitter,
    silent_fitter,
    slow_fitter,
)
from tests.benchmarks.benchmark_settings import TINY, tiny_setting
from tests.support.processes import children_of, still_running
from tests.support.simulated_sets import DATES, SOURCES, made_set


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return tiny_setting(tmp_path_factory.mktemp("benchmark"))


def counted(setting, retrieval, *, name):
    """Return only the mean retrieved temperature."""
    given = observe(
        setting.library, draw_surfaces(setting.library.air_temperature_2m, setting.plan.per_profile, seed=0)
    )
    return [{"name": name, "mean": float(np.nanmean(retrieval(given) - given.surface_temperature))}]


def job_of(setting, tier, seed, name="a", section="one", **selection):
    fit_spec = setting.shorter_fit("coupled", tier, seed)
    return Job(
        section=section, retrieval=fit_spec, selection=Selection(**selection), measure=partial(counted, name=name)
    )


def test_all_columns_are_used_in_training(setting):
    assert len(Selection().of(setting.library)) == len(setting.library)


def test_a_fraction_of_the_columns_depends_on_the_seed(setting):
    def vapour(draw):
        return set(Selection(fraction=0.3, draw=draw).of(setting.library).water_vapour)

    assert len(vapour(0)) == pytest.approx(0.3 * len(setting.library), rel=0.25)
    assert vapour(0) == vapour(0) != vapour(1)


def test_excluded_columns_are_not_used_in_training(setting):
    elsewhere = Selection(without="Africa").of(setting.library)
    assert "Africa" not in continent_of(elsewhere.latitude, elsewhere.longitude)
    assert Selection(below=45.0).of(setting.library).water_vapour.max() < 45.0
    without = Selection(source=SOURCES[1]).of(setting.library)
    assert set(without.profile_source) == {SOURCES[0]}
    assert not (without.perturbation > 0).any()  # all are derived from the excluded source


def test_an_empty_selection_is_refused(setting):
    with pytest.raises(InputError, match="leaves no column of the library"):
        Selection(below=0.0).of(setting.library)


def test_without_a_test_set_real_columns_of_the_last_date_are_used_for_testing(setting):
    tests = last_date(setting.library)
    (held,) = tests.values()
    assert list(tests) == ["GFS 2011-10-11 of the library"]
    assert set(held.time) == {DATES[1]}
    assert (held.perturbation == 0).all()
    assert replace(setting, tests=tests).source_of("GFS 2011-10-11 of the library") == SOURCES[1]
    with pytest.raises(InputError, match="only one source"):
        last_date(Selection(source=SOURCES[1]).of(setting.library))


def test_the_source_of_a_test_set_is_left_out_for_it_in_every_section(setting):
    assert [setting.source_of(title) for title in setting.tests] == [SOURCES[1], ""]
    for name in ("comparison", "learning_curves", "continents", "humid_left_out", "ablations"):
        jobs = [job for job in SECTIONS[name].jobs(setting) if hasattr(job.retrieval, "steps")]
        for job in jobs:
            (title,) = job.measure.keywords["titles"]
            assert job.selection.source == setting.source_of(title)
        assert {job.measure.keywords["titles"] for job in jobs} <= {("Second date",), ("Other columns",)}


def test_shipped_models_are_measured_only_on_sources_that_they_have_not_learnt(setting):
    jobs = SECTIONS["accuracy"].jobs(setting)
    assert {tuple(job.measure.keywords["titles"]) for job in jobs} == {("Other columns",)}


def test_a_test_set_of_several_sources_is_divided(setting):
    both = by_source("Both dates", setting.library, setting.library)
    assert {title: set(one.profile_source) for title, one in both.items()} == {name: {name} for name in SOURCES}
    other = setting.tests["Other columns"]
    assert by_source("Soundings", other, setting.library) == {"Soundings": other}


def test_without_levels_the_profile_tier_is_omitted(setting):
    assert setting.tiers == ("surface", "profile")
    old = replace(setting.library, air_temperature_sigma=None, specific_humidity_sigma=None)
    jobs = SECTIONS["comparison"].jobs(replace(setting, library=old))
    assert {job.measure.keywords["facts"]["tier"] for job in jobs} == {"", "surface"}


def test_a_section_without_rows_is_not_on_the_page(setting):
    nowhere = {title: replace(one, latitude=None) for title, one in setting.tests.items()}
    blind = replace(setting, tests=nowhere)
    assert run_benchmark(blind, sections_named(["continents"]), quick_fitter, workers=1).sections == {}


def test_a_set_of_another_sensor_without_sources_or_with_several_is_refused(setting, tmp_path):
    other = made_set(tmp_path / "other.nc", profiles=10, sensor="landsat7-b6")
    with pytest.raises(InputError, match="Elsewhere is simulated for landsat7-b6"):
        tiny_setting(tmp_path, tests={"Elsewhere": other})
    with pytest.raises(InputError, match="Here lacks the sources of its profiles; simulate it again"):
        tiny_setting(tmp_path, tests={"Here": replace(setting.library, profile_source=None)})
    with pytest.raises(InputError, match="Here has columns of GFS 2011-01-15, GFS 2011-10-11; give one source"):
        tiny_setting(tmp_path, tests={"Here": setting.library})


def test_sections_share_equal_fits(setting):
    jobs = [
        job_of(setting, "surface", 0, name="a", section="one"),
        job_of(setting, "surface", 0, name="c", section="two"),
        job_of(setting, "surface", 0, name="d", section="two", fraction=0.5),
        Job(section="two", retrieval=setting.fit("coupled", "profile"), measure=partial(counted, name="b")),
    ]
    made = []

    def fitter(fit_spec, training):
        made.append(fit_spec.tier)
        return quick_fitter(fit_spec, training)

    steps = []
    found = run_jobs(jobs, setting, fitter, 1, lambda done, total: steps.append((done, total)) or True)
    assert count_fits(jobs) == len(made) == 3
    assert made[0] == "profile"  # the longest first
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert [row["name"] for row in found["two"]] == ["c", "d", "b"]
    assert found["one"][0]["mean"] == found["two"][0]["mean"] == pytest.approx(found["two"][2]["mean"] + 0.1)


def test_results_with_processes_equal_those_of_one_process(setting):
    jobs = [job_of(setting, tier, seed, name=f"{tier} {seed}") for tier in ("surface", "profile") for seed in (0, 1)]
    assert run_jobs(jobs, setting, quick_fitter, 2) == run_jobs(jobs, setting, quick_fitter, 1)
    assert multiprocessing.active_children() == []


def test_finished_fits_are_kept_and_used_again(setting, tmp_path):
    keeping = replace(setting, fits=tmp_path)
    jobs = [job_of(setting, "surface", 0), job_of(setting, "surface", 0, fraction=0.5)]
    first = run_jobs(jobs, keeping, quick_fitter, 1)
    assert len(list(tmp_path.iterdir())) == 2
    assert run_jobs(jobs, keeping, failing_fitter, 1) == first
    more = job_of(setting, "profile", 0)
    with pytest.raises(ConfigError, match="training diverged"):
        run_jobs([*jobs, more], keeping, failing_fitter, 1)


def test_cancelling_terminates_running_fits(setting):
    slow = job_of(setting, "surface", 0)
    quick = Job(section="one", retrieval=setting.fit("equation, terms from water vapour"), measure=slow.measure)
    begun = time.monotonic()
    with pytest.raises(CancelledError, match="cancelled after 1 of 2"):
        run_jobs([slow, quick], setting, slow_fitter, 2, lambda done, total: False)
    assert time.monotonic() - begun < 60.0
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_processes_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import pathlib, tempfile\n"
        "from tests.benchmarks.benchmark_fitters import slow_fitter\n"
        "from tests.benchmarks.benchmark_settings import tiny_setting\n"
        "from tests.benchmarks.test_benchmark import job_of\n"
        "from tests.benchmarks.accuracy.jobs import run_jobs\n"
        "if __name__ == '__main__':\n"
        f"    setting = tiny_setting(pathlib.Path({str(tmp_path)!r}))\n"
        "    run_jobs([job_of(setting, 'surface', 0), job_of(setting, 'profile', 0)], setting, slow_fitter, 2)\n"
    )
    running = subprocess.Popen(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    )
    children = children_of(running, 3)  # two workers and the resource tracker of the interpreter
    running.kill()
    running.wait()
    assert still_running(children) == []


@pytest.mark.parametrize(("fitter", "error", "words"), [
    (failing_fitter, ConfigError, "coupled surface, seed 1: training diverged"),
    (dying_fitter, InputError, "was terminated"),
])  # fmt: skip
def test_a_failing_fit_is_named_and_all_processes_end(setting, fitter, error, words):
    jobs = [job_of(setting, "surface", 1)]
    with pytest.raises(error, match=words):
        run_jobs(jobs, setting, fitter, 2)
    assert multiprocessing.active_children() == []


def test_jobs_can_be_pickled(setting):
    for name, section in SECTIONS.items():
        if name != "sensitivity":  # which simulates first, and is tested below
            for job in section.jobs(setting):
                assert pickle.loads(pickle.dumps(job)).section == name


def test_the_full_plan_has_a_fixed_number_of_fits(setting, tmp_path):
    full = replace(setting, plan=FULL, library=made_set(tmp_path / "large.nc", profiles=1500))
    jobs = [job for name, section in SECTIONS.items() if name != "sensitivity" for job in section.jobs(full)]
    # comparison 24, learning curves 60; without those of the learning curves: continents 20, humid columns 6,
    # ablations 20
    assert count_fits(jobs) == 130


def test_rows_have_conditions_and_counts(setting):
    rows = measure(setting, lambda given: given.surface_temperature + 1.0, {"method": "off by one", "tier": ""})
    assert {row["inputs"] for row in rows} == set(CONDITIONS)
    assert {row["set"] for row in rows} == {"Second date", "Other columns"}
    for row in rows:
        assert row["method"] == "off by one"
        every = row["profiles"] * TINY.per_profile
        assert 0 < row["samples"] < every if row["regime"] == TYPICAL else row["samples"] == every
        assert (row["bias"], row["rmse"], row["p95"]) == pytest.approx((1.0, 1.0, 1.0))
        assert np.isnan(row["coverage"])
    levels = measure(setting, lambda given: given.surface_temperature, {"tier": "profile"}, titles=["Second date"])
    assert {row["inputs"] for row in levels} == {"exact", "noisy"}
    assert {row["set"] for row in levels} == {"Second date"}


def test_noise_is_added_to_the_inputs_and_not_to_the_truth(setting):
    seen = []
    measure(
        setting,
        lambda given: seen.append(given) or given.surface_temperature,
        {"tier": "surface"},
        titles=["Other columns"],
        names=("exact", "noisy", "nothing"),
    )
    exact, noisy, nothing = seen
    assert np.array_equal(exact.surface_temperature, noisy.surface_temperature)
    assert np.std(noisy.water_vapour / exact.water_vapour) == pytest.approx(0.1, rel=0.15)
    brightness = "brightness_temperature"
    assert np.array_equal(exact.atmosphere[brightness], nothing.atmosphere[brightness])
    known = exact.simulated.is_unmodified
    assert np.ptp(nothing.water_vapour[known], axis=1).max() == 0.0  # the climatology, for all surfaces of a column


def test_the_coverage_is_that_of_the_predicted_uncertainty(setting):
    class Half:
        """Uncertainty that covers the first of two surfaces of each profile."""

        def __call__(self, given):
            return given.surface_temperature + 1.0

        def uncertainty(self, given, errors):
            return np.broadcast_to([2.0, 0.5], given.radiance.shape)

    rows = measure(setting, Half(), {"tier": "surface"})
    assert {row["coverage"] for row in rows} == {0.5}
    assert "land" in {row["regime"] for row in rows}


@pytest.fixture(scope="module")
def batch(setting):
    pytest.importorskip("torch", reason="needs the extra train")
    from lst_raster.network.config import DataConfig, TrainingConfig
    from lst_raster.network.data import simulate_batch, training_set
    from tests.benchmarks.accuracy.baselines import Plain

    config = TrainingConfig(sensor="landsat8-b10", tier="surface", data=DataConfig(train=()))
    training = training_set([setting.library], config)
    return Plain(training, config), simulate_batch(training, config, np.random.default_rng(0))


def test_the_plain_network_learns_with_noisy_radiance_and_emissivity(batch):
    import torch

    from tests.benchmarks.accuracy.baselines import noisy_pixels

    torch.manual_seed(0)  # a rare factor changes the emissivity and not the radiance
    plain, exact = batch
    radiance, emissivity = noisy_pixels(exact, plain.band)
    unchanged = (radiance == exact.radiance).all(dim=1)
    assert float(unchanged.double().mean()) == pytest.approx(1 / 3, abs=0.1)
    assert bool((emissivity[unchanged] == exact.emissivity[unchanged]).all())
    # the mean square of a factor uniform from 0 to 1 is 1/3
    kelvin = brightness_temperature(radiance, plain.band) - brightness_temperature(exact.radiance, plain.band)
    assert float(kelvin[~unchanged].std()) == pytest.approx(0.05 / 3**0.5, rel=0.15)
    assert float((emissivity - exact.emissivity)[~unchanged].std()) == pytest.approx(0.01 / 3**0.5, rel=0.15)


def test_the_plain_network_sees_the_pixel_and_all_inputs_of_the_tier(batch):
    from lst_raster.network.config import TIERS
    from tests.benchmarks.accuracy.baselines import all_features

    plain, exact = batch
    seen = all_features(exact.radiance, exact.emissivity, exact.predictors, "surface", plain.band)
    assert seen.shape == (*exact.radiance.shape, 2 + len(TIERS["surface"]))
    assert {"brightness_temperature", "water_vapour_uncertainty"} <= set(TIERS["surface"])


def test_a_continent_is_evaluated_over_its_land_only(setting):
    simulated = setting.tests["Second date"]
    samples = observe(simulated, draw_surfaces(simulated.air_temperature_2m, 1, seed=0))
    (chosen_,) = left_out.on_continent(samples, "Eurasia").values()
    assert chosen_.any()
    assert (simulated.land[chosen_] == 1).all()
    assert set(continent_of(simulated.latitude[chosen_], simulated.longitude[chosen_])) == {"Eurasia"}


def mean_text(rows):
    """RMSE of seeds as in a table."""
    errors = [row["rmse"] for row in rows]
    return f"{np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f}"


def test_each_section_writes_its_page_from_the_rows(setting):
    names = ["accuracy", "comparison", "learning_curves", "continents", "humid_left_out", "ablations"]
    results = run_benchmark(setting, sections_named(names), quick_fitter, workers=1)
    assert list(results.sections) == names
    rows = results.sections["comparison"]
    found = chosen(rows, method="coupled", tier="surface", set="Second date", inputs="exact", regime="all")
    assert [row["seed"] for row in found] == [0, 1]
    assert found[1]["bias"] == pytest.approx(found[0]["bias"] + 0.01)
    text = SECTIONS["comparison"].text(rows)
    error = mean_text(found)
    assert f"| coupled, `surface` | {error} / " in text
    others = chosen(rows, method="plain network", tier="surface", set="Second date", inputs="exact", regime="all")
    assert f"| Second date, `surface` | {error} / {mean_text(others)} | " in text
    assert re.search(r"\| Other columns, `profile` \| [^|]+ \| [^|]+ \| - \| - \| - \|", text)
    assert re.search(r"\| Second date, `surface`, nothing \| 100 \| (100|-) ", text)
    land = setting.tests["Second date"].land == 1
    assert f"| Second date | {land.sum()} | " in text
    assert {row["method"] for row in results.sections["accuracy"]} >= {"single-channel, published"}
    fractions = {row["fraction"] for row in results.sections["learning_curves"]}
    assert fractions == {0.5, 1.0}
    assert "100 %, 150 columns" in learning_curves.SECTION.text(results.sections["learning_curves"])
    assert {row["trained_with"] for row in results.sections["continents"]} == {"all", "others"}
    assert "without the closure" in SECTIONS["ablations"].text(results.sections["ablations"])


def test_a_method_without_retrieved_values_has_no_statistics_and_all_samples_missing(setting):
    rows = run_benchmark(setting, sections_named(["ablations"]), silent_fitter, workers=1).sections["ablations"]
    assert all(row["samples"] == 0 and row["missing"] > 0 for row in rows)
    assert "| - / - |" in SECTIONS["ablations"].text(rows)


def test_an_unknown_section_is_refused_by_name():
    with pytest.raises(InputError, match="unknown section speed; available: accuracy, comparison"):
        sections_named(["speed"])


@pytest.fixture(scope="module")
def air():
    return perturbed_columns("landsat8-b10", 6)


def test_each_perturbation_changes_only_humidity_or_temperature(air):
    assert np.allclose(air.more_humid.water_vapour, 1.02 * air.base.water_vapour, rtol=1e-4)
    assert np.allclose(air.warmer.air_temperature_2m, air.base.air_temperature_2m + 0.5, atol=1e-4)
    assert np.allclose(air.warmer.water_vapour, air.base.water_vapour, rtol=1e-5)
    assert (air.more_humid.transmittance < air.base.transmittance).all()
    assert air.base.water_vapour.max() > 40.0 > 2.0 > air.base.water_vapour.min()


def test_sensitivities_of_a_retrieval_with_true_terms_are_those_of_the_equation(air):
    band = sensor_band("landsat8-b10").planck
    given = observe(air.base, draw_surfaces(air.base.air_temperature_2m, 10, 0))

    def perfect(samples):
        """Retrieve with the true terms of the column that matches the inputs."""
        vapour, near = samples.atmosphere["water_vapour"], samples.atmosphere["air_temperature"]
        known = next(
            one
            for one in (air.base, air.more_humid, air.warmer)
            if np.allclose(one.water_vapour, vapour[:, 0], rtol=1e-4)
            and np.allclose(one.air_temperature_2m, near[:, 0], atol=1e-3)
        )
        terms = (values[:, None] for values in known.terms)
        return surface_temperature(samples.radiance, samples.emissivity, *terms, band)

    expected, found = sensitivity.expected_responses(air, given), sensitivity.retrieval_responses(perfect, air, given)
    for name in sensitivity.UNITS:
        scale = np.sqrt(np.mean(expected[name] ** 2))
        assert scale > 0.05, name
        assert np.sqrt(np.mean((found[name] - expected[name]) ** 2)) < 0.04 * scale, (
            name
        )  # finite differences, up to 65 kg m-2
    assert (expected["brightness temperature"] > 0.9).all()
