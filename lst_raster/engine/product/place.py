"""Files of a product where they lie: on disk, or in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio

from lst_raster.errors import InputNotFoundError, OutputError
from lst_raster.scene.address import Address, Location, location_of

_ELSEWHERE = "products go to disk or to s3://BUCKET/FOLDER/; give one of them"
_TEXT_LIMIT = 16 << 20  # [byte], far above any STAC item


def target_of(output: str | Path | Address) -> Location:
    """Take what a user names to write to: a path, or an ``s3`` address.

    Parameters
    ----------
    output : str, path or Address
        A folder or a file.

    Returns
    -------
    path or Address
        The same.

    Raises
    ------
    OutputError
        It is an address of another kind.

    Examples
    --------
    >>> str(target_of("s3://bucket/out/"))
    's3://bucket/out/'
    """
    try:
        found = location_of(output)
    except InputNotFoundError as error:
        scheme = str(output).partition(":")[0]
        told = str(error) if scheme == "s3" else f"cannot write to {scheme}: addresses; {_ELSEWHERE}"
        raise OutputError(told) from None
    if isinstance(found, Address) and not found.is_s3:
        raise OutputError(f"cannot write {found}; {_ELSEWHERE}")
    return found


def size_of(target: Location) -> int | None:
    """Size of a file, None where there is none. [byte]

    Raises
    ------
    RemoteError, RemoteAccessError, MissingExtraError
        A store does not tell.
    """
    if isinstance(target, Address):
        from lst_raster.scene.servers.s3_write import size_of_object

        return size_of_object(target)
    return target.stat().st_size if target.is_file() else None


def text_of(target: Location) -> str:
    """Read a text.

    Raises
    ------
    OSError
        It is not there, or cannot be read.
    InputNotFoundError, RemoteError
        It is not in the store, or the store does not give it.
    ValueError
        It is no text.
    """
    if isinstance(target, Address):
        from lst_raster.scene.servers.read import fetch

        return fetch(target, 0, _TEXT_LIMIT).content.decode()
    return target.read_text(encoding="utf-8")


@contextmanager
def open_product_raster(target: Location) -> Iterator[Any]:
    """Open a raster of a product for reading.

    Raises
    ------
    rasterio.errors.RasterioError
        It is not there, or no raster.
    """
    if isinstance(target, Address):
        from lst_raster.scene.servers.read import gdal_reading

        with gdal_reading(target), rasterio.open(target.gdal) as dataset:
            yield dataset
        return
    with rasterio.open(target) as dataset:
        yield dataset
