"""``lst-raster validate``: retrievals beside temperatures measured on the ground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lst_raster.cli import completing, messages, options
from lst_raster.cli.helping import Command
from lst_raster.cli.results import show
from lst_raster.cli.validation_report import report

if TYPE_CHECKING:
    from lst_raster.evaluation.ground_truth.matchups import Matchups

_ROWS = (
    click.option(
        "--sensor",
        default="",
        metavar="NAME",
        shell_complete=completing.sensors,
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
    click.option("--model", multiple=True, metavar="MODEL", shell_complete=completing.models,
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
    from lst_raster.evaluation.ground_truth.files import check_targets, write_validation
    from lst_raster.evaluation.ground_truth.validate import validate as run
    from lst_raster.inference.model import Model

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
    from lst_raster.evaluation.ground_truth.matchups import read_matchups
    from lst_raster.evaluation.ground_truth.stations import fill_from_stations
    from lst_raster.evaluation.ground_truth.surfrad import Stations

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
