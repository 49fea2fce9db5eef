"""The benchmark's own work: what is learnt, what is measured, and how the work is spread."""

import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lst_raster.errors import CancelledError, ConfigError, InputError
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.sampling import draw_surfaces, observe
from lst_raster.sensors.bands import sensor_band
from tests.benchmarks.accuracy import learning_curves, left_out, sensitivity
from tests.benchmarks.accuracy.changed_atmosphere import changed_air
from tests.benchmarks.accuracy.continents import continent_of
from tests.benchmarks.accuracy.jobs import Job, count_fits, run_jobs
from tests.benchmarks.accuracy.measure import measure
from tests.benchmarks.accuracy.run import run_benchmark
from tests.benchmarks.accuracy.sections import SECTIONS, sections_named
from tests.benchmarks.accuracy.setting import FULL, Selection, hold_out_last_date
from tests.benchmarks.accuracy.tables import chosen
from tests.benchmarks.benchmark_fitters import (
    dying_fitter,
    failing_fitter,
    quick_fitter,
    silent_fitter,
    slow_fitter,
)
from tests.benchmarks.benchmark_settings import TINY, tiny_setting
from tests.support.processes import children_of, left_of
from tests.support.simulated_sets import DATES, made_set


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return tiny_setting(tmp_path_factory.mktemp("benchmark"))


def counted(setting, retrieval, *, name):
    """Measure nothing but the mean of what is retrieved."""
    given = observe(
        setting.library, draw_surfaces(setting.library.air_temperature_2m, setting.plan.per_profile, seed=0)
    )
    return [{"name": name, "mean": float(np.nanmean(retrieval(given) - given.surface_temperature))}]


def job_of(setting, tier, seed, name="a", section="one", **selection):
    asked = setting.fit("coupled", tier, seed)
    return Job(section=section, retrieval=asked, selection=Selection(**selection), measure=partial(counted, name=name))


def test_columns_kept_for_validation_are_not_learnt_and_all_others_are(setting):
    learnt = Selection().of(setting.library)
    assert (learnt.split == 0).all()
    assert len(learnt) == (setting.library.split == 0).sum() < len(setting.library)


def test_a_share_of_the_columns_is_another_with_every_draw(setting):
    def vapour(draw):
        return set(Selection(fraction=0.3, draw=draw).of(setting.library).water_vapour)

    assert len(vapour(0)) == pytest.approx(0.3 * 0.8 * len(setting.library), rel=0.25)
    assert vapour(0) == vapour(0) != vapour(1)


def test_what_is_left_out_is_not_learnt(setting):
    elsewhere = Selection(without="Africa").of(setting.library)
    assert "Africa" not in continent_of(elsewhere.latitude, elsewhere.longitude)
    assert Selection(below=45.0).of(setting.library).water_vapour.max() < 45.0


def test_a_selection_that_leaves_nothing_is_refused(setting):
    with pytest.raises(InputError, match="leaves no column of the library"):
        Selection(below=0.0).of(setting.library)


def test_without_a_held_out_set_the_last_date_is_measured_on_and_its_invented_columns_are_not(setting):
    learnt, tests = hold_out_last_date(setting.library)
    (held,) = tests.values()
    assert list(tests) == ["2011-10-11 of the library"]
    assert set(learnt.time) == {DATES[0]}
    assert set(held.time) == {DATES[1]}
    assert (held.perturbation == 0).all()
    with pytest.raises(InputError, match="no second date"):
        hold_out_last_date(learnt)


def test_without_levels_the_profile_tier_is_not_asked_for(setting):
    assert setting.tiers == ("column", "surface", "profile")
    old = replace(setting.library, air_temperature_sigma=None, specific_humidity_sigma=None)
    jobs = SECTIONS["comparison"].jobs(replace(setting, library=old))
    assert {job.measure.keywords["facts"]["tier"] for job in jobs} == {"", "column", "surface"}


def test_a_section_that_finds_nothing_to_measure_is_not_on_the_page(setting):
    nowhere = {title: replace(one, latitude=None) for title, one in setting.tests.items()}
    blind = replace(setting, tests=nowhere, varied={})
    assert run_benchmark(blind, sections_named(["continents"]), quick_fitter, workers=1).sections == {}


