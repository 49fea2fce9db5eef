"""`lst-raster example`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show

SCENE = "LC08_alabama_B10.tif"
_METADATA = "LC08_alabama_MTL.txt"


@click.command("example", cls=Command)
@click.option(
    "-o", "--output", default=".", show_default=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder to write into; created if missing.",
)  # fmt: skip
@options.overwrite
@options.as_json
def example(output: Path, overwrite: bool, as_json: bool) -> None:
    """Write the example scene, LC08_alabama_B10.tif, and its metadata.

    It is Landsat 8 band 10 over southern Alabama in January 2015, 400 x 603 pixels, CC0. It is part of the
    installation; no network is needed.

    Examples
    --------
    lst-raster example
    lst-raster example -o scenes
    """
    from lst_raster.atomic_write import atomic_write
    from lst_raster.errors import OutputError
    from lst_raster.resources import example_path

    targets = [output / name for name in (SCENE, _METADATA)]
    for target in targets:
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists; pass --overwrite to replace it, or -o DIR to write elsewhere")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {output}: {error.strerror or error}; choose another") from error
    for target in targets:
        with atomic_write(target) as temporary:
            shutil.copyfile(example_path() / target.name, temporary)
    show({"scene": targets[0], "files": targets}, targets[:1], as_json)
