"""CSV, JSON and Markdown files of the error budget of a lake."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from examples.studies.lake.budget import GIVEN, LakeBudget
from examples.studies.lake.error_sources import ErrorSource
from examples.studies.lake.table import Agreement
from examples.studies.report import plain_json, write_texts


def write(budget: LakeBudget, folder: Path) -> list[Path]:
    """Write ``budget.csv`` (error sources), ``budget.json`` (all fields) and ``budget.md`` (tables).

    Raises `OutputError` if a file cannot be written.
    """
    texts = {"budget.csv": as_csv(budget), "budget.json": as_json(budget), "budget.md": as_markdown(budget)}
    return write_texts(folder, texts)


def as_csv(budget: LakeBudget) -> str:
    """Format the error sources as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["error_source", "effect_K", "uncertainty_K", "applied", "source"])
    for entry in budget.error_sources:
        effect, uncertainty = f"{entry.effect:.3f}", f"{entry.uncertainty:.3f}"
        writer.writerow([entry.name, effect, uncertainty, "yes" if entry.applied else "no", entry.source])
    return text.getvalue()


def as_json(budget: LakeBudget) -> str:
    """Format all fields as JSON, NaN as null."""
    return plain_json(_rounded(budget.as_dict()))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return round(value, 4) if isinstance(value, float) else value


def as_markdown(budget: LakeBudget) -> str:
    """Format the budget as Markdown tables."""
    default = budget.methods[GIVEN]
    within = "-" if budget.within is None else f"{budget.within:.0%}"
    lines = [
        f"# {budget.lake.name}, {budget.sensor}: error budget",
        "",
        f"{budget.compared} of {budget.total} overpasses; retrieved minus skin temperature [K].",
        "",
        "| method | overpasses | bias | SD | median | robust SD | outliers |",
        "|---|---|---|---|---|---|---|",
        *(_method_row(name, one) for name, one in budget.methods.items()),
        "",
        f"Stated uncertainty with {GIVEN} {budget.expected:.2f} K, {budget.expected_of_atmosphere:.2f} K of it due to "
        f"the atmosphere; {within} of the residuals are within it, combined with that of calibration and skin.",
        "",
        "| error source | effect [K] | uncertainty [K] | applied | source |",
        "|---|---|---|---|---|",
        *(_source_row(entry) for entry in budget.error_sources),
        "",
        f"Bias with {GIVEN} {default.bias:+.2f} K; known and not applied {budget.known:+.2f} K; uncertainty "
        f"{budget.uncertainty:.2f} K.",
        "",
        "| contribution to the standard deviation | [K] |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in budget.scatter.items()),
        "",
        "| residuals of | variable | slope [K per unit] | correlation |",
        "|---|---|---|---|",
        *(f"| {one.method} | {one.variable} | {one.slope:+.3f} | {one.correlation:+.2f} |" for one in budget.trends),
    ]
    return "\n".join(lines) + "\n"


def _source_row(entry: ErrorSource) -> str:
    applied = "yes" if entry.applied else ""
    return f"| {entry.name} | {entry.effect:+.2f} | {entry.uncertainty:.2f} | {applied} | {entry.source} |"


def _method_row(name: str, one: Agreement) -> str:
    spread = f"{one.sd:.2f} | {one.median:+.2f} | {one.robust_sd:.2f} | {one.outliers}"
    return f"| {name} | {one.count} | {one.bias:+.2f} | {spread} |"
