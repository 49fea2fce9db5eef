"""Comparison of published and refitted methods, plain network and coupled network on sets left out of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.profiles.simulated_set import HUMID, REGIMES
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN, TIER_NAMES, Retrieval
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import EXACT, LAND, NOISY, NOTHING, TYPICAL, Rows, measure
from tests.benchmarks.accuracy.methods import published
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Selection, Setting
from tests.benchmarks.accuracy.tables import (
    ABSENT,
    by_condition,
    chosen,
    distinct,
    markdown,
    method_label,
    number,
    percent,
    plain,
    series,
)

NAME = "comparison"
DRAWN: Mapping[tuple[str, str], int] = {("single-channel, refitted", ""): 2} | {
    (method, tier): style for style, tier in enumerate(TIER_NAMES) for method in (PLAIN, COUPLED)
}
"""Method and tier of the series of charts, with their style: one colour per tier."""


def _jobs(setting: Setting) -> list[Job]:
    wanted = [(method, "", 1) for method in REFITS]
    wanted += [(method, tier, setting.plan.seeds) for tier in setting.tiers for method in (PLAIN, COUPLED)]
    return compare(setting, NAME, setting.tests, published(setting.sensor), wanted)


def compare(
    setting: Setting, section: str, titles: Iterable[str], unfitted: Mapping[str, Retrieval],
    wanted: Iterable[tuple[str, str, int]], *, both_bands: bool = False,
) -> list[Job]:  # fmt: skip
    """Jobs of retrievals without fit and of `wanted` methods, tiers and numbers of seeds, for each title."""
    jobs = []
    for title in titles:
        task = partial(measure, titles=(title,), both_bands=both_bands)
        for name, retrieval in unfitted.items():
            facts = {"method": name, "tier": "", "seed": 0}
            jobs.append(Job(section=section, retrieval=retrieval, measure=partial(task, facts=facts)))
        for method, tier, seeds in wanted:
            for seed in range(seeds):
                facts = {"method": method, "tier": tier, "seed": seed}
                jobs.append(
                    Job(
                        section=section,
                        retrieval=setting.fit(method, tier, seed),
                        selection=Selection(source=setting.source_of(title)),
                        measure=partial(task, facts=facts),
                    )
                )
    return jobs


def _text(rows: Rows) -> str:
    titles, everywhere = distinct(rows, "set"), chosen(rows, regime="all")
    parts = [_WORDS, *(by_condition(rows, title) for title in titles)]
    parts += [_NETWORKS, side_by_side(everywhere), TYPICAL_WORDS, side_by_side(chosen(rows, regime=TYPICAL))]
    parts += [_NOTHING, _nothing(rows), COVERAGE_WORDS, coverages(rows)]
    parts.append(_MEASURES)
    for inputs in (EXACT, NOISY):
        mine = chosen(everywhere, set=titles[0], inputs=inputs)
        parts += [f"**{titles[0]}, {inputs} inputs**", _measures(mine)]
    parts += [_REGIMES, "\n".join(f"- {one.title}: {one.reason}" for one in REGIMES.values())]
    for inputs in (EXACT, NOISY):
        mine = chosen(rows, set=titles[0], inputs=inputs)
        parts += [f"**{titles[0]}, {inputs} inputs: RMSE [K]**", _by_regime(mine)]
    return "\n\n".join(parts)


def _methods(rows: Rows) -> list[tuple[str, str]]:
    return distinct(rows, "method", "tier")


def side_by_side(rows: Rows) -> str:
    """Table of the errors of the coupled and the plain network, by set and tier."""
    names, lines = distinct(rows, "inputs"), []
    for title in distinct(rows, "set"):
        for tier in distinct(chosen(rows, method=PLAIN), "tier"):
            cells = []
            for name in names:
                found = [chosen(rows, set=title, tier=tier, inputs=name, method=method) for method in (COUPLED, PLAIN)]
                both = " / ".join(number(one, "rmse", spread=True) for one in found)
                cells.append(both if any(found) else ABSENT)
            lines.append([f"{title}, `{tier}`", *cells])
    return markdown(["coupled / plain network, RMSE [K]", *names], lines)


def _nothing(rows: Rows) -> str:
    lines = []
    for title in distinct(rows, "set"):
        mine = chosen(rows, set=title, inputs=NOTHING, regime=LAND)
        coupled, others = (chosen(mine, method=method) for method in (COUPLED, PLAIN))
        if mine:
            errors = (number(one, "rmse", spread=True) for one in (coupled, others))
            bias, within = number(coupled, "bias", signed=True), percent(coupled, "coverage")
            lines.append([title, str(mine[0]["profiles"]), *errors, bias, within])
    head = ["", "columns over land", "coupled: RMSE [K]", "plain network: RMSE [K]"]
    return markdown([*head, "coupled: bias [K]", "coupled: within one standard uncertainty [%]"], lines)


def coverages(rows: Rows) -> str:
    """Table of the fraction of the errors of the coupled network within one standard uncertainty, by water vapour."""
    regimes, lines = ["all", *WATER_VAPOUR_CLASSES], []
    for title, tier, name in distinct(chosen(rows, method=COUPLED), "set", "tier", "inputs"):
        mine = chosen(rows, method=COUPLED, set=title, tier=tier, inputs=name)
        cells = [percent(chosen(mine, regime=regime), "coverage") for regime in regimes]
        lines.append([f"{title}, `{tier}`, {name}", *cells])
    return markdown(["within one standard uncertainty [%]", *regimes], lines)


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
    names = [name for name in distinct(rows, "regime") if name in REGIMES]
    lines = [["columns", *(str(chosen(rows, regime=name)[0]["profiles"]) for name in names)]]
    for method, tier in _methods(rows):
        mine = chosen(rows, method=method, tier=tier)
        lines.append([method_label(method, tier), *(number(chosen(mine, regime=name), "rmse") for name in names)])
    return markdown(["", *(REGIMES[name].title for name in names)], lines)


def _charts(rows: Rows) -> Mapping[str, Chart]:
    first, charts = rows[0]["set"], {}
    for inputs in (EXACT, NOISY):
        mine = chosen(rows, set=first, inputs=inputs)
        title = f"Root mean square error by regime: {first}, {inputs} inputs"
        charts[f"comparison_{inputs}"] = error_chart(mine, title)
    for inputs in (EXACT, NOISY):
        mine = chosen(rows, regime=HUMID, inputs=inputs)
        if mine:
            title = f"Mean absolute error above 50 kg m-2, {inputs} inputs"
            places = {name: name for name in distinct(mine, "set")}
            charts[f"humid_{inputs}"] = _chart(mine, title, "mae", places, partial(_chosen_by, mine, "set"), DRAWN)
    return charts


def error_chart(rows: Rows, title: str, drawn: Mapping[tuple[str, str], int] = DRAWN) -> Chart:
    """Chart of the errors by regime of the methods and tiers of `drawn`, as `DRAWN`."""
    places = {name: REGIMES[name].title for name in distinct(rows, "regime") if name in REGIMES}
    return _chart(rows, title, "rmse", places, partial(_chosen_by, rows, "regime"), drawn)


def _chosen_by(rows: Rows, column: str, method: str, tier: str, name: str) -> Rows:
    return chosen(rows, method=method, tier=tier, **{column: name})


def _chart(
    rows: Rows, title: str, measure_: str, places: Mapping[str, str], of: Callable[..., Any],
    drawn: Mapping[tuple[str, str], int],
) -> Chart:  # fmt: skip
    return Chart(
        title=title,
        label=f"{measure_.upper()} [K]",
        places=tuple(places.values()),
        series=tuple(
            series(
                plain(method_label(method, tier)),
                list(places),
                partial(of, method, tier),
                measure_,
                style=style,
                hollow=method == PLAIN,
            )
            for (method, tier), style in drawn.items()
            if (method, tier) in _methods(rows)
        ),
    )


_WORDS = """\
Three kinds of methods. Mechanism: the single-channel and the mono-window method with their published
coefficients, the same forms with coefficients refitted to the training set by least squares on the temperature, and the
radiative transfer equation with each of its terms a quadratic function of the water vapour; their only atmospheric
input is the water vapour. Plain network: a network with the same layers and inputs, plus radiance and emissivity, that
predicts the temperature directly, trained with errors of these two as well. Coupled network: predicts the atmosphere,
as a correction of a linear model fitted to the columns, and computes the temperature with the equation. Both networks
are trained with the same columns, number of steps, weight decay and input errors. Tiers, by atmospheric inputs:
`surface` water vapour, surface pressure, air temperature at 2 m, aerosol, year of the gases, the uncertainties of these
inputs and the brightness temperature of the neighbourhood; `profile` also temperature and humidity on 11 levels.

