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
"""Upper limit of the water vapour in training in the second study: humid enough that the transmittance is low, and low
enough that the held-out sets have columns above. [kg m-2]"""
ALL, OTHERS = "everything", "the others"
_METHODS = (*REFITS, ALONE, COUPLED)


def on_continent(simulated: SimulatedSet, name: str) -> Mapping[str, NDArray[np.bool_]]:
    """Profiles on the land of a continent; in a set without a land mask, all within its boxes."""
    if simulated.latitude is None or simulated.longitude is None:
        return {}
    inside = continent_of(simulated.latitude, simulated.longitude) == name
    return {name: inside if simulated.land is None else inside & (simulated.land == 1)}


def above_limit(simulated: SimulatedSet) -> Mapping[str, NDArray[np.bool_]]:
    """Profiles that are more humid than those in training."""
    return {"above": simulated.water_vapour >= HUMID}


def _both_ways(setting: Setting, section: str, without: Selection, parts: Parts, seeds: int) -> list[Job]:
    """Measure one part after training with and without that part."""
    jobs = []
    for trained_on, selection in ((ALL, EVERYTHING), (OTHERS, without)):
        for method in _METHODS:
            for seed in range(1 if method in REFITS else seeds):
                tier = "" if method in REFITS else TIER
                facts = {"method": method, "tier": tier, "seed": seed, "trained_on": trained_on}
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
    """Write a line for each method, and for each part the errors after training with all and without the part."""
    lines = []
    for method in distinct(rows, "method"):
        cells = [
            " / ".join(
                number(chosen(rows, method=method, regime=name, trained_on=trained_on), measure_, signed=signed)
                for trained_on in (ALL, OTHERS)
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
                number(chosen(mine, method=method, inputs=inputs, trained_on=trained_on), measure_,
                       signed=measure_ == "bias", spread=measure_ == "rmse")
                for inputs in (EXACT, NOISY) for measure_ in ("rmse", "bias") for trained_on in (ALL, OTHERS)
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
    drawn = [(m, trained_on) for m in ("single-channel, refitted", ALONE, COUPLED) for trained_on in (ALL, OTHERS)]

    def of(method: str, trained_on: str, name: str) -> Rows:
        return chosen(mine, method=method, trained_on=trained_on, regime=name)

    return {
        "continents": Chart(
            title=f"A continent in training, and left out: {first}, exact inputs",
            label="RMSE on that continent [K]",
            places=tuple(names),
            series=tuple(
                series(
                    f"{m}: trained on {trained_on}",
                    names,
                    partial(of, m, trained_on),
                    style=number // 2,
                    hollow=trained_on == OTHERS,
                )
                for number, (m, trained_on) in enumerate(drawn)
            ),
        )
    }


_CONTINENTS = """\
A method trained on global data is used at other places. In turn, all columns of a continent and the
seas within its boxes are left out of the training (tier `surface` for the networks); then the errors on the continent's
land are measured in the held-out sets, which are of another date as well. Each cell: after training on everything /
after training on everything but this continent. The boxes are rough (`tests/benchmarks/accuracy/continents.py`)."""

_HUMID = f"""\
The same with humid air: columns with {HUMID:g} kg m-2 of water vapour and more are left out of the training, synthetic
ones too, and measured afterwards. It is the hardest test: networks are limited to their training range
(the mechanism of the coupled one extrapolates), and extrapolation may be far off. Each cell: after training on
everything / after training on columns below {HUMID:g} kg m-2 only; after ±, the standard deviation over seeds."""

CONTINENTS = Section(
    name="continents", title="On a continent never seen", jobs=_continents, text=_continents_text,
    charts=_continents_charts,
)  # fmt: skip
"""The section on continents."""
HUMID_LEFT_OUT = Section(name="humid_left_out", title="In air more humid than any seen", jobs=_humid, text=_humid_text)
"""The section on humid air."""
