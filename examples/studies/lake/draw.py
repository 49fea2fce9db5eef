"""The budget of a lake's bias as pictures; needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from examples.studies.lake.budget import LakeBudget
from examples.studies.lake.error_sources import CAREFUL, TODAY
from examples.studies.lake.retrieval import residuals
from examples.studies.lake.table import Float, LakeTable
from lst_raster.atomic_write import atomic_write
from lst_raster.resources import require

_APPLIED, _KNOWN, _USGS = "#2b6ca3", "#c0702a", "#777777"


def draw(budget: LakeBudget, table: LakeTable, folder: Path) -> list[Path]:
    """Draw a budget: its causes, and the residuals through the year and against the contrast of water and air.

    Parameters
    ----------
    budget : LakeBudget
        The budget.
    table : LakeTable
        The match-ups that it was made of.
    folder : Path
        Where to; it exists.

    Returns
    -------
    list of Path
        ``causes.png``, ``residuals.png``.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    OutputError
        They cannot be written.
    """
    figure = require("matplotlib.figure", "plot").Figure
    return [
        _save(_causes(figure(figsize=(8.0, 6.0), layout="constrained"), budget), folder / "causes.png"),
        _save(_residuals(figure(figsize=(9.0, 4.0), layout="constrained"), table), folder / "residuals.png"),
    ]


def _save(figure: Any, path: Path) -> Path:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
    return path


def _causes(figure: Any, budget: LakeBudget) -> Any:
    axes = figure.subplots()
    places = -np.arange(len(budget.causes))
    for place, cause in zip(places, budget.causes, strict=True):
        colour = _APPLIED if cause.applied else _KNOWN
        axes.errorbar(cause.effect, place, xerr=cause.uncertainty, fmt="o", color=colour, capsize=3)
    axes.set_yticks(places, [cause.name for cause in budget.causes])
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel("effect on the bias, with its standard uncertainty [K]")
    steps = list(budget.steps.values())
    careful = f"{steps[-1].bias:+.2f} +- {budget.uncertainty:.2f} K with careful settings"
    axes.set_title(f"{budget.lake.name}: bias {steps[0].bias:+.2f} K today, {careful}", fontsize=10)
    for colour, text in ((_APPLIED, "applied"), (_KNOWN, "known or bounded, not applied")):
        axes.plot([], [], "o", color=colour, label=text)
    axes.legend(loc="upper left", fontsize=8)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _residuals(figure: Any, table: LakeTable) -> Any:
    left, right = figure.subplots(1, 2, sharey=True)
    errors: dict[str, tuple[Float, str, str]] = {
        "today": (residuals(table, TODAY), "x", _KNOWN),
        "careful": (residuals(table, CAREFUL), "o", _APPLIED),
        "USGS Collection 2": (table.usgs_temperature - table.ground_temperature, "+", _USGS),
    }
    against = ((left, table.day_of_year, "day of the year"), (right, _contrast(table), "buoy less air [K]"))
    for axes, values, label in against:
        for name, (error, mark, colour) in errors.items():
            axes.plot(values, error, mark, color=colour, markersize=4.5, label=name, fillstyle="none")
        axes.axhline(0.0, color="black", linewidth=0.8)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    left.set_ylabel("retrieved less reference [K]")
    left.legend(fontsize=8)
    return figure


def _contrast(table: LakeTable) -> Float:
    return table.ground_temperature - table.measured_air
