"""Accuracy of the shipped models, compared with published methods."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import CONDITIONS, Rows, measure
from tests.benchmarks.accuracy.methods import SHIPPED, unfitted_retrievals
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Setting
from tests.benchmarks.accuracy.tables import all_and_humid, chosen, distinct, markdown, method_label

_OURS = {
    "column": "lst-raster, `column` (water vapour, surface pressure)",
    "surface": "lst-raster, `surface` (and air temperature)",
    "profile": "lst-raster, `profile` (and temperature and humidity on 11 levels)",
}


def unfitted_jobs(setting: Setting, section: str) -> list[Job]:
    """Jobs of the retrievals that need no fit."""
    return [
        Job(
            section=section,
            retrieval=retrieval,
            measure=partial(measure, facts={"method": name, "tier": tier, "seed": 0}),
        )
        for name, tier, retrieval in unfitted_retrievals(setting)
    ]


def _jobs(setting: Setting) -> list[Job]:
    return unfitted_jobs(setting, "accuracy")


def _text(rows: Rows) -> str:
    columns = [
        (title, inputs) for title in distinct(rows, "set") for inputs in CONDITIONS
        if chosen(rows, set=title, inputs=inputs)
    ]  # fmt: skip
    lines = [
        [
            _OURS[tier] if method == SHIPPED else method_label(method, tier),
            *(all_and_humid(chosen(rows, method=method, tier=tier, set=t, inputs=i)) for t, i in columns),
        ]
        for method, tier in distinct(rows, "method", "tier")
    ]
    return "\n\n".join([_WORDS, markdown(["", *(f"{title}, {inputs}" for title, inputs in columns)], lines)])


_WORDS = """\
Shipped models and methods with their published coefficients, on the same samples. Each cell is the
root mean square error over all samples / the mean absolute error at 50 kg m-2 of water vapour and above, in kelvin."""

SECTION = Section(name="accuracy", title="Accuracy of the shipped models", jobs=_jobs, text=_text, trains=False)
