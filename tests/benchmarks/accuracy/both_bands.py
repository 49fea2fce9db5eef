"""Comparison and learning curves of methods that use both thermal bands."""

from __future__ import annotations

from collections.abc import Mapping

from lst_raster.profiles.sampling import InputErrors
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.comparison import (
    COVERAGE_WORDS,
    TYPICAL_WORDS,
    compare,
    coverages,
    error_chart,
    side_by_side,
)
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN, TWO_BAND_TIERS
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.learning_curves import tables, with_fractions
from tests.benchmarks.accuracy.measure import EXACT, NOTHING, TYPICAL, VAPOUR, Rows
from tests.benchmarks.accuracy.methods import published_of_two_bands
from tests.benchmarks.accuracy.refit import TWO_BAND_REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Setting
from tests.benchmarks.accuracy.tables import by_condition, chosen, distinct

NAME, CURVES_NAME = "both_bands", "both_bands_curves"
TIER = TWO_BAND_TIERS[0]
"""Tier of the learning curves, which has all conditions."""
SMALLEST = 3  # the smallest fractions of the plan are those of the learning curves
DRAWN: Mapping[tuple[str, str], int] = {
    ("split-window, refitted", ""): 2, (COUPLED, "surface"): 0, (PLAIN, TIER): 1, (COUPLED, TIER): 1,
}  # fmt: skip
"""Series of the charts, as in the comparison of single bands."""


def _jobs(setting: Setting) -> list[Job]:
    seeds = setting.plan.seeds
    wanted = [(method, "", 1) for method in TWO_BAND_REFITS]
    wanted += [(COUPLED, tier, seeds) for tier in setting.tiers]
    wanted += [(method, tier, seeds) for tier in setting.two_band_tiers for method in (PLAIN, COUPLED)]
    unfitted = published_of_two_bands(setting.sensor)
    return compare(setting, NAME, setting.two_band_tests, unfitted, wanted, both_bands=True)


def _text(rows: Rows) -> str:
    both = [row for row in rows if row["tier"] in TWO_BAND_TIERS]
    parts = [_WORDS, *(by_condition(rows, title) for title in distinct(rows, "set"))]
    parts += [_NETWORKS, side_by_side(chosen(both, regime="all")), TYPICAL_WORDS]
    parts += [side_by_side(chosen(both, regime=TYPICAL)), COVERAGE_WORDS, coverages(both)]
    return "\n\n".join(parts)


def _charts(rows: Rows) -> Mapping[str, Chart]:
    first = rows[0]["set"]
    return {
        f"{NAME}_{inputs.replace(' ', '_')}": error_chart(
            chosen(rows, set=first, inputs=inputs),
            f"One band and both, root mean square error by regime: {first}, inputs: {inputs}",
            DRAWN,
        )
        for inputs in (VAPOUR, NOTHING)
    }


def _curves(setting: Setting) -> list[Job]:
    if not setting.two_band_tests:
        return []
    methods = [(method, "") for method in TWO_BAND_REFITS] + [(method, TIER) for method in (PLAIN, COUPLED)]
    return with_fractions(
        setting, CURVES_NAME, setting.two_band_tests[0], methods, setting.plan.fractions[:SMALLEST],
        (EXACT, VAPOUR, NOTHING), both_bands=True,
    )  # fmt: skip


def _curves_text(rows: Rows) -> str:
    return "\n\n".join([_CURVES_WORDS, *tables(rows)])


_SENSOR, _DIFFERENCE = InputErrors().second_sensor, InputErrors().emissivity_difference
_WORDS = f"""\
Methods that use both thermal bands, on pixels seen in both, and the coupled network of one band on the same pixels. The
split-window method has its published coefficients, or those refitted to the training set with the errors of all
conditions; its only atmospheric input is the water vapour. Tiers of both bands: `dual` has the inputs of `surface`,
`dual-profile` those of `profile`, and both have brightness temperatures and emissivities of the neighbourhood in both
bands. The plain network also sees brightness temperature and emissivity of the pixel in both bands, with noise; the
coupled network predicts the atmosphere of both, and its temperature is the mean of least variance of the two equations.
Only the coupled network is given the uncertainties of radiance and emissivity, which are the weights of this mean.

The emissivity of the second band scatters about its relation to that of the first. Errors of the second band:
{_SENSOR:g} K at the sensor, and in emissivity that of the first band and {_DIFFERENCE:g} independent of it; no stray
light. Half of the variance of the errors of emissivity is common to the neighbourhood of the pixel. Cells and training
columns as in the comparison of single bands."""

_NETWORKS = """\
### Both bands: coupled network and plain network"""

_CURVES_WORDS = f"""\
Random fractions of the library columns as for one band; networks of the tier `{TIER}`."""

COMPARISON = Section(name=NAME, title="Both bands: dates left out of training", jobs=_jobs, text=_text, charts=_charts)
CURVES = Section(name=CURVES_NAME, title="Both bands: fewer training columns", jobs=_curves, text=_curves_text)
