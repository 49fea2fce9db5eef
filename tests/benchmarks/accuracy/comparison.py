"""Comparison of published and refitted methods, plain network and coupled network on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from lst_raster.profiles.simulated_set import REGIMES
from tests.benchmarks.accuracy.accuracy import unfitted_jobs
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN, TIER_NAMES
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import CONDITIONS, EXACT, NOISY, Rows, measure
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Setting
from tests.benchmarks.accuracy.tables import (
    all_and_humid,
    chosen,
    distinct,
    markdown,
    method_label,
    number,
    plain,
    series,
)

NAME = "comparison"
_DRAWN = {("single-channel, refitted", ""): 3} | {
    (method, tier): style for style, tier in enumerate(TIER_NAMES) for method in (PLAIN, COUPLED)
}  # series of the charts with their style: one colour per tier


def _jobs(setting: Setting) -> list[Job]:
    jobs = unfitted_jobs(setting, NAME)
    wanted = [(method, "", 1) for method in REFITS]
    wanted += [(method, tier, setting.plan.seeds) for tier in setting.tiers for method in (PLAIN, COUPLED)]
    for method, tier, seeds in wanted:
        for seed in range(seeds):
            facts = {"method": method, "tier": tier, "seed": seed}
            fit_spec = setting.fit(method, tier, seed)
            jobs.append(Job(section=NAME, retrieval=fit_spec, measure=partial(measure, facts=facts)))
    return jobs


def _text(rows: Rows) -> str:
    parts = [_WORDS, _headline(rows), _MEASURES]
    for title in distinct(rows, "set"):
        for inputs in (EXACT, NOISY):
            parts += [f"**{title}, {inputs} inputs**", _measures(chosen(rows, set=title, inputs=inputs, regime="all"))]
    parts += [_REGIMES, "\n".join(f"- {one.title}: {one.reason}" for one in REGIMES.values())]
    for title in distinct(rows, "set"):
        for inputs in (EXACT, NOISY):
            parts += [f"**{title}, {inputs} inputs: RMSE [K]**", _by_regime(chosen(rows, set=title, inputs=inputs))]
    return "\n\n".join(parts)


def _methods(rows: Rows) -> list[tuple[str, str]]:
    return distinct(rows, "method", "tier")


def _headline(rows: Rows) -> str:
    columns = [
        (title, inputs) for title in distinct(rows, "set") for inputs in CONDITIONS
        if chosen(rows, set=title, inputs=inputs)
    ]  # fmt: skip
    lines = [
        [
            method_label(method, tier),
            *(all_and_humid(chosen(rows, method=method, tier=tier, set=t, inputs=i)) for t, i in columns),
        ]
        for method, tier in _methods(rows)
    ]
    return markdown(["RMSE / MAE above 50 kg m-2 [K]", *(f"{title}, {inputs}" for title, inputs in columns)], lines)


def _measures(rows: Rows) -> str:
    lines = []
    for method, tier in _methods(rows):
        mine = chosen(rows, method=method, tier=tier)
        lines.append(
            [
                method_label(method, tier), number(mine, "bias", signed=True), number(mine, "mae"),
                number(mine, "rmse"), number(mine, "r2", digits=4), number(mine, "p95"),
            ]
        )  # fmt: skip
    return markdown(["", "bias [K]", "MAE [K]", "RMSE [K]", "R2", "P95 [K]"], lines)


def _by_regime(rows: Rows) -> str:
    names = distinct(rows, "regime")
    lines = [["columns", *(str(chosen(rows, regime=name)[0]["profiles"]) for name in names)]]
    for method, tier in _methods(rows):
        mine = chosen(rows, method=method, tier=tier)
        lines.append([method_label(method, tier), *(number(chosen(mine, regime=name), "rmse") for name in names)])
    return markdown(["", *(REGIMES[name].title for name in names)], lines)


def _charts(rows: Rows) -> Mapping[str, Chart]:
    first = rows[0]["set"]
    return {
        f"comparison_{inputs}": _chart(chosen(rows, set=first, inputs=inputs), f"{first}, {inputs} inputs")
        for inputs in (EXACT, NOISY)
    }


def _chart(rows: Rows, title: str) -> Chart:
    names = distinct(rows, "regime")

    def of(method: str, tier: str, name: str) -> Rows:
        return chosen(rows, method=method, tier=tier, regime=name)

    return Chart(
        title=f"Root mean square error by regime: {title}",
        label="RMSE [K]",
        places=tuple(REGIMES[name].title for name in names),
        series=tuple(
            series(
                plain(method_label(method, tier)), names, partial(of, method, tier), style=style, hollow=method == PLAIN
            )
            for (method, tier), style in _DRAWN.items()
            if (method, tier) in _methods(rows)
        ),
    )


_WORDS = """\
Three kinds of methods. Mechanism: the single-channel and the mono-window method with their published
coefficients, the same forms with coefficients refitted to the training set by least squares on the temperature, and the
radiative transfer equation with each of its terms a quadratic function of the water vapour; their only atmospheric
input is the water vapour. Plain network: a network with the same layers and inputs,
plus radiance and emissivity, that predicts the temperature directly. Coupled network: predicts the atmosphere, as a
correction of a linear model fitted to the columns, and computes the temperature with the equation. Both networks are
trained with the same columns, number of steps, weight decay and input errors. Tiers, by atmospheric inputs: `column`
water vapour and surface pressure, `surface` also the air temperature at 2 m, `profile` also temperature and humidity on
11 levels. A "shipped model" is the coupled network of the package.

Inputs are exact or noisy (errors at the top of the page). "Aerosol drawn": gases, aerosol and continuum differ
between columns and are unknown to all methods. Each cell is the root mean square error over all samples / the mean
absolute error in extreme humidity; after ±, the standard deviation over seeds."""

_MEASURES = """\
### All metrics
Over all samples: mean error (bias), mean absolute error, root mean square error, fraction of explained variance (R2)
and 95th percentile of the absolute error (P95). R2 is close to one for all methods, as temperatures range over a
hundred kelvin."""

_REGIMES = """\
### Regimes
Errors by atmospheric regime; definitions and reasons of their thresholds:"""

SECTION = Section(
    name=NAME, title="Published methods, plain network and coupled network", jobs=_jobs, text=_text, charts=_charts
)
