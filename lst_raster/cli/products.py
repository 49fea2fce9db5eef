"""Commands on products and other rasters: `preview`, `check`, `compare` and `composite`."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import click

from lst_raster.cli import messages, options
from lst_raster.cli.command import Command, show
from lst_raster.cli.messages import progress_bar, silent_c_libraries

if TYPE_CHECKING:
    from lst_raster.validation.compare import Comparison

_STATISTICS = ("median", "mean", "weighted-mean", "minimum", "maximum", "deviation", "percentile", "count")


@click.command("preview", cls=Command)
@click.argument("product", shell_complete=options.files)
@click.option("-o", "--output", metavar="FILE", help="File or folder. [default: NAME_preview.png next to PRODUCT]")
@click.option("--html", is_flag=True, help="Write a self-contained HTML page with zoom and pixel values.")
@click.option("--units", type=click.Choice(["C", "K"], case_sensitive=False), default="C", show_default=True,
    help="Degrees Celsius or kelvin.")  # fmt: skip
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


@click.command("check", cls=Command)
@click.argument("product", shell_complete=options.files)
@click.option(
    "--ceos-ard", is_flag=True, help="List the status of all CEOS-ARD Surface Temperature requirements (6.0 draft)."
)
@options.as_json
def check(product: str, ceos_ard: bool, as_json: bool) -> int:
    """Check PRODUCT: its files, checksums, layout, metadata and pixels.

    PRODUCT is the temperature, SCENE_LST.tif, or its STAC item, SCENE_LST.json. The output has one line for each check,
    and the exit code is 1 if one of them failed. With --ceos-ard it has one entry for each requirement instead, and the
    exit code is 0, since some requirements do not depend on the product.

    Examples
    --------
    lst-raster check LC08_alabama_LST.tif
    lst-raster check LC08_alabama_LST.tif --ceos-ard
    """
    from lst_raster.product.ceos_ard import assess, report_lines
    from lst_raster.product.check import check_product

    if ceos_ard:
        points = assess(product)
        show([asdict(point) for point in points], report_lines(points), as_json)
        return 0
    findings = check_product(product)
    text = (f"{finding.outcome:8}{finding.name:12}{finding.text}" for finding in findings)
    show([asdict(finding) for finding in findings], map(messages.coloured, text), as_json)
    return int(any(finding.outcome == "failed" for finding in findings))


@click.command("compare", cls=Command)
@click.argument("a", shell_complete=options.files)
@click.argument("b", shell_complete=options.files)
@click.option("--mask", metavar="QA", shell_complete=options.files,
    help="Quality band for masking clouds, shadows and fill: QA_PIXEL, BQA or *_LST_QA.tif.")  # fmt: skip
@click.option("--align", is_flag=True, help="Warp B and the quality band onto the grid of A.")
@click.option("-o", "--output", metavar="DIR", help="Folder for a map and a histogram (PNG). [default: none]")
@options.overwrite
@options.quiet
@options.as_json
def compare(a: str, b: str, quiet: bool, as_json: bool, **values: Any) -> None:
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
        found = compare_rasters(a, b, progress=progress, **values)
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


@click.command(
    "composite", cls=Command,
    sections={
        "Statistics": ("statistic", "percentile", "min_count"),
        "Dates and pixels":
            ("first_date", "last_date", "months", "exclude", "keep", "max_uncertainty", "skip_unreadable"),
        "Grid": ("grid", "align", "crs", "resolution"),
        "Output": ("output", "dtype", "precision", "compress", "overwrite"),
    },
)  # fmt: skip
@click.argument("products", nargs=-1, required=True, shell_complete=options.files)
@options.output
@click.option("--statistic", multiple=True, metavar="NAME",
    help=f"{', '.join(_STATISTICS)}. Repeatable. [default: median]")  # fmt: skip
@click.option("--percentile", type=float, multiple=True, metavar="Q", help="Percentile, 0 to 100. Repeatable.")
@options.selection
@click.option("--min-count", type=int, default=1, show_default=True, metavar="N", help="Minimum number of dates.")
@click.option("--grid", default="union", show_default=True, metavar="EXTENT",
    help="union or intersection of the products, or a raster that defines the grid.")  # fmt: skip
@click.option("--align", is_flag=True, help="Warp products whose pixels are not aligned.")
@click.option("--crs", metavar="CRS", help="Coordinate reference system to warp to, such as EPSG:32616.")
@click.option("--resolution", type=float, metavar="SIDE", help="Pixel size to warp to, in units of the CRS.")
@options.raster_form
@options.threads
@options.overwrite
@options.quiet
@options.as_json
def composite(products: tuple[str, ...], months: str, quiet: bool, as_json: bool, **values: Any) -> None:
    r"""Compute statistics over time for every pixel of PRODUCTS, such as a seasonal map.

    PRODUCTS are *_LST.tif files, folders of them, patterns, or https and s3 addresses. OUT is the raster of the first
    statistic, which ends in .tif, or a folder. The number of dates, *_COUNT.tif, is written as well, and for a mean
    also the uncertainty.

    Examples
    --------
    lst-raster composite archive -o median.tif
    # the mean and the 90th percentile of winter, without water
    lst-raster composite archive -o winter.tif --months 12-2 --exclude water \
      --statistic mean --percentile 90
    """
    from lst_raster.compositing.composite import composite as run

    with silent_c_libraries(), progress_bar("Compositing", quiet=quiet) as progress:
        made = run(products, months=months or (), progress=progress, **values)
    found = {field.name: getattr(made, field.name) for field in fields(made) if field.name != "path"}
    show(found, made.rasters.values(), as_json)
