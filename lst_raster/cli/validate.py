"""The `validate` command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lst_raster.cli import messages, options
from lst_raster.cli.command import Command, show

if TYPE_CHECKING:
    from lst_raster.physics.error_metrics import Agreement
    from lst_raster.validation.matchups import Matchups
    from lst_raster.validation.validate import Group, Validation


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


_ROWS = (
    click.option(
        "--sensor",
        default="",
        metavar="NAME",
        shell_complete=options.sensors,
        help="Sensor band of rows that name none.",
    ),
    click.option("--emissivity", type=float, metavar="VALUE", help="Emissivity of rows that have none."),
    click.option("--elevation", type=float, metavar="METRES", help="Height above the sea of rows without pressure."),
    click.option("--column", multiple=True, metavar="NAME=HEADER", help="Name of a column in your table. Repeatable."),
    click.option("--utc", is_flag=True, help="Times without a zone are UTC."),
    click.option("--surfrad", type=click.Path(path_type=Path), metavar="DIR", help="Daily files of SURFRAD stations."),
    click.option("--broadband-emissivity", type=float, metavar="VALUE", help="For the longwave radiation of stations."),
)
_HOW = (
    click.option("--tier", type=click.Choice(["column", "surface"]), help="[default: the best for what a row has]"),
    click.option("--model", multiple=True, metavar="MODEL", shell_complete=options.models,
        help="Name or path, for its sensor band. Repeatable."),
    click.option(
        "--air", type=click.Choice(["reanalysis", "given", "standard atmosphere"]), default="reanalysis",
        show_default=True, help="Where the air is from, for its uncertainty; given: a sounding or a station.",
    ),
    click.option("--without", multiple=True, metavar="METHOD", help="Leave a method out. Repeatable."),
)  # fmt: skip


def _with(command: Any) -> Any:
    for option in reversed((*_ROWS, *_HOW)):
        command = option(command)
    return command


@click.command(
    "validate",
    cls=Command,
    examples="""
    lst-raster validate matchups.csv
    lst-raster validate matchups.csv --emissivity 0.99 --elevation 333 \\
      -o .
""",
    sections={
        "Rows of the table": (
            "sensor", "emissivity", "elevation", "column", "utc", "surfrad", "broadband_emissivity",
        ),
        "Methods": ("model", "tier", "air", "without"),
    },
)  # fmt: skip
@click.argument("matchups", metavar="MATCHUPS.csv", type=click.Path(path_type=Path))
@_with
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for rows.csv, statistics.json and scatter.png.",
)
@options.overwrite
@options.as_json
def validate(matchups: Path, output: Path | None, overwrite: bool, as_json: bool, **values: Any) -> None:
    """Compare retrievals with temperatures on the ground: MATCHUPS.csv, one overpass a row.

    Columns: sensor, site, time, brightness_temperature_K or radiance_W_m2_sr_um, emissivity, water_vapour_kg_m2,
    air_temperature_K, surface_pressure_hPa or elevation_m, insitu_lst_K, insitu_lst_uncertainty_K, excluded,
    usgs_lst_K, other_NAME_K. docs/validate.md describes them.
    """
    from lst_raster.inference.model import Model
    from lst_raster.validation.validate import validate as run
    from lst_raster.validation.validation_files import check_targets, write_validation

    if output is not None:
        check_targets(output, overwrite=overwrite)
    table = _read(matchups, values)
    models = [Model.load(model) for model in values["model"]]
    found, rows = run(table, models=models, tier=values["tier"], air=values["air"], without=values["without"])
    written = write_validation(found, table, rows, output) if output is not None else ()
    for note in found.notes:
        messages.note(note)
    files = {"files": written} if written else {}
    show({**found.as_dict(), **files}, [report(found), *(["", *written] if written else [])], as_json)


def _read(path: Path, values: dict[str, Any]) -> Matchups:
    """Read the table, and what it lacks from the stations."""
    from lst_raster.validation.matchups import read_matchups
    from lst_raster.validation.surfrad import Stations, fill_from_stations

    defaults = {name: values[name] for name in ("emissivity", "elevation", "broadband_emissivity")}
    table = read_matchups(
        path,
        columns=dict(_pair(text) for text in values["column"]),
        defaults={name: value for name, value in defaults.items() if value is not None},
        sensor=values["sensor"],
        utc=values["utc"],
    )
    return fill_from_stations(table, Stations(values["surfrad"])) if values["surfrad"] else table


def _pair(text: str) -> tuple[str, str]:
    name, sign, header = (part.strip() for part in text.partition("="))
    if not (name and sign and header):
        raise click.UsageError(f"--column {text}: write NAME=HEADER, such as insitu_lst_K=station_temperature")
    return name, header
