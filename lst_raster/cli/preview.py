"""`lst-raster preview`."""

from __future__ import annotations

from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import silent_c_libraries


@click.command("preview", cls=Command)
@click.argument("product", shell_complete=options.files)
@click.option("-o", "--output", metavar="FILE", help="File or folder. [default: NAME_preview.png next to PRODUCT]")
@click.option("--html", is_flag=True, help="Write a self-contained HTML page with zoom and pixel values.")
@click.option(
    "--units", type=click.Choice(["C", "K"], case_sensitive=False), default="C", show_default=True,
    help="Degrees Celsius or kelvin.",
)  # fmt: skip
@click.option("--width", type=int, metavar="N", help="Maximum of rows and columns. [default: 1000, with --html 1400]")
@options.overwrite
@options.as_json
def preview(product: str, as_json: bool, **values: Any) -> None:
    """Draw PRODUCT as a picture, or as an HTML page.

    PRODUCT is the temperature of a product or of a composite, its folder or its STAC item, or another raster of surface
    temperature in kelvin. Clouds and their shadows are hatched, according to the quality band of the product.

    Examples
    --------
    lst-raster preview LC08_alabama_LST.tif
    # a page for a browser, which needs no network
    lst-raster preview LC08_alabama_LST.tif --html
    """
    from lst_raster.product.preview.run import preview as run

    with silent_c_libraries():
        path = run(product, **values)
    show({"preview": path}, [path], as_json)
