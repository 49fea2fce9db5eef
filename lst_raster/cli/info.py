"""``lst-raster info``: what a scene, a model or a product is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.configuration import files


@click.command(
    "info",
    cls=Command,
    examples="""
    lst-raster info LC08_alabama_B10.tif
    lst-raster info landsat8-b10/surface
    lst-raster info LC08_alabama_LST.tif --json
""",
)
@click.argument("thing", metavar="SCENE|MODEL|PRODUCT", shell_complete=options.things)
@options.band
@options.date
@options.sensor
@options.quantity
@options.level_2
@options.as_json
def info(
    thing: str, band: str | None, date: str | None, sensor: str | None, quantity: str | None, level_2: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell what SCENE, MODEL or PRODUCT is, what it has, and what retrieve would use of it and why.

    SCENE is anything that retrieve takes, MODEL the name of a shipped model or a path, PRODUCT what retrieve made.
    """
    from lst_raster.retrieval.describe import describe

    found = describe(thing, band=band, sensor=sensor, date=date, level_2=level_2, quantity=quantity)
    used = [str(path) for path in files()]
    show({**found, **({"configuration": used} if used else {})}, [*_lines(found), *_configuration(used)], as_json)


def _configuration(used: list[str]) -> list[str]:
    return [f"configuration: {'; '.join(used)}"] if used else []


def _lines(found: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in found.items():
        title = f"{indent}{name.replace('_', ' ')}:"
        if isinstance(value, dict):
            yield title
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list):
            yield f"{title} {'; '.join(value) or 'none'}"
        else:
            yield f"{title} {'none' if value is None else value}"
