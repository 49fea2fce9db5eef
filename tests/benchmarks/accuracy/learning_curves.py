"""Learning curves: accuracy against number of training columns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import EXACT, NOISY, Rows, headline, measure
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import WHOLE, Selection, Setting
from tests.benchmarks.accuracy.tables import all_and_humid, chosen, distinct, markdown, series

NAME, TIER = "learning_curves", "surface"
_METHODS = (*REFITS, PLAIN, COUPLED)
_DRAWN = ("single-channel, refitted", PLAIN, COUPLED)  # the others would compress the axis


def _jobs(setting: Setting) -> list[Job]:
    jobs = []
    for fraction in (*setting.plan.fractions, WHOLE):
        for seed in range(setting.plan.seeds):
            selection = Selection() if fraction == WHOLE else Selection(fraction=fraction, draw=seed)
            columns = len(selection.of(setting.library))
            for method in _METHODS:
                tier = "" if method in REFITS else TIER
                facts = {"method": method, "tier": tier, "seed": seed, "fraction": fraction, "columns": columns}
                fit_spec = setting.fit(method, tier, seed)
                task = partial(measure, facts=facts, parts=headline, conditions=(EXACT, NOISY))
                jobs.append(Job(section=NAME, retrieval=fit_spec, selection=selection, measure=task))
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
            across="fraction of the library columns in training",
            series=tuple(series(one, fractions, partial(of, one, regime), measure_) for one in _DRAWN),
        )
        for name, title, regime, measure_ in (
            ("all", "All samples", "all", "rmse"), ("humid", "Extreme humidity", "50+", "mae"),
        )
    }  # fmt: skip


_WORDS = """\
The networks of the tier `surface` and the refitted methods are trained with a random fraction of the library columns, a
different draw for each seed, and the same number of steps. Cells as in the comparison."""

SECTION = Section(name=NAME, title="Fewer training columns", jobs=_jobs, text=_text, charts=_charts)
