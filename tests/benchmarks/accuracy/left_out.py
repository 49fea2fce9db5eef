"""Leaving out what is then measured: a continent, or humid air."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.continents import continent_of
from tests.benchmarks.accuracy.fits import ALONE, COUPLED
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import EXACT, NOISY, Parts, Rows, measure
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import EVERYTHING, Selection, Setting
from tests.benchmarks.accuracy.tables import chosen, distinct, markdown, number, series

TIER = "surface"
HUMID = 45.0
"""Water vapour from which nothing is learnt in the second study: humid enough that little of the ground is seen, and
low enough that the held-out sets have columns above. [kg m-2]"""
LEARNT, UNSEEN = "everything", "the others"
_METHODS = (*REFITS, ALONE, COUPLED)


def on_continent(simulated: SimulatedSet, name: str) -> Mapping[str, NDArray[np.bool_]]:
    """Tell the profiles on a continent's land; in a set that does not tell land, all within its boxes."""
    if simulated.latitude is None or simulated.longitude is None:
        return {}
    inside = continent_of(simulated.latitude, simulated.longitude) == name
    return {name: inside if simulated.land is None else inside & (simulated.land == 1)}


def above_limit(simulated: SimulatedSet) -> Mapping[str, NDArray[np.bool_]]:
    """Tell the profiles that are more humid than what was learnt."""
    return {"above": simulated.water_vapour >= HUMID}


def _both_ways(setting: Setting, section: str, without: Selection, parts: Parts, seeds: int) -> list[Job]:
    """Measure one part after everything, and after everything but that part, was learnt."""
    jobs = []
    for learnt, selection in ((LEARNT, EVERYTHING), (UNSEEN, without)):
        for method in _METHODS:
            for seed in range(1 if method in REFITS else seeds):
                tier = "" if method in REFITS else TIER
                facts = {"method": method, "tier": tier, "seed": seed, "learnt": learnt}
                task = partial(measure, facts=facts, parts=parts, conditions=(EXACT, NOISY))
                asked = setting.fit(method, tier, seed)
                jobs.append(Job(section=section, retrieval=asked, selection=selection, measure=task))
    return jobs


def _continents(setting: Setting) -> list[Job]:
    jobs = []
    for name in setting.plan.continents:
        without, parts = Selection(without=name), partial(on_continent, name=name)
        jobs += _both_ways(setting, "continents", without, parts, setting.plan.fewer_seeds)
    return jobs


def _humid(setting: Setting) -> list[Job]:
    return _both_ways(setting, "humid_left_out", Selection(below=HUMID), above_limit, setting.plan.seeds)


def _table(rows: Rows, names: list[str], measure_: str, signed: bool = False) -> str:
    """Write a method a line, and for each part what it does after everything and after the others were learnt."""
    lines = []
    for method in distinct(rows, "method"):
        cells = [
            " / ".join(
                number(chosen(rows, method=method, regime=name, learnt=learnt), measure_, signed=signed)
                for learnt in (LEARNT, UNSEEN)
            )
            for name in names
        ]
        lines.append([method, *cells])
    sizes = [f"{name}, {chosen(rows, regime=name)[0]['profiles']} columns" for name in names]
    return markdown(["", *sizes], lines)


def _continents_text(rows: Rows) -> str:
    parts = [_CONTINENTS]
    for title in distinct(rows, "set"):
        for inputs in (EXACT, NOISY):
            mine = chosen(rows, set=title, inputs=inputs)
            parts += [f"**{title}, {inputs} inputs: RMSE [K]**", _table(mine, distinct(mine, "regime"), "rmse")]
    return "\n\n".join(parts)


def _humid_text(rows: Rows) -> str:
    parts = [_HUMID]
    for title in distinct(rows, "set"):
        mine = chosen(rows, set=title)
        lines = []
        for method in distinct(mine, "method"):
            cells = [
                number(chosen(mine, method=method, inputs=inputs, learnt=learnt), measure_, signed=measure_ == "bias",
                       spread=measure_ == "rmse")
                for inputs in (EXACT, NOISY) for measure_ in ("rmse", "bias") for learnt in (LEARNT, UNSEEN)
            ]  # fmt: skip
            lines.append([method, *(" / ".join(cells[start : start + 2]) for start in range(0, len(cells), 2))])
        head = [f"{title}, {mine[0]['profiles']} columns"]
        head += [f"{inputs} inputs, {name} [K]" for inputs in (EXACT, NOISY) for name in ("RMSE", "bias")]
        parts.append(markdown(head, lines))
    return "\n\n".join(parts)


def _continents_charts(rows: Rows) -> Mapping[str, Chart]:
    first = rows[0]["set"]
    mine = chosen(rows, set=first, inputs=EXACT)
    names = distinct(mine, "regime")
    drawn = [(m, learnt) for m in ("single-channel, refitted", ALONE, COUPLED) for learnt in (LEARNT, UNSEEN)]

    def of(method: str, learnt: str, name: str) -> Rows:
        return chosen(mine, method=method, learnt=learnt, regime=name)

    return {
        "continents": Chart(
            title=f"A continent that was learnt, and that was left out: {first}, exact inputs",
            label="RMSE on that continent [K]",
            places=tuple(names),
            series=tuple(
                series(
                    f"{m}: {learnt} learnt", names, partial(of, m, learnt), style=number // 2, hollow=learnt == UNSEEN
                )
                for number, (m, learnt) in enumerate(drawn)
            ),
        )
    }


_CONTINENTS = """\
A method that has learnt the globe is used at places that it has not learnt. In turn, all columns of a continent and the
seas within its boxes are left out of what is learnt (tier `surface` for the networks); then the continent's land is
looked at in the held-out sets, which are of another date as well. Each cell: after everything was learnt / after
everything but this continent was learnt. The boxes are rough (`tests/benchmarks/accuracy/continents.py`)."""

_HUMID = f"""\
The same with humid air: columns with {HUMID:g} kg m-2 of water vapour and more are left out of what is learnt, invented
ones too, and looked at afterwards. It is the hardest question: what the networks learn ends with the range that they
have learnt (the coupled one's mechanism goes on), and whoever extrapolates may be far off. Each cell: after everything
was learnt / after the air below {HUMID:g} kg m-2 alone was learnt; after ±, the standard deviation over seeds."""

CONTINENTS = Section(
    name="continents", title="On a continent never seen", jobs=_continents, text=_continents_text,
    charts=_continents_charts,
)  # fmt: skip
"""The section on continents."""
HUMID_LEFT_OUT = Section(name="humid_left_out", title="In air more humid than any seen", jobs=_humid, text=_humid_text)
"""The section on humid air."""
