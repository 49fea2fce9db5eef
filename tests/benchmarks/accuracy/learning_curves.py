"""Learning curves: how many columns a method needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.fits import ALONE, COUPLED
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import EXACT, NOISY, Rows, headline, measure
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import WHOLE, Selection, Setting
from tests.benchmarks.accuracy.tables import all_and_humid, chosen, distinct, markdown, series

NAME, TIER = "learning_curves", "surface"
_METHODS = (*REFITS, ALONE, COUPLED)
_DRAWN = ("single-channel, refitted", ALONE, COUPLED)  # the others would press these together


def _jobs(setting: Setting) -> list[Job]:
    jobs = []
    for fraction in (*setting.plan.fractions, WHOLE):
        for seed in range(setting.plan.seeds):
            selection = Selection() if fraction == WHOLE else Selection(fraction=fraction, draw=seed)
            columns = len(selection.of(setting.library))
            for method in _METHODS:
                tier = "" if method in REFITS else TIER
                facts = {"method": method, "tier": tier, "seed": seed, "fraction": fraction, "columns": columns}
                asked = setting.fit(method, tier, seed)
                task = partial(measure, facts=facts, parts=headline, conditions=(EXACT, NOISY))
                jobs.append(Job(section=NAME, retrieval=asked, selection=selection, measure=task))
    return jobs


def _text(rows: Rows) -> str:
    fractions = distinct(rows, "fraction")
    parts = [_WORDS]
    for title in distinct(rows, "set"):
        for inputs in (EXACT, NOISY):
            mine = chosen(rows, set=title, inputs=inputs)
            lines = [
                [method, *(all_and_humid(chosen(mine, method=method, fraction=one)) for one in fractions)]
                for method in distinct(rows, "method")
            ]
            head = [f"{title}, {inputs}", *(_place(rows, one) for one in fractions)]
            parts.append(markdown(head, lines))
    return "\n\n".join(parts)


def _place(rows: Rows, fraction: float) -> str:
    columns = [row["columns"] for row in chosen(rows, fraction=fraction)]
    return f"{100 * fraction:g} %, {round(sum(columns) / len(columns))} columns"


def _charts(rows: Rows) -> Mapping[str, Chart]:
    first = rows[0]["set"]
    mine = chosen(rows, set=first, inputs=EXACT)
    fractions = distinct(rows, "fraction")

    def of(method: str, regime: str, fraction: float) -> Rows:
        return chosen(mine, method=method, regime=regime, fraction=fraction)

    return {
        f"learning_curves_{name}": Chart(
            title=f"{title}, {first}, exact inputs",
            label=f"{measure_.upper()} [K]",
            places=tuple(f"{100 * fraction:g} %" for fraction in fractions),
            at=tuple(fractions),
            across="fraction of the library's columns in training",
            series=tuple(series(one, fractions, partial(of, one, regime), measure_) for one in _DRAWN),
        )
        for name, title, regime, measure_ in (
            ("all", "All samples", "all", "rmse"), ("humid", "Extreme humidity", "50+", "mae"),
        )
    }  # fmt: skip


_WORDS = """\
What does the equation give that data would not? The networks of the tier `surface`, and the refitted methods, learn a
share of the library's columns, drawn at random, another draw for every seed; the number of steps stays. Where few
columns are used, the physics in a method decides. Cells as in the comparison."""

SECTION = Section(name=NAME, title="With fewer columns", jobs=_jobs, text=_text, charts=_charts)
"""The section."""
