"""Charts of values with error bars, as PNG; the only module of the benchmark that imports matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lst_raster.atomic_write import atomic_write
from lst_raster.resources import require

# M. Okabe, K. Ito, Color Universal Design (2008): distinguishable with colour vision deficiency; dark colours first.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_WIDTH, _DPI = 9.0, 100  # [inch], [pixel per inch]


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Values of one method."""

    name: str
    """Label in the legend."""
    values: tuple[float, ...]
    """One value per category of the chart; NaN where missing."""
    spread: tuple[float, ...] = ()
    """Half length of the error bars; empty for none."""
    style: int | None = None
    """Index of colour and marker, 0 to 7; by default the number of the series."""
    hollow: bool = False
    """Whether markers are open, to distinguish two series of one style."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Contents of a chart: curves over a logarithmic axis if `at` is set, otherwise one row of markers per category."""

    title: str
    label: str
    """Quantity and unit of the values."""
    places: tuple[str, ...]
    """Names of the categories: rows from top to bottom, or tick labels."""
    series: tuple[Series, ...]
    """At most eight series."""
    at: tuple[float, ...] = ()
    """Positions of the categories on the horizontal axis, positive."""
    across: str = ""
    """Label of that axis."""
    from_zero: bool = True
    """Whether the value axis starts at zero, unless a value is negative."""


def save_chart(chart: Chart, target: Path) -> None:
    """Draw a chart and write it atomically as PNG.

    Raises `MissingExtraError` without matplotlib, `OutputError` if the file cannot be written.
    """
    figure = _curves(chart) if chart.at else _dots(chart)
    with atomic_write(target) as path:
        figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})


def _figure(chart: Chart, height: float) -> tuple[Any, Any]:
    figure = require("matplotlib.figure", "plot").Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle(chart.title, x=0.01, ha="left", fontsize=12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _dots(chart: Chart) -> Any:
    """Draw one row per category, with vertically offset markers for the series."""
    step = 0.8 / len(chart.series)
    row = max(0.35, 0.1 * len(chart.series))  # inches
    figure, axes = _figure(chart, 1.3 + 0.13 * len(chart.series) + row * len(chart.places))
    for number, series in enumerate(chart.series):
        rows = [place - 0.4 + (number + 0.5) * step for place in range(len(chart.places))]
        marker, style = _style(series, number)
        axes.errorbar(series.values, rows, xerr=_bars(series), fmt=marker, **style)
    axes.set_yticks(range(len(chart.places)), chart.places)
    axes.set_ylim(len(chart.places) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    for place in range(1, len(chart.places)):
        axes.axhline(place - 0.5, color="#dddddd", linewidth=0.8)
    if chart.from_zero and all(
        value >= 0.0 for series in chart.series for value in series.values if math.isfinite(value)
    ):
        axes.set_xlim(left=0.0)
    axes.set_xlabel(chart.label)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    return figure


def _curves(chart: Chart) -> Any:
    figure, axes = _figure(chart, 5.0 + 0.12 * len(chart.series))
    for number, series in enumerate(chart.series):
        marker, style = _style(series, number)
        axes.errorbar(chart.at, series.values, yerr=_bars(series), fmt=f"-{marker}", **style)
    axes.set_xscale("log")
    axes.set_xticks(chart.at, chart.places)
    axes.minorticks_off()
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(chart.across)
    axes.set_ylabel(chart.label)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    return figure


def _style(series: Series, number: int) -> tuple[str, dict[str, Any]]:
    """Marker and matplotlib properties of a series."""
    chosen = number if series.style is None else series.style
    colour = COLOURS[chosen]
    inside = "white" if series.hollow else colour
    return MARKERS[chosen], {
        "color": colour, "markerfacecolor": inside, "markersize": 6, "linewidth": 1.4, "capsize": 2,
        "label": series.name,
    }  # fmt: skip


def _bars(series: Series) -> Sequence[float] | None:
    return series.spread or None
