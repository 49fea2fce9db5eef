"""Accuracy of the shipped models, compared with published methods."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import Rows, measure
from tests.benchmarks.accuracy.methods import SHIPPED, unfitted_retrievals
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Setting
from tests.benchmarks.accuracy.tables import by_condition, distinct, method_label

NAME = "accuracy"
_OURS = {
    "surface": "lst-raster, `surface` (water vapour, surface pressure, air temperature)",
    "profile": "lst-raster, `profile` (and temperature and humidity on 11 levels)",
}


def _jobs(setting: Setting) -> list[Job]:
    independent = [title for title in setting.tests if not setting.source_of(title)]
    return [
        Job(
            section=NAME,
            retrieval=retrieval,
            measure=partial(measure, facts={"method": name, "tier": tier, "seed": 0}, titles=independent),
        )
        for name, tier, retrieval in unfitted_retrievals(setting)
    ]


def _label(method: str, tier: str) -> str:
    return _OURS[tier] if method == SHIPPED else method_label(method, tier)


def _text(rows: Rows) -> str:
    return "\n\n".join([_WORDS, *(by_condition(rows, title, _label) for title in distinct(rows, "set"))])


_WORDS = """\
Shipped models and methods with their published coefficients, on the same samples, for the sets of which no column is in
the library of the shipped models. Each cell is the root mean square error over all samples / the mean absolute error at
50 kg m-2 of water vapour and above, in kelvin."""

SECTION = Section(name=NAME, title="Accuracy of the shipped models", jobs=_jobs, text=_text, trains=False)
