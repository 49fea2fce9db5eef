"""`lst-raster info`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.config import files


@click.command("info", cls=Command)
@click.argument("thing", metavar="SCENE|MODEL|PRODUCT", shell_complete=options.files_or_models)
@options.band
@options.date
@options.sensor
@options.quantity
@options.level_2
@options.as_json
def info(thing: str, as_json: bool, **values: Any) -> None:
    """Describe SCENE, MODEL or PRODUCT; for a scene, also the inputs that retrieve would use, and why.

    SCENE is as for retrieve, MODEL the name of a shipped model or a path, PRODUCT the output of retrieve.

    Examples
    --------
    lst-raster info LC08_alabama_B10.tif
    lst-raster info landsat8-b10/surface
    lst-raster info LC08_alabama_LST.tif --json
    """
    from lst_raster.retrieval.describe import describe

    found = describe(thing, **values)
    used = [str(path) for path in files()]
    if used:
        found = {**found, "configuration": used}
    show(found, _lines(found), as_json)


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
