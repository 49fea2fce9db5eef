"""`lst-raster preview`."""

from __future__ import annotations

from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show


@click.command(
    "preview",
    cls=Command,
    examples="""
    lst-raster preview LC08_alabama_LST.tif
    # a page for a browser, which needs no network
    lst-raster preview LC08_alabama_LST.tif --html
""",
)
@click.argument("product")
@click.option("-o", "--output", metavar="FILE", help="File or folder. [default: NAME_preview.png beside PRODUCT]")
@click.option("--html", is_flag=True, help="A page for a browser, in one file: move, enlarge, read values.")
@click.option(
    "--units", type=click.Choice(["C", "K"], case_sensitive=False), default="C", show_default=True,
    help="Degrees Celsius or kelvin.",
)  # fmt: skip
@click.option("--width", type=int, metavar="N", help="Rows and columns at most. [default: 1000, with --html 1400]")
@options.overwrite
@options.as_json
def preview(product: str, as_json: bool, **values: Any) -> None:
    """Draw PRODUCT as a picture, or as a page for a browser.

    PRODUCT is the temperature of a product or of a composite, its folder or its STAC item, or another raster of surface
    temperature in kelvin. Clouds and their shadows are hatched, by the product's quality bits.
    """
    from lst_raster.cli.progress import hushed_libraries
    from lst_raster.product.preview.run import preview as run

    with hushed_libraries():
        path = run(product, **values)
    show({"preview": path}, [path], as_json)