For a set of a source of the library, all columns of this source and those derived from it are left out of training; for
the others all columns are used. Each cell is the root mean square error over all samples / the mean absolute error in
extreme humidity; after ±, the standard deviation over seeds."""

_NETWORKS = """\
### Coupled network and plain network
The same errors side by side, over all samples."""

TYPICAL_WORDS = """\
The same for surfaces 5 K colder to 15 K warmer than the air, within which nearly all land is at the overpass. The plain
network can also exploit the limits of the sampling design (no surface more than 15 K colder or 30 K warmer than the
air) where an input is unknown or noisy; real scenes have no such limits."""

_NOTHING = """\
### Nothing given
Water vapour and air temperature of the climatology: samples over land, tier `surface`."""

COVERAGE_WORDS = """\
### Uncertainty
Fraction of the errors within one predicted standard uncertainty, by water vapour [kg m-2]: coupled network of the first
seed, calibrated with its training columns only. 68 % is expected."""

_MEASURES = """\
### All metrics
Over all samples of the first set: mean error (bias), mean absolute error, root mean square error, fraction of explained
variance (R2) and 95th percentile of the absolute error (P95). R2 is close to one for all methods, as temperatures range
over a hundred kelvin."""

_REGIMES = """\
### Regimes
Errors by atmospheric regime; definitions and reasons of their thresholds:"""

SECTION = Section(
    name=NAME, title="Dates left out of training: mechanism, plain network and coupled network", jobs=_jobs, text=_text,
    charts=_charts,
)  # fmt: skip
