"""`lst-raster composite`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import progress_bar, silent_c_libraries

_STATISTICS = ("median", "mean", "weighted-mean", "minimum", "maximum", "deviation", "percentile", "count")


@click.command(
    "composite", cls=Command,
    sections={
        "Statistics": ("statistic", "percentile", "min_count"),
        "Dates and pixels": (
            "first_date", "last_date", "months", "exclude", "keep", "max_uncertainty", "skip_unreadable",
        ),
        "Grid": ("grid", "align", "crs", "resolution"),
        "Output": ("output", "dtype", "compress", "overwrite"),
    },
)  # fmt: skip
@click.argument("products", nargs=-1, required=True, shell_complete=options.files)
@options.output
@click.option(
    "--statistic", multiple=True, metavar="NAME", help=f"{', '.join(_STATISTICS)}. Repeatable. [default: median]"
)
@click.option("--percentile", type=float, multiple=True, metavar="Q", help="Percentile, 0 to 100. Repeatable.")
@click.option("--from", "first_date", metavar="DATE", help="First day: 2015-06-01, 2015-06 or 2015.")
@click.option("--to", "last_date", metavar="DATE", help="Last day, in the same form.")
@click.option("--months", default="", metavar="LIST", help="Months of the year: 6,7,8 or 6-8 or 12-2.")
@click.option("--exclude", multiple=True, metavar="FLAG", help="Omit pixels: water, cloud_distance=near, ...")
@click.option("--keep", multiple=True, metavar="FLAG", help="Use such pixels only: emissivity_source=ndvi, ...")
@click.option("--max-uncertainty", type=float, metavar="K", help="Omit pixels of a higher uncertainty.")
@click.option("--min-count", type=int, default=1, show_default=True, metavar="N", help="Minimum number of dates.")
@click.option(
    "--grid", default="union", show_default=True, metavar="EXTENT",
    help="union or intersection of the products, or a raster that defines the grid.",
)  # fmt: skip
@click.option("--align", is_flag=True, help="Warp products whose pixels are not aligned.")
@click.option("--crs", metavar="CRS", help="Coordinate reference system to warp to, such as EPSG:32616.")
@click.option("--resolution", type=float, metavar="SIDE", help="Pixel size to warp to, in units of the CRS.")
@options.raster_form
@click.option("--skip-unreadable", is_flag=True, help="Skip unreadable products, with a warning.")
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
