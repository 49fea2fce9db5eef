"""Accuracy on continents and humid columns that are left out of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lst_raster.profiles.sampling import Samples
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.continents import continent_of
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import EXACT, NOISY, Parts, Rows, measure
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Selection, Setting
from tests.benchmarks.accuracy.tables import chosen, distinct, markdown, number, series

TIER = "surface"
HUMID = 45.0
"""Upper limit of water vapour in training for the second study: low transmittance, but with columns above the limit in
the test sets. [kg m-2]"""
ALL, OTHERS = "all", "others"
_METHODS = (*REFITS, PLAIN, COUPLED)


def on_continent(samples: Samples, name: str) -> Mapping[str, NDArray[np.bool_]]:
    """Profiles over land of a continent; all profiles within its boxes for sets without a land mask."""
    simulated = samples.simulated
    if simulated.latitude is None or simulated.longitude is None:
        return {}
    inside = continent_of(simulated.latitude, simulated.longitude) == name
    return {name: inside if simulated.land is None else inside & (simulated.land == 1)}


def above_limit(samples: Samples) -> Mapping[str, NDArray[np.bool_]]:
    """Profiles more humid than the training limit."""
    return {"above": samples.simulated.water_vapour >= HUMID}


def _with_and_without(setting: Setting, section: str, without: Selection, parts: Parts, seeds: int) -> list[Job]:
    """Evaluate a part with and without it in the training set."""
    jobs, source = [], setting.source_of(setting.first)
    for trained_with, part in ((ALL, Selection()), (OTHERS, without)):
        selection = replace(part, source=source)
        for method in _METHODS:
            for seed in range(1 if method in REFITS else seeds):
                tier = "" if method in REFITS else TIER
                facts = {"method": method, "tier": tier, "seed": seed, "trained_with": trained_with}
                task = partial(measure, facts=facts, parts=parts, titles=(setting.first,), names=(EXACT, NOISY))
                fit_spec = setting.shorter_fit(method, tier, seed)
                jobs.append(Job(section=section, retrieval=fit_spec, selection=selection, measure=task))
    return jobs


def _continents(setting: Setting) -> list[Job]:
    jobs = []
    for name in setting.plan.continents:
        without, parts = Selection(without=name), partial(on_continent, name=name)
        jobs += _with_and_without(setting, "continents", without, parts, setting.plan.fewer_seeds)
    return jobs


def _humid(setting: Setting) -> list[Job]:
    return _with_and_without(setting, "humid_left_out", Selection(below=HUMID), above_limit, setting.plan.seeds)


def _table(rows: Rows, names: list[str], measure_: str, signed: bool = False) -> str:
    """Table of methods with the errors of each part for both training sets."""
    lines = []
    for method in distinct(rows, "method"):
        cells = [
            " / ".join(
                number(chosen(rows, method=method, regime=name, trained_with=trained_with), measure_, signed=signed)
                for trained_with in (ALL, OTHERS)
            )
            for name in names
        ]
        lines.append([method, *cells])
    sizes = [f"{name}, {chosen(rows, regime=name)[0]['profiles']} columns" for name in names]
    return markdown(["", *sizes], lines)


def _continents_text(rows: Rows) -> str:
    parts = [_CONTINENTS]
    for inputs in (EXACT, NOISY):
        mine = chosen(rows, inputs=inputs)
        title = f"{rows[0]['set']}, {inputs} inputs: RMSE [K]"
        parts += [f"**{title}**", _table(mine, distinct(mine, "regime"), "rmse")]
    return "\n\n".join(parts)


def _humid_text(rows: Rows) -> str:
    parts = [_HUMID]
    for title in distinct(rows, "set"):
        mine = chosen(rows, set=title)
        lines = []
        for method in distinct(mine, "method"):
            cells = [
                number(
                    chosen(mine, method=method, inputs=inputs, trained_with=which), measure_,
                    signed=measure_ == "bias", spread=measure_ == "rmse",
                )
                for inputs in (EXACT, NOISY) for measure_ in ("rmse", "bias") for which in (ALL, OTHERS)
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
    drawn = [(m, trained_with) for m in ("single-channel, refitted", PLAIN, COUPLED) for trained_with in (ALL, OTHERS)]

    def of(method: str, trained_with: str, name: str) -> Rows:
        return chosen(mine, method=method, trained_with=trained_with, regime=name)

    return {
        "continents": Chart(
            title=f"A continent used in training, and left out: {first}, exact inputs",
            label="RMSE on that continent [K]",
            places=tuple(names),
            series=tuple(
                series(
                    f"{m}: trained with {trained_with}",
                    names,
                    partial(of, m, trained_with),
                    style=number // 2,
                    hollow=trained_with == OTHERS,
                )
                for number, (m, trained_with) in enumerate(drawn)
            ),
        )
    }


_CONTINENTS = """\
All columns of a continent and the seas within its boxes are excluded from training (tier `surface` for the networks);
errors are for the land of the continent in the first test set, whose date is left out as well. Each cell: trained with
all columns / without this continent. The boxes are approximate (`tests/benchmarks/accuracy/continents.py`)."""

_HUMID = f"""\
Columns with {HUMID:g} kg m-2 of water vapour and more, real and perturbed, are excluded from training and used for
testing. The inputs of the coupled network are clipped to the training range, except in its linear model; the other
methods extrapolate. Each cell: trained with all columns / with columns below {HUMID:g} kg m-2;
after ±, the standard deviation over seeds."""

CONTINENTS = Section(
    name="continents", title="Continents left out of training", jobs=_continents, text=_continents_text,
    charts=_continents_charts,
)  # fmt: skip
HUMID_LEFT_OUT = Section(
    name="humid_left_out", title="Humid columns left out of training", jobs=_humid, text=_humid_text
)
