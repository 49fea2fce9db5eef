"""Tables of zones and time series: CSV, GeoParquet and GeoPackage, complete or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lst_raster.compositing.products import SourceProduct
from lst_raster.compositing.vector_files import EXTRA
from lst_raster.errors import InputError, OutputError
from lst_raster.io.address import Location, location_of
from lst_raster.product.destination import check_targets, product_location
from lst_raster.product.staging import new_files, writing
from lst_raster.resources import require

SUFFIXES = (".csv", ".parquet", ".gpkg")
"""Extensions of tables."""


def table_location(output: str | Location) -> Location:
    """Parse the path or ``s3`` address of a table; raise InputError for an unsupported extension, or OutputError."""
    target = product_location(output)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"the table {target} should end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}; rename it")
    if target.suffix.lower() == ".parquet":
        require("pyarrow", EXTRA)
    return target


def check_tables(
    targets: Sequence[Location], products: Sequence[SourceProduct], places: str | Path, *, overwrite: bool
) -> None:
    """Check that tables can be written, before any work.

    `places` is the file of zones or points. Raise OutputError if a table exists or is an input, or its folder is not
    writable, RemoteError if a store cannot be accessed.
    """
    if len({str(target) for target in targets}) < len(targets):
        raise OutputError(f"{targets[0]} is given for two files; give another name for one of them")
    inputs = [place.location for product in products for place in product.rasters]
    inputs.append(location_of(str(places).partition("|")[0]))
    check_targets(targets, products[0].grid, inputs=inputs, overwrite=overwrite)


def write_files(contents: Mapping[Location, bytes]) -> None:
    """Write files; raise OutputError if one cannot be written: none is written then."""
    with new_files(*(target.parent for target in contents)) as files:
        for target, content in contents.items():
            path = files.new(target)
            with writing(target):
                path.write_bytes(content)


def encoded(frame: Any, target: Location, layer: str) -> bytes:
    """Encode a data frame in the format of a file; in CSV geometries are left out.

    `layer` is the name of the layer in a GeoPackage.
    """
    suffix = target.suffix.lower()
    if suffix == ".csv":
        plain = frame.drop(columns="geometry", errors="ignore")
        return str(plain.to_csv(index=False, float_format="%.7g", lineterminator="\n")).encode()
    content = io.BytesIO()
    if suffix == ".parquet":
        frame.to_parquet(content, index=False)
    else:
        require("pyogrio", EXTRA).write_dataframe(frame, content, driver="GPKG", layer=layer)
    return content.getvalue()


def describe(product: SourceProduct) -> dict[str, str | None]:
    """Columns of a product: file name, date, time and sensor; None where unknown."""
    date = product.date
    return {
        "product": product.name, "date": str(date) if date else None,
        "time": date.time.isoformat() if date and date.time else None, "sensor": product.tags.get("sensor"),
    }  # fmt: skip
