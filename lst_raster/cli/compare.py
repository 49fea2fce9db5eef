"""`lst-raster compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lst_raster.cli import messages, options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import progress_bar, silent_c_libraries

if TYPE_CHECKING:
    from lst_raster.validation.compare import Comparison


@click.command("compare", cls=Command)
@click.argument("a", shell_complete=options.files)
@click.argument("b", shell_complete=options.files)
@click.option(
    "--mask", metavar="QA", shell_complete=options.files,
    help="Quality band for masking clouds, shadows and fill: QA_PIXEL, BQA or *_LST_QA.tif.",
)  # fmt: skip
@click.option("--align", is_flag=True, help="Warp B and the quality band onto the grid of A.")
@click.option("-o", "--output", metavar="DIR", help="Folder for a map and a histogram (PNG). [default: none]")
@options.overwrite
@options.quiet
@options.as_json
def compare(
    a: str, b: str, mask: str | None, align: bool, output: str | None, overwrite: bool, quiet: bool, as_json: bool
) -> None:
    r"""Compare two rasters of surface temperature, A minus B, such as a product and a USGS ST_B10.

    Examples
    --------
    lst-raster compare LC08_alabama_LST.tif known.tif
    # with the USGS product, without clouds, and with figures
    lst-raster compare SCENE_LST.tif SCENE_ST_B10.TIF \
      --mask SCENE_QA_PIXEL.TIF --align -o .
    """
    from lst_raster.validation.compare import compare_rasters

    with silent_c_libraries(), progress_bar("Comparing", quiet=quiet) as progress:
        found = compare_rasters(a, b, mask=mask, align=align, output=output, overwrite=overwrite, progress=progress)
    for note in found.notes:
        messages.note(note)
    show(found.as_dict(), _table(found), as_json)


def _table(found: Comparison) -> list[str]:
    pixels, difference = found.pixels, found.difference
    masked = f"; {pixels.masked} masked by {found.mask}" if found.mask else ""
    rows = {
        "bias": difference.bias, "median": difference.median, "RMSE": difference.rmse, "SD": difference.sd,
        "robust SD": difference.robust_sd, "minimum": difference.minimum,
        **{f"percentile {number}": value for number, value in difference.percentiles.items()},
        "maximum": difference.maximum,
    }  # fmt: skip
    return [
        f"{found.a} minus {found.b} [K]",
        f"{difference.count} of {pixels.pixels} pixels compared; {pixels.a} and {pixels.b} have a value{masked}",
        "",
        *(f"{name:<14}{value:10.3f}" for name, value in rows.items()),
        f"{'correlation':<14}{difference.correlation:10.4f}",
        *([""] if found.pictures else []),
        *map(str, found.pictures),
    ]
