"""``lst-raster matchups``: compare a model with temperatures measured on the ground."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lst_raster.evaluation.matchups import MatchupReport


@click.command()
@click.argument("model")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--elevation", required=True, type=float, help="Height of the place above sea level [m].")
@click.option("--emissivity", default=0.99, show_default=True, type=float, help="Emissivity; by default water's.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of a table.")
def matchups(model: str, table: Path, elevation: float, emissivity: float, as_json: bool) -> None:
    """Compare MODEL (of tier column) with temperatures on the ground: TABLE, comma-separated values."""
    from lst_raster.evaluation.matchups import compare, read_matchups
    from lst_raster.inference.model import Model

    report = compare(Model.load(model), read_matchups(table), elevation=elevation, emissivity=emissivity)
    click.echo(json.dumps(report.as_dict(), indent=2) if as_json else _table(report))


def _table(report: MatchupReport) -> str:
    columns = ("bias", "sd", "rmse", "median", "robust_sd")
    width = max(len(name) for name in report.methods) + 2
    lines = [
        f"{report.model}: {report.compared} of {report.total} match-ups compared; retrieved less ground [K]",
        "",
        " " * width + "".join(f"{name.replace('_', ' '):>11}" for name in columns) + f"{'outliers':>11}",
    ]
    for name, found in report.methods.items():
        figures = "".join(f"{getattr(found, column):11.2f}" for column in columns)
        lines.append(f"{name:<{width}}{figures}{found.outliers:11d}")
    return "\n".join(lines)
