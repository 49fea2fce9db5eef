"""Accuracy benchmark, both bands: methods, training columns, errors of the second band, and pages."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

import tests.benchmarks.accuracy.refit as refit
from lst_raster.errors import ConfigError, InputError
from lst_raster.physics.planck import brightness_temperature
from lst_raster.profiles.sampling import CONDITIONS, EXACT, InputErrors, draw_surfaces, observe
from lst_raster.sensors.bands import sensor_band
from tests.benchmarks.accuracy.fits import Fit
from tests.benchmarks.accuracy.jobs import Job, count_fits, run_jobs
from tests.benchmarks.accuracy.measure import headline, measure, score
from tests.benchmarks.accuracy.methods import PublishedSplitWindow, published_of_two_bands
from tests.benchmarks.accuracy.refit import SplitWindow, refit_split_window
from tests.benchmarks.accuracy.run import run_benchmark
from tests.benchmarks.accuracy.second_band_errors import VARIED, add_common_errors
from tests.benchmarks.accuracy.sections import SECTIONS, sections_named
from tests.benchmarks.accuracy.setting import FULL
from tests.benchmarks.accuracy.tables import chosen
from tests.benchmarks.benchmark_fitters import failing_fitter, quick_fitter
from tests.benchmarks.benchmark_settings import TINY, tiny_setting, two_band_setting
from tests.support.simulated_sets import made_two_band_set

NAMES = ("both_bands", "both_bands_curves", "both_bands_errors")
COEFFICIENTS = (-0.3, 1.4, 0.2, 54.0, -2.2, -130.0, 16.0)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return two_band_setting(tmp_path_factory.mktemp("both"))


@pytest.fixture(scope="module")
def made(setting):
    return setting.library


def samples_of(simulated, per_profile=5):
    return observe(simulated, draw_surfaces(simulated.air_temperature_2m, per_profile, 9))


def test_the_split_window_refit_recovers_known_coefficients(made, monkeypatch):
    def observed(simulated, surfaces):
        samples = observe(simulated, surfaces)
        return replace(samples, surface_temperature=SplitWindow(coefficients=COEFFICIENTS)(samples))

    monkeypatch.setattr(refit, "observe", observed)
    monkeypatch.setattr(refit, "CONDITIONS", {"exact": EXACT})
    assert np.allclose(refit_split_window([made], seed=0).coefficients, COEFFICIENTS, rtol=1e-6)


def test_the_refitted_split_window_is_more_accurate_than_the_published_one_on_its_columns(made):
    samples = samples_of(made)
    refitted, published = refit_split_window([made], seed=0), published_of_two_bands(made.sensor)
    errors = [score(method(samples), samples.surface_temperature).rmse for method in (refitted, *published.values())]
    assert len(errors) == 2 and errors[0] < errors[1]
    assert published_of_two_bands("landsat9-b10") == {}


def test_the_published_split_window_has_the_form_of_the_refit(made):
    samples = samples_of(made, 2)
    known = SplitWindow(coefficients=(-0.268, 1.378, 0.183, 54.3, -2.238, -129.2, 16.4))
    assert np.allclose(PublishedSplitWindow()(samples), known(samples), atol=1e-9)


def test_noise_in_training_limits_the_amplification_of_the_difference(made, monkeypatch):
    noisy = refit_split_window([made], seed=0)
    monkeypatch.setattr(refit, "CONDITIONS", {"exact": EXACT})
    assert abs(noisy.coefficients[5]) < abs(refit_split_window([made], seed=0).coefficients[5])


def test_only_sets_with_the_second_band_are_used_for_both_bands(setting, tmp_path):
    assert setting.two_band_tests == ("Second date",)
    assert setting.two_band_tiers == ("dual", "dual-profile")
    without = tiny_setting(tmp_path)
    assert without.two_band_tests == without.two_band_tiers == ()
    assert [job for name in NAMES for job in SECTIONS[name].jobs(without)] == []
    with pytest.raises(InputError, match="both_bands: these sections are of both bands; give --second"):
        run_benchmark(without, sections_named(["both_bands"]), quick_fitter)
    library = replace(setting.library, second_band=None)
    assert [job for name in NAMES for job in SECTIONS[name].jobs(replace(setting, library=library))] == []


def test_sections_of_one_band_are_the_same_with_and_without_the_second(setting):
    alone = replace(
        setting,
        library=replace(setting.library, second_band=None),
        tests={title: replace(one, second_band=None) for title, one in setting.tests.items()},
    )
    names = ["learning_curves"]
    found = [run_benchmark(one, sections_named(names), quick_fitter, workers=1).sections for one in (setting, alone)]
    assert str(found[0]) == str(found[1])


def test_fits_of_one_band_are_trained_without_the_second(setting):
    seen = {}

    def fitter(fit_spec, training):
        seen[fit_spec.tier] = training[0].second_band
        return quick_fitter(fit_spec, training)

    run_jobs(SECTIONS["both_bands"].jobs(setting), setting, fitter, 1)
    assert seen["surface"] is None and seen["profile"] is None
    assert seen["dual"].sensor == seen["dual-profile"].sensor == "landsat8-b11"


def test_a_kept_fit_is_not_used_again_for_another_second_band(setting, tmp_path):
    def jobs(tier):
        task = SECTIONS["both_bands"].jobs(setting)[0].measure
        return [Job(section="one", retrieval=setting.shorter_fit("coupled", tier), measure=task)]

    keeping = replace(setting, fits=tmp_path)
    for tier in ("surface", "dual"):
        run_jobs(jobs(tier), keeping, quick_fitter, 1)
    second = replace(setting.library.second_band, transmittance=0.9 * setting.library.second_band.transmittance)
    other = replace(keeping, library=replace(setting.library, second_band=second))
    run_jobs(jobs("dual"), keeping, failing_fitter, 1)
    run_jobs(jobs("surface"), other, failing_fitter, 1)
    with pytest.raises(ConfigError, match="training diverged"):
        run_jobs(jobs("dual"), other, failing_fitter, 1)


def test_the_full_plan_has_a_fixed_number_of_fits(setting, tmp_path):
    full = replace(setting, plan=FULL, library=made_two_band_set(tmp_path / "large.nc", profiles=1500))
    jobs = {name: SECTIONS[name].jobs(full) for name in NAMES}
    # 2 tiers of one band, 2 methods of 2 tiers of both, 3 seeds; 4 fractions, 2 methods, 3 seeds
    assert [count_fits(jobs[name]) for name in NAMES[:2]] == [18, 24]
    assert count_fits([job for some in jobs.values() for job in some]) == 42  # the errors need no fits of their own
    assert [pickle.loads(pickle.dumps(job)).section for job in jobs[NAMES[2]]][:1] == [NAMES[2]]


def test_the_pages_are_written_from_the_rows(setting):
    results = run_benchmark(setting, sections_named(NAMES), quick_fitter, workers=1)
    assert list(results.sections) == list(NAMES)
    rows = results.sections["both_bands"]
    assert {row["set"] for row in rows} == {"Second date"}
    assert {row["method"] for row in rows} >= {"split-window, published", "split-window, refitted"}
    assert {row["tier"] for row in rows} == {"", "surface", "profile", "dual", "dual-profile"}
    assert {row["inputs"] for row in chosen(rows, tier="dual")} == set(CONDITIONS)
    assert {row["inputs"] for row in chosen(rows, tier="dual-profile")} == {"exact", "noisy"}
    text = SECTIONS["both_bands"].text(rows)
    assert "| Second date, `dual` | " in text and "| Second date, `dual`, nothing | 100 |" in text
    assert "| Second date, `surface`" not in text
    assert set(SECTIONS["both_bands"].charts(rows)) == {"both_bands_noisy_vapour", "both_bands_nothing"}
    curves = SECTIONS["both_bands_curves"].text(results.sections["both_bands_curves"])
    assert re.search(r"\| Second date, noisy vapour \| 50 %, \d+ columns \| 100 %, 150 columns \|", curves)
    errors = results.sections["both_bands_errors"]
    assert {row["value"] for row in chosen(errors, varied="stray_light")} == set(VARIED["stray_light"].values)
    assert "| stray light in the second band [K] | 0 | 0.1 | 0.3 | 0.5 |" in SECTIONS["both_bands_errors"].text(errors)
    assert "Second date, second band" in results.about["sets"]
    assert "Other columns, second band" not in results.about["sets"]


class Spy:
    """A retrieval that keeps samples and errors."""

    def __init__(self):
        self.seen = []

    def __call__(self, given):
        raise AssertionError("the errors are not given")

    def temperature(self, given, errors):
        self.seen.append((given, errors))
        return given.surface_temperature


def test_a_retrieval_that_weights_the_bands_is_given_the_errors_of_the_condition(setting):
    spy = Spy()
    known = {"dim": replace(EXACT, stray_light=0.5), "exact": EXACT}
    measure(setting, spy, {"tier": "dual"}, parts=headline, titles=["Second date"], known=known, both_bands=True)
    (dim, of_dim), (exact, of_exact) = spy.seen
    assert (of_dim, of_exact) == (known["dim"], EXACT)
    eleven = sensor_band("landsat8-b11").planck
    change = brightness_temperature(dim.second.radiance, eleven) - brightness_temperature(exact.second.radiance, eleven)
    assert np.allclose(change, change[:, :1], atol=1e-6)  # common to a scene
    assert float(change.std()) == pytest.approx(0.5, rel=0.2)
    measure(setting, spy, {"tier": "surface"}, parts=headline, titles=["Second date"])
    assert all(given.second is None for given, _ in spy.seen[2:])


@pytest.mark.parametrize("common", [0.0, 0.5, 1.0])
def test_a_fraction_of_the_errors_of_emissivity_is_common_to_the_neighbourhood(setting, common):
    exact = samples_of(setting.tests["Second date"], 20)
    dark = replace(
        exact,
        emissivity=np.full_like(exact.emissivity, 0.8),
        second=replace(exact.second, emissivity=np.full_like(exact.emissivity, 0.8)),
    )
    errors = InputErrors()
    given = add_common_errors(dark, errors, 3, common)
    error = given.emissivity - 0.8
    around = given.atmosphere["neighbourhood_emissivity"][:, 0] - exact.atmosphere["neighbourhood_emissivity"][:, 0]
    assert float(error.std()) == pytest.approx(errors.emissivity, rel=0.15)
    assert float(around.std()) == pytest.approx(errors.emissivity * common**0.5, rel=0.25)
    assert float(error.std(axis=1).mean()) == pytest.approx(errors.emissivity * (1.0 - common) ** 0.5, rel=0.1)
    further = given.second.emissivity - given.emissivity
    assert float(further.std()) == pytest.approx(errors.emissivity_difference, rel=0.15)


@pytest.fixture(scope="module")
def fits(setting):
    pytest.importorskip("torch", reason="needs the extra train")
    from tests.benchmarks.accuracy.baselines import fit

    def fitted(method, tier):
        calibration = 2 if method == "coupled" else 0
        spec = Fit(sensor=setting.sensor, method=method, tier=tier, steps=20, calibration=calibration)
        return fit(spec, [setting.library])

    return {(method, tier): fitted(method, tier) for method in ("coupled", "plain network") for tier in TIERS}


TIERS = ("dual", "dual-profile")


@pytest.mark.parametrize("method", ["coupled", "plain network"])
@pytest.mark.parametrize("tier", TIERS)
def test_networks_of_both_bands_retrieve(setting, fits, method, tier):
    retrieval = pickle.loads(pickle.dumps(fits[method, tier]))
    rows = measure(setting, retrieval, {"tier": tier}, parts=headline, titles=["Second date"], both_bands=True)
    assert {row["samples"] + row["missing"] for row in chosen(rows, regime="all")} == {120 * TINY.per_profile}
    assert max(row["missing"] for row in rows) <= 2  # of a network of few steps
    everywhere = [row for row in chosen(rows, regime="all") if row["inputs"] in ("exact", "noisy")]
    assert max(row["rmse"] for row in everywhere) < 10.0  # the climatology is not that of the made columns
    assert all(np.isfinite(row["coverage"]) == (method == "coupled") for row in rows)


def test_the_errors_change_the_weights_of_the_coupled_network_only(setting, fits):
    exact = samples_of(setting.tests["Second date"], 2)
    for method, differs in (("coupled", True), ("plain network", False)):
        one, other = (
            fits[method, "dual"].temperature(exact, errors) for errors in (EXACT, InputErrors(emissivity=0.1))
        )
        assert (np.abs(one - other).max() > 0.01) == differs


def test_the_plain_network_sees_the_observed_pixels_of_both_bands(setting):
    pytest.importorskip("torch", reason="needs the extra train")
    from lst_raster.network.config import TIERS as KNOWN
    from lst_raster.network.config import DataConfig, TrainingConfig
    from lst_raster.network.data import simulate_batch, training_set
    from tests.benchmarks.accuracy.baselines import PlainTwoBands

    config = TrainingConfig(sensor="landsat8-b10", tier="dual", data=DataConfig(train=()))
    training = training_set([setting.library], config)
    plain, batch = PlainTwoBands(training, config), simulate_batch(training, config, np.random.default_rng(0))
    seen = plain.seen(batch)
    assert seen.shape == (*batch.radiance.shape, 4 + len(KNOWN["dual"]))
    first, second = batch.second.observed_radiance
    eleven = sensor_band("landsat8-b11").planck
    assert np.allclose(seen[..., 0], brightness_temperature(first, plain.band))
    assert np.allclose(seen[..., 0] - seen[..., -2], brightness_temperature(second, eleven), atol=1e-3)
    assert np.allclose(seen[..., 1] + seen[..., -1], batch.second.observed_emissivity[1], atol=1e-6)
    assert plain.noisy(batch) is batch
    noise = brightness_temperature(first, plain.band) - brightness_temperature(batch.radiance, plain.band)
    assert 0.01 < float(noise.std()) < 0.1
