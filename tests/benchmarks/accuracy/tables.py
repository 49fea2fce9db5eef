"""Means and standard deviations over seeds, Markdown tables and chart series, from rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lst_raster.profiles.simulated_set import HUMID
from tests.benchmarks.accuracy.charts import Series
from tests.benchmarks.accuracy.measure import Row, Rows

ABSENT = "-"


def chosen(rows: Iterable[Row], **facts: Any) -> Rows:
    """Select the rows with the given values."""
    return [row for row in rows if all(row.get(name) == value for name, value in facts.items())]


def distinct(rows: Iterable[Row], *names: str) -> list[Any]:
    """Distinct values of columns, in order of appearance; tuples for several names."""
    found = [tuple(row[name] for name in names) for row in rows]
    unique = list(dict.fromkeys(found))
    return [values[0] for values in unique] if len(names) == 1 else unique


def mean_spread(rows: Rows, measure: str) -> tuple[float, float]:
    """Mean of a measure over rows (seeds), and its standard deviation, NaN for fewer than two."""
    values = np.array([row[measure] for row in rows], float)
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan, math.nan
    return float(values.mean()), float(values.std(ddof=1)) if values.size > 1 else math.nan


def number(rows: Rows, measure: str, *, signed: bool = False, digits: int = 2, spread: bool = False) -> str:
    """Format the mean of a measure over seeds, optionally with its standard deviation."""
    mean, deviation = mean_spread(rows, measure)
    if not math.isfinite(mean):
        return ABSENT
    text = f"{mean:+.{digits}f}" if signed else f"{mean:.{digits}f}"
    return f"{text} ± {deviation:.{digits}f}" if spread and math.isfinite(deviation) else text


def all_and_humid(rows: Rows, *, spread: bool = True) -> str:
    """Format the RMSE over all samples and the MAE in extreme humidity."""
    if not rows:
        return ABSENT
    return f"{number(chosen(rows, regime='all'), 'rmse', spread=spread)} / {number(chosen(rows, regime=HUMID), 'mae')}"


def percent(rows: Rows, measure: str) -> str:
    """Format the mean of a fraction as a percentage."""
    mean, _ = mean_spread(rows, measure)
    return f"{100.0 * mean:.0f}" if math.isfinite(mean) else ABSENT


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table.

    Examples
    --------
    >>> print(markdown(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("|" + "|".join(row) + "|" if row[0] == "---" else "| " + " | ".join(row) + " |" for row in rows)


def series(
    name: str,
    places: Iterable[Any],
    of: Callable[[Any], Rows],
    measure: str = "rmse",
    *,
    style: int | None = None,
    hollow: bool = False,
) -> Series:
    """Create a chart series; `of` returns the rows (seeds) of each place."""
    pairs = [mean_spread(of(place), measure) for place in places]
    spread = tuple(0.0 if math.isnan(deviation) else deviation for _, deviation in pairs)
    return Series(
        name=name,
        values=tuple(mean for mean, _ in pairs),
        spread=spread if any(spread) else (),
        style=style,
        hollow=hollow,
    )


def method_label(method: str, tier: str) -> str:
    """Label of a method with its tier."""
    return f"{method}, `{tier}`" if tier else method


def by_condition(rows: Rows, title: str, label: Callable[[str, str], str] = method_label) -> str:
    """Table of a test set: errors of each method and tier for each condition of the inputs."""
    mine = chosen(rows, set=title)
    names = distinct(mine, "inputs")
    lines = [
        [
            label(method, tier),
            *(all_and_humid(chosen(mine, method=method, tier=tier, inputs=name)) for name in names),
        ]
        for method, tier in distinct(mine, "method", "tier")
    ]
    return markdown([f"{title}: RMSE / MAE above 50 kg m-2 [K]", *names], lines)


def plain(name: str) -> str:
    """Remove Markdown quotes, for a legend."""
    return name.replace("`", "")
