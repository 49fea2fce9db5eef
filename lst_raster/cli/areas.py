"""Commands on products over areas and points: `zones` and `series`."""

from __future__ import annotations

from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.messages import progress_bar, silent_c_libraries
from lst_raster.resources import quick_imports

_SECTIONS = {
    "Points and zones": ("points", "zones", "identifier", "percentile", "reference"),
    "Dates and pixels":
        ("first_date", "last_date", "months", "exclude", "keep", "max_uncertainty", "skip_unreadable"),
    "Output": ("output", "summary", "plot", "overwrite"),
}  # fmt: skip


@click.command("zones", cls=Command, sections=_SECTIONS)
@click.argument("products", nargs=-1, required=True, shell_complete=options.files)
@click.argument("zones", metavar="ZONES", shell_complete=options.files)
@click.option("-o", "--output", required=True, metavar="TABLE", shell_complete=options.files,
    help="Table: .csv, .parquet (GeoParquet) or .gpkg; local or s3://.")  # fmt: skip
@click.option("--id", "identifier", metavar="COLUMN", help="Names of the zones. [default: id, name, or the number]")
@click.option("--percentile", type=float, multiple=True, metavar="Q", help="Percentile, 0 to 100. Repeatable.")
@click.option("--reference", metavar="ID", help="Zone to subtract: differences of the means, with uncertainty.")
@options.selection
@options.threads
@options.overwrite
@options.quiet
@options.as_json
def zones(products: tuple[str, ...], zones: str, months: str, quiet: bool, as_json: bool, **values: Any) -> None:
    r"""Compute statistics of PRODUCTS over ZONES, polygons of a vector file, with the uncertainty of the means.

    PRODUCTS are *_LST.tif files, folders of them, patterns, or https and s3 addresses. ZONES is a GeoPackage, GeoJSON,
    Shapefile or GeoParquet. TABLE gets a row for each product and zone.

    Examples
    --------
    lst-raster zones archive districts.gpkg -o districts.csv
    # the 90th percentile, and how much warmer each zone is than the park
    lst-raster zones archive districts.gpkg -o heat.gpkg --percentile 90 \
      --reference park
    """
    with quick_imports():
        from lst_raster.compositing.zones import zones as run

    with silent_c_libraries(), progress_bar("Zones", quiet=quiet) as progress:
        made = run(products, zones, months=months or (), progress=progress, **values)
    rows = made.table.drop(columns="geometry").to_dict("records")
    show({"table": rows, "path": made.path, "products": made.products, "warnings": made.warnings}, [made.path], as_json)


@click.command("series", cls=Command, sections=_SECTIONS)
@click.argument("products", nargs=-1, required=True, shell_complete=options.files)
@click.option("--points", metavar="FILE", shell_complete=options.files,
    help="Table (.csv) with longitude and latitude, or vector file of points.")  # fmt: skip
@click.option("--zones", metavar="FILE", shell_complete=options.files, help="Vector file of polygons, instead.")
@click.option("-o", "--output", required=True, metavar="TABLE", shell_complete=options.files,
    help="Table: .csv, .parquet or .gpkg; local or s3://.")  # fmt: skip
@click.option("--summary", metavar="TABLE", shell_complete=options.files,
    help="Second table, with the mean over the dates of each point or zone.")  # fmt: skip
@click.option("--plot", metavar="FILE", help="Plot (.png) of up to 8 points or zones.")
@click.option("--id", "identifier", metavar="COLUMN", help="Names of the features. [default: id, name, or the number]")
@options.selection
@options.threads
@options.overwrite
@options.quiet
@options.as_json
def series(products: tuple[str, ...], months: str, quiet: bool, as_json: bool, **values: Any) -> None:
    r"""Extract time series of PRODUCTS at points or over zones, with uncertainties.

    PRODUCTS are *_LST.tif files, folders of them, patterns, or https and s3 addresses. TABLE gets a row for each
    overpass and point or zone, with the reason if there is no temperature.

    Examples
    --------
    lst-raster series archive --points stations.csv -o stations_series.csv
    # means over districts in summer, the mean over the dates, and a plot
    lst-raster series archive --zones districts.gpkg -o summer.csv \
      --months 6-8 --summary summer_mean.gpkg --plot summer.png
    """
    with quick_imports():
        from lst_raster.compositing.series import series as run

    if (values["points"] is None) == (values["zones"] is None):
        raise click.UsageError("give either --points or --zones")
    with silent_c_libraries(), progress_bar("Series", quiet=quiet) as progress:
        made = run(products, months=months or (), progress=progress, **values)
    tables = (made.table, made.summary.drop(columns="geometry"))
    rows, means = (table.astype(object).where(table.notna(), None).to_dict("records") for table in tables)
    found = {"table": rows, "summary": means, "files": made.files, "products": made.products}
    show({**found, "warnings": made.warnings}, made.files, as_json)
