"""Writing a Cloud Optimized GeoTIFF that is complete and right, or not there at all."""

from __future__ import annotations

import logging
import os
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.shutil
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # what a failed copy raises; it has no public name
from rasterio.errors import RasterioError

from lst_raster.errors import OutputError
from lst_raster.scene.grid import Grid
from lst_raster.scene.raster import open_quietly

Float32 = NDArray[np.float32]

BLOCK = 512
"""Side of a block of the product. [pixel]"""

_COPY = {
    "driver": "COG",
    "compress": "DEFLATE",  # the one that every reader has
    "level": 1,  # half the time of level 6 for 3 % more bytes: the predictor has done most of the work
    "predictor": "YES",
    "overview_predictor": "YES",
    "blocksize": BLOCK,
    "overview_resampling": "AVERAGE",
    "statistics": "YES",
    "bigtiff": "IF_SAFER",
}
_LOGGER = logging.getLogger(__name__)
_HOST = re.sub(r"\W", "", socket.gethostname()) or "host"
_PART = re.compile(rf"^\..+\.{_HOST}-(\d+)\.(?:raw|cog)\.tif$")


@dataclass(frozen=True, kw_only=True, slots=True)
class CogWriter:
    """An unfinished product; made by `new_cog`."""

    target: Path
    """File to be made."""
    dataset: Any
    """The temporary file, open."""
    tags: dict[str, str] = field(default_factory=dict)
    """Metadata of the product, to be filled before it is finished."""
    checksums: list[tuple[Any, int]] = field(default_factory=list)
    """Window and checksum of everything written."""

    def write(self, values: Float32, window: Any) -> None:
        """Write a window.

        Parameters
        ----------
        values : array of shape (rows, columns)
            Values, NaN where there are none.
        window : rasterio.windows.Window
            Where they belong.

        Raises
        ------
        OutputError
            They cannot be written.
        """
        with _writing(self.target):
            self.dataset.write(values, 1, window=window)
        self.checksums.append((window, _checksum(values)))


@contextmanager
def new_cog(target: Path, grid: Grid, *, description: str, units: str) -> Iterator[CogWriter]:
    """Write a product of one band of float32 with NaN for nodata.

    The values go to a temporary file beside the target, from there into a Cloud Optimized GeoTIFF, which is read back,
    compared with what was written, and renamed. After an error, or when the block is left by one, no file of ours is
    left, and one that was there before is as it was.

    Parameters
    ----------
    target : path
        File to be made; one that exists is replaced.
    grid : Grid
        Where its pixels lie.
    description, units : str
        Of the band.

    Yields
    ------
    CogWriter
        To write the windows with; they must cover the grid.

    Raises
    ------
    OutputError
        The file cannot be written, or does not read back as written.
    """
    _sweep(target.parent)
    raw, cog = (target.with_name(f".{target.name}.{_HOST}-{os.getpid()}.{kind}.tif") for kind in ("raw", "cog"))
    try:
        with _writing(target):
            raw.touch()  # says in the system's own words why a folder cannot be written
            dataset = _create(raw, grid, description, units)
        writer = CogWriter(target=target, dataset=dataset)
        with _closing(dataset):
            yield writer
            with _writing(target):
                dataset.update_tags(**writer.tags)
                dataset.close()  # here, where what a full disk makes of it is heard
        with _writing(target):
            rasterio.shutil.copy(raw, cog, **_COPY)
            _verify(cog, writer.checksums)
            cog.replace(target)
            target.with_name(target.name + ".aux.xml").unlink(missing_ok=True)  # a viewer's notes on the old file
    finally:
        for path in (raw, cog):
            path.unlink(missing_ok=True)


def _create(path: Path, grid: Grid, description: str, units: str) -> Any:
    # Not compressed: that takes longer than the disk, and hides that the disk is full.
    dataset = open_quietly(
        path, "w", driver="GTiff", dtype="float32", count=1, nodata=float("nan"), width=grid.width, height=grid.height,
        crs=grid.crs, transform=grid.transform, tiled=True, blockxsize=BLOCK, blockysize=BLOCK, bigtiff="IF_SAFER",
    )  # fmt: skip
    dataset.set_band_description(1, description)
    dataset.units = (units,)
    return dataset


def _verify(path: Path, checksums: list[tuple[Any, int]]) -> None:
    """Read a file back; a full disk or a failing one can leave a file that nobody has complained about."""
    with open_quietly(path) as dataset:
        for window, checksum in checksums:
            if _checksum(dataset.read(1, window=window)) != checksum:
                raise OSError("it does not read back as it was written")


@contextmanager
def _closing(dataset: Any) -> Iterator[None]:
    """Close a file in any case, without another error on top of the one that ends the block."""
    try:
        yield
    finally:
        with suppress(OSError, RasterioError, CPLE_BaseError):
            dataset.close()


def _checksum(values: Float32) -> int:
    return zlib.crc32(values.tobytes())


@contextmanager
def _writing(target: Path | str) -> Iterator[None]:
    """Turn what the system, rasterio and GDAL raise into one error of ours."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, RasterioError, CPLE_BaseError) as error:
        reason = getattr(error, "strerror", None) or str(error.__cause__ or error)
        raise OutputError(f"cannot write {target}: {reason}; is the disk full, or the folder read-only?") from error


def _sweep(folder: Path) -> None:
    """Remove the temporary files of processes that were killed on this host."""
    if os.name != "posix":
        return  # elsewhere signal 0 does not ask whether a process lives, it ends it
    for path in folder.iterdir():
        part = _PART.match(path.name)
        if part and not _alive(int(part[1])):
            _LOGGER.info("removing %s, left by a process that is gone", path)
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