def test_a_set_of_another_sensor_or_title_is_refused(setting, tmp_path):
    other = made_set(tmp_path / "other.nc", profiles=10, sensor="landsat7-b6")
    with pytest.raises(InputError, match="Elsewhere is simulated for landsat7-b6"):
        tiny_setting(tmp_path, tests={"Elsewhere": other})
    with pytest.raises(InputError, match="no --test is called 'Other columns'; known are Here"):
        tiny_setting(tmp_path, tests={"Here": setting.library})


def test_one_fit_serves_all_sections_that_ask_for_it(setting):
    jobs = [
        job_of(setting, "column", 0, name="a", section="one"),
        job_of(setting, "surface", 0, name="b", section="two"),
        job_of(setting, "column", 0, name="c", section="two"),
        job_of(setting, "column", 0, name="d", section="two", fraction=0.5),
    ]
    made = []

    def fitter(asked, learn):
        made.append(asked.tier)
        return quick_fitter(asked, learn)

    steps = []
    found = run_jobs(jobs, setting, fitter, 1, lambda done, total: steps.append((done, total)) or True)
    assert count_fits(jobs) == len(made) == 3
    assert made[0] == "surface"  # the longest first
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert [row["name"] for row in found["two"]] == ["b", "c", "d"]
    assert found["one"][0]["mean"] == found["two"][1]["mean"] == pytest.approx(found["two"][0]["mean"] + 0.1)


def test_processes_find_what_one_process_finds_and_leave_none_behind(setting):
    jobs = [job_of(setting, tier, seed, name=f"{tier} {seed}") for tier in ("column", "surface") for seed in (0, 1)]
    assert run_jobs(jobs, setting, quick_fitter, 2) == run_jobs(jobs, setting, quick_fitter, 1)
    assert multiprocessing.active_children() == []


def test_a_stop_ends_fits_that_have_begun(setting):
    slow = job_of(setting, "column", 0)
    quick = Job(section="one", retrieval=setting.fit("equation, terms from vapour"), measure=slow.measure)
    begun = time.monotonic()
    with pytest.raises(CancelledError, match="stopped after 1 of 2"):
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
        "    run_jobs([job_of(setting, 'column', 0), job_of(setting, 'surface', 0)], setting, slow_fitter, 2)\n"
    )
    running = subprocess.Popen(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    )
    children = children_of(running, 3)  # two processes, and the helper of the interpreter
    running.kill()
    running.wait()
    assert left_of(children) == []


@pytest.mark.parametrize(("fitter", "error", "words"), [
    (failing_fitter, ConfigError, "coupled column, seed 1: training diverged"),
    (dying_fitter, InputError, "ended from outside"),
])  # fmt: skip
def test_a_fit_that_fails_is_named_and_all_end(setting, fitter, error, words):
    jobs = [job_of(setting, "column", 1)]
    with pytest.raises(error, match=words):
        run_jobs(jobs, setting, fitter, 2)
    assert multiprocessing.active_children() == []


def test_all_that_a_job_carries_can_be_sent_to_another_process(setting):
    for name, section in SECTIONS.items():
        if name != "sensitivity":  # which simulates first, and is tested below
            for job in section.jobs(setting):
                assert pickle.loads(pickle.dumps(job)).section == name


def test_the_whole_plan_is_as_many_fits_as_an_hour_holds(setting):
    full = replace(setting, plan=FULL)
    jobs = [job for name, section in SECTIONS.items() if name != "sensitivity" for job in section.jobs(full)]
    # 18 compared, 24 with fewer columns, 20 without a continent, 6 without humid air, 22 without a part.
    assert count_fits(jobs) == 90


def test_a_row_says_what_it_counts(setting):
    rows = measure(setting, lambda given: given.surface_temperature + 1.0, {"method": "off by one"})
    assert {row["inputs"] for row in rows} == {"exact", "noisy", "noisy, aerosol drawn"}
    for row in rows:
        assert row["method"] == "off by one"
        assert row["samples"] == row["profiles"] * TINY.per_profile
        assert (row["bias"], row["rmse"], row["p95"]) == pytest.approx((1.0, 1.0, 1.0))


