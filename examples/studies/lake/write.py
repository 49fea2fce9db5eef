"""The budget of a lake's bias as files: CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from examples.studies.lake.budget import LakeBudget
from examples.studies.lake.error_sources import Cause
from examples.studies.report import plain_json, write_texts


def write(budget: LakeBudget, folder: Path) -> list[Path]:
    """Write a budget.

    Parameters
    ----------
    budget : LakeBudget
        The budget.
    folder : Path
        Where to; it exists.

    Returns
    -------
    list of Path
        ``budget.csv`` (causes), ``budget.json`` (everything), ``budget.md`` (tables).

    Raises
    ------
    OutputError
        They cannot be written.
    """
    texts = {"budget.csv": as_csv(budget), "budget.json": as_json(budget), "budget.md": as_markdown(budget)}
    return write_texts(folder, texts)


def as_csv(budget: LakeBudget) -> str:
    """Causes, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cause", "effect_K", "uncertainty_K", "applied", "source"])
    for cause in budget.causes:
        effect, uncertainty = f"{cause.effect:.3f}", f"{cause.uncertainty:.3f}"
        writer.writerow([cause.name, effect, uncertainty, "yes" if cause.applied else "no", cause.source])
    return text.getvalue()


def as_json(budget: LakeBudget) -> str:
    """Everything; a figure that could not be found is null."""
    return plain_json(_rounded(budget.as_dict()))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return round(value, 4) if isinstance(value, float) else value


def as_markdown(budget: LakeBudget) -> str:
    """Budget as Markdown."""
    careful = list(budget.steps.values())[-1]
    lines = [
        f"# {budget.lake.name}, {budget.sensor}: error budget",
        "",
        f"{budget.compared} of {budget.total} overpasses; retrieved minus reference [K].",
        "",
        *_agreements("settings from default to best", budget),
        "",
        "| error source | effect [K] | uncertainty [K] | applied | source |",
        "|---|---|---|---|---|",
        *(_cause(cause) for cause in budget.causes),
        "",
        f"Bias with best settings {careful.bias:+.2f} K; known and not applied {budget.known:+.2f} K; uncertainty "
        f"{budget.uncertainty:.2f} K.",
        "",
        *_agreements("variant", budget),
        "",
        "| simulated air, change from the base | [K] |",
        "|---|---|",
        *(f"| {name} | {value:+.3f} |" for name, value in budget.simulated.items()),
        "",
        "| contribution to the standard deviation | [K] |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in budget.scatter.items()),
        "",
        "| residual of | against | slope [K per unit] | correlation |",
        "|---|---|---|---|",
        *(f"| {one.method} | {one.against} | {one.slope:+.3f} | {one.correlation:+.2f} |" for one in budget.trends),
    ]
    return "\n".join(lines) + "\n"


def _cause(cause: Cause) -> str:
    applied = "yes" if cause.applied else ""
    return f"| {cause.name} | {cause.effect:+.2f} | {cause.uncertainty:.2f} | {applied} | {cause.source} |"


def _agreements(title: str, budget: LakeBudget) -> list[str]:
    chosen = budget.variants if title == "variant" else budget.steps
    lines = [f"| {title} | overpasses | bias | SD | median | robust SD | outliers |", "|---|---|---|---|---|---|---|"]
    for name, one in chosen.items():
        spread = f"{one.sd:.2f} | {one.median:+.2f} | {one.robust_sd:.2f} | {one.outliers}"
        lines.append(f"| {name} | {one.count} | {one.bias:+.2f} | {spread} |")
    return lines
