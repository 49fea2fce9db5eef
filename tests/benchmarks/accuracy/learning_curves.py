"""Learning curves: accuracy against number of training columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.comparison import DRAWN
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import EXACT, NOISY, Rows, headline, measure
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import WHOLE, Selection, Setting
from tests.benchmarks.accuracy.tables import all_and_humid, chosen, distinct, markdown, method_label, plain, series

NAME = "learning_curves"


def _jobs(setting: Setting) -> list[Job]:
    methods = [(method, "") for method in REFITS]
    methods += [(method, tier) for tier in setting.tiers for method in (PLAIN, COUPLED)]
    return with_fractions(setting, NAME, setting.first, methods, setting.plan.fractions, (EXACT, NOISY))


def with_fractions(
    setting: Setting, section: str, title: str, methods: Collection[tuple[str, str]], fractions: Iterable[float],
    names: tuple[str, ...], *, both_bands: bool = False,
) -> list[Job]:  # fmt: skip
    """Jobs of methods and tiers trained with fractions of the columns and with all, for conditions of a test set."""
    jobs, source = [], setting.source_of(title)
    task = partial(measure, parts=headline, titles=(title,), names=names, both_bands=both_bands)
    for fraction in (*fractions, WHOLE):
        for seed in range(setting.plan.seeds):
            draw = 0 if fraction == WHOLE else seed
            selection = Selection(source=source, fraction=fraction, draw=draw)
            columns = len(selection.of(setting.library))
            for method, tier in methods:
                facts = {"method": method, "tier": tier, "seed": seed, "fraction": fraction, "columns": columns}
                fit_spec = setting.shorter_fit(method, tier, seed)
                measured = partial(task, facts=facts)
                jobs.append(Job(section=section, retrieval=fit_spec, selection=selection, measure=measured))
    return jobs


def _text(rows: Rows) -> str:
    return "\n\n".join([_WORDS, *tables(rows)])


def tables(rows: Rows) -> list[str]:
    """Table of each condition: errors by method and fraction."""
    fractions, parts = distinct(rows, "fraction"), []
    for inputs in distinct(rows, "inputs"):
        mine = chosen(rows, inputs=inputs)
        lines = [
            [
                method_label(method, tier),
                *(all_and_humid(chosen(mine, method=method, tier=tier, fraction=one)) for one in fractions),
            ]
            for method, tier in distinct(rows, "method", "tier")
        ]
        head = [f"{rows[0]['set']}, {inputs}", *(_place(rows, one) for one in fractions)]
        parts.append(markdown(head, lines))
    return parts


def _place(rows: Rows, fraction: float) -> str:
    columns = [row["columns"] for row in chosen(rows, fraction=fraction)]
    return f"{100 * fraction:g} %, {round(sum(columns) / len(columns))} columns"


def _charts(rows: Rows) -> Mapping[str, Chart]:
    fractions = distinct(rows, "fraction")

    def of(inputs: str, method: str, tier: str, regime: str, fraction: float) -> Rows:
        return chosen(rows, inputs=inputs, method=method, tier=tier, regime=regime, fraction=fraction)

    return {
        f"learning_curves_{name}_{inputs}": Chart(
            title=f"{title}, {rows[0]['set']}, {inputs} inputs",
            label=f"{measure_.upper()} [K]",
            places=tuple(f"{100 * fraction:g} %" for fraction in fractions),
            at=tuple(fractions),
            across="fraction of the library columns in training",
            series=tuple(
                series(
                    plain(method_label(method, tier)),
                    fractions,
                    partial(of, inputs, method, tier, regime),
                    measure_,
                    style=style,
                    hollow=method == PLAIN,
                )
                for (method, tier), style in DRAWN.items()
                if chosen(rows, method=method, tier=tier)
            ),
        )
        for name, title, regime, measure_ in (
            ("all", "All samples", "all", "rmse"), ("humid", "Extreme humidity", "50+", "mae"),
        )
        for inputs in (EXACT, NOISY)
        if chosen(rows, regime=regime)
    }  # fmt: skip


_WORDS = """\
The networks and the refitted methods are trained with a random fraction of the library columns, a different draw for
each seed, and the same number of steps. Cells as in the comparison."""

SECTION = Section(name=NAME, title="Fewer training columns", jobs=_jobs, text=_text, charts=_charts)