def test_noise_is_on_what_a_retrieval_is_given_and_not_on_the_truth(setting):
    seen = []
    measure(setting, lambda given: seen.append(given) or given.surface_temperature, {}, conditions=("exact", "noisy"))
    exact, noisy = seen
    assert np.array_equal(exact.surface_temperature, noisy.surface_temperature)
    assert np.std(noisy.water_vapour / exact.water_vapour) == pytest.approx(0.1, rel=0.15)


def test_a_continent_is_measured_on_its_land_alone(setting):
    simulated = setting.tests["Other columns"]
    (chosen_,) = left_out.on_continent(simulated, "Eurasia").values()
    assert chosen_.any()
    assert (simulated.land[chosen_] == 1).all()
    assert set(continent_of(simulated.latitude[chosen_], simulated.longitude[chosen_])) == {"Eurasia"}


def test_each_section_writes_a_page_from_what_a_stub_finds(setting):
    names = ["accuracy", "comparison", "learning_curves", "continents", "humid_left_out", "ablations"]
    results = run_benchmark(setting, sections_named(names), quick_fitter, workers=1)
    assert list(results.sections) == names
    rows = results.sections["comparison"]
    humid = chosen(rows, method="coupled", tier="surface", set="Other columns", inputs="exact", regime="all")
    assert [row["seed"] for row in humid] == [0, 1]
    assert humid[1]["bias"] == pytest.approx(humid[0]["bias"] + 0.01)
    text = SECTIONS["comparison"].text(rows)
    errors = [row["rmse"] for row in humid]
    assert f"| coupled, `surface` | {np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f} / " in text
    fractions = {row["fraction"] for row in results.sections["learning_curves"]}
    assert fractions == {0.5, 1.0}
    assert "100 %, 240 columns" in learning_curves.SECTION.text(results.sections["learning_curves"])
    assert {row["trained_with"] for row in results.sections["continents"]} == {"all", "others"}
    assert "without the closure" in SECTIONS["ablations"].text(results.sections["ablations"])


def test_a_method_that_retrieves_nothing_has_no_numbers_and_all_samples_missing(setting):
    rows = run_benchmark(setting, sections_named(["ablations"]), silent_fitter, workers=1).sections["ablations"]
    assert all(row["samples"] == 0 and row["missing"] > 0 for row in rows)
    assert "| - |" in SECTIONS["ablations"].text(rows)


def test_an_unknown_section_is_named():
    with pytest.raises(InputError, match="no section is called speed; known are accuracy, comparison"):
        sections_named(["speed"])


@pytest.fixture(scope="module")
def air():
    return changed_air("landsat8-b10", 6)


def test_moister_air_is_moister_and_warmer_air_warmer_and_nothing_else(air):
    assert np.allclose(air.moister.water_vapour, 1.02 * air.base.water_vapour, rtol=1e-4)
    assert np.allclose(air.warmer.air_temperature_2m, air.base.air_temperature_2m + 0.5, atol=1e-4)
    assert np.allclose(air.warmer.water_vapour, air.base.water_vapour, rtol=1e-5)
    assert (air.moister.transmittance < air.base.transmittance).all()
    assert air.base.water_vapour.max() > 40.0 > 2.0 > air.base.water_vapour.min()


def test_a_retrieval_by_the_true_terms_follows_its_inputs_as_the_physics_says(air):
    band = sensor_band("landsat8-b10").planck
    given = observe(air.base, draw_surfaces(air.base.air_temperature_2m, 10, 0))

    def perfect(asked):
        """Know the terms of whichever of the three columns it is told."""
        vapour, near = asked.atmosphere["water_vapour"], asked.atmosphere["air_temperature"]
        known = next(
            one
            for one in (air.base, air.moister, air.warmer)
            if np.allclose(one.water_vapour, vapour[:, 0], rtol=1e-4)
            and np.allclose(one.air_temperature_2m, near[:, 0], atol=1e-3)
        )
        terms = (values[:, None] for values in known.terms)
        return surface_temperature(asked.radiance, asked.emissivity, *terms, band)

    expected, found = sensitivity.expected_responses(air, given), sensitivity.found_responses(perfect, air, given)
    for name in sensitivity.UNITS:
        scale = np.sqrt(np.mean(expected[name] ** 2))
        assert scale > 0.05, name
        assert np.sqrt(np.mean((found[name] - expected[name]) ** 2)) < 0.03 * scale, name
    assert (expected["brightness temperature"] > 0.9).all()
