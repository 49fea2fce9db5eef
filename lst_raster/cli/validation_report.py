"""A validation as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lst_raster.evaluation.agreement import Agreement
    from lst_raster.evaluation.ground_truth.validate import Group, Validation

_FIGURES = {"bias": "bias", "SD": "sd", "RMSE": "rmse", "median": "median", "robust SD": "robust_sd"}
_FEW = 3  # models that a line names


def report(found: Validation) -> str:
    """Lines that a validation is shown as."""
    few = ", ".join(f"{name} ({count})" for name, count in found.models.items())
    models = few if len(found.models) <= _FEW else f"{len(found.models)} models"
    out = "; ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    lines = [
        f"{found.table}: {found.compared} of {found.total} rows compared, by {models}",
        *([f"not compared: {out}"] if out else []),
        "retrieved less in-situ temperature [K]",
        *_methods(found),
    ]
    for title, members in found.groups.items():
        if title == "all" or len(members) > 1:
            lines += ["", *_groups(title, members)]
    return "\n".join(lines)


def _methods(found: Validation) -> list[str]:
    width = max(len(name) for name in found.methods) + 2
    few = ", ".join(f"{name} has {count}" for name, count in found.available.items() if count < found.compared)
    return [
        f"on the {found.common} rows that all methods have" + (f" (of {found.compared}; {few})" if few else ""),
        _titles(width),
        *(f"{name:<{width}}{_figures(agreement)}" for name, agreement in found.methods.items()),
    ]


def _groups(title: str, members: Mapping[str, Group]) -> list[str]:
    width = max(len(name) for name in (*members, "water vapour [kg m-2]")) + 2
    shown = {"all": "all compared rows", "water vapour": "water vapour [kg m-2]"}.get(title, title)
    return [
        f"{_titles(width, shown)}{'expected':>11}{'within [%]':>12}",
        *(f"{name:<{width}}{_figures(group.agreement)}{_sure(group)}" for name, group in members.items()),
    ]


def _titles(width: int, first: str = "") -> str:
    return f"{first:<{width}}{'rows':>6}" + "".join(f"{title:>11}" for title in _FIGURES) + f"{'outliers':>11}"


def _figures(found: Agreement) -> str:
    values = (getattr(found, name) for name in _FIGURES.values())
    return f"{found.count:6d}" + "".join(f"{_plain(value):>11}" for value in values) + f"{found.outliers:11d}"


def _sure(group: Group) -> str:
    share = "-" if group.coverage is None else f"{100.0 * group.coverage:.0f}"
    return f"{_plain(group.expected):>11}{share:>12}"


def _plain(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"
