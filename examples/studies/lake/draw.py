"""Figures of the error budget of a lake; needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from examples.studies.lake.budget import GIVEN, USGS, LakeBudget
from examples.studies.lake.error_sources import DEFAULT
from examples.studies.lake.retrieval import residuals
from examples.studies.lake.table import Float, LakeTable
from lst_raster.atomic_write import atomic_write
from lst_raster.resources import require

_APPLIED, _KNOWN, _GREY = "#2b6ca3", "#c0702a", "#777777"


def draw(budget: LakeBudget, table: LakeTable, folder: Path) -> list[Path]:
    """Draw the error sources, and the residuals against day of the year and water-air temperature difference.

    Writes ``error_sources.png`` and ``residuals.png`` into an existing folder. Raises `MissingExtraError` without
    matplotlib, `OutputError` if a file cannot be written.
    """
    figure = require("matplotlib.figure", "plot").Figure
    return [
        _save(_draw_sources(figure(figsize=(8.0, 6.0), layout="constrained"), budget), folder / "error_sources.png"),
        _save(_draw_residuals(figure(figsize=(9.0, 4.0), layout="constrained"), table), folder / "residuals.png"),
    ]


def _save(figure: Any, path: Path) -> Path:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
    return path


def _draw_sources(figure: Any, budget: LakeBudget) -> Any:
    axes = figure.subplots()
    places = -np.arange(len(budget.error_sources))
    for place, entry in zip(places, budget.error_sources, strict=True):
        colour = _APPLIED if entry.applied else _KNOWN
        axes.errorbar(entry.effect, place, xerr=entry.uncertainty, fmt="o", color=colour, capsize=3)
    axes.set_yticks(places, [entry.name for entry in budget.error_sources])
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("effect on the bias, with its standard uncertainty [K]")
    bias = f"{budget.methods[GIVEN].bias:+.2f} +- {budget.uncertainty:.2f} K"
    figure.suptitle(f"{budget.lake.name}, {GIVEN}: bias {bias}", fontsize=10)
    for colour, text in ((_APPLIED, "applied"), (_KNOWN, "known or bounded, not applied")):
        axes.plot([], [], "o", color=colour, label=text)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _draw_residuals(figure: Any, table: LakeTable) -> Any:
    left, right = figure.subplots(1, 2, sharey=True)
    errors: dict[str, tuple[Float, str, str]] = {
        f"lst-raster, {GIVEN}": (residuals(table, DEFAULT), "o", _APPLIED),
        USGS: (table.usgs_temperature - table.ground_temperature + DEFAULT.skin, "+", _GREY),
    }
    contrast = table.ground_temperature - table.measured_air
    panels = ((left, table.day_of_year, "day of the year"), (right, contrast, "buoy minus air temperature [K]"))
    for axes, values, label in panels:
        for name, (error, mark, colour) in errors.items():
            axes.plot(values, error, mark, color=colour, markersize=4.5, label=name, fillstyle="none")
        axes.axhline(0.0, color="black", linewidth=0.8)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    left.set_ylabel("retrieved minus skin temperature [K]")
    left.legend(fontsize=8)
    return figure
