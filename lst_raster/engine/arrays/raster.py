"""The rasters of a product as lazy arrays: a part is read when it is asked for, by whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from xarray.backends import BackendArray
from xarray.core import indexing

from lst_raster.engine.product.flags import flag
from lst_raster.errors import InputError
from lst_raster.scene.bundle import Place
from lst_raster.scene.grid import Grid
from lst_raster.scene.raster import open_raster, read_stored


@dataclass(frozen=True, kw_only=True, slots=True)
class RasterPart:
    """What of a product's raster an array shows."""

    place: Place
    """The file, on disk or on a server."""
    grid: Grid
    """The grid that it had when it was opened."""
    content: str
    """``kelvin``, ``bits``, or the name of one field of the quality bits."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, whatever that of the numbers in the file."""
        if self.content == "kelvin":
            return np.dtype(np.float32)
        if self.content == "bits":
            return np.dtype(np.uint16)
        return np.dtype(np.bool_ if flag(self.content).length == 1 else np.uint8)

    def read(self, window: Window) -> NDArray[Any]:
        """Read a window.

        Raises
        ------
        InputNotFoundError, InputError, RemoteError
            The file is not there any more, damaged, or another one than it was.
        """
        with open_raster(self.place, "product", InputError) as dataset:
            if Grid.of(dataset) != self.grid:
                raise InputError(f"product {self.place} has changed since it was opened; open it again")
            stored, valid = read_stored(dataset, "product", InputError, window=window)
            scale, offset = dataset.scales[0], dataset.offsets[0]
        if self.content == "kelvin":
            values = stored if stored.dtype.kind == "f" else stored * scale + offset
            return np.where(valid, values, np.nan).astype(np.float32)
        return stored if self.content == "bits" else flag(self.content).of(stored).astype(self.dtype)


class RasterArray(BackendArray):
    """Part of a raster as xarray wants it; it can be sent to other processes."""

    def __init__(self, part: RasterPart) -> None:
        self._part = part
        self.shape = (part.grid.height, part.grid.width)
        self.dtype = part.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        """Read what an index means."""
        support = indexing.IndexingSupport.BASIC
        found: NDArray[Any] = indexing.explicit_indexing_adapter(key, self.shape, support, self._read)
        return found

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        rows, columns = (_slice(own, side) for own, side in zip(key, self.shape, strict=True))
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if height <= 0 or width <= 0:
            values = np.empty((max(height, 0), max(width, 0)), self.dtype)
        else:
            values = self._part.read(Window(columns.start, rows.start, width, height))
        values = values[:: rows.step, :: columns.step]
        return values[tuple(slice(None) if isinstance(own, slice) else 0 for own in key)]


def _slice(key: Any, side: int) -> slice:
    """Rows or columns to read, with a step of at least one."""
    if isinstance(key, slice):
        return slice(*key.indices(side))
    first = int(key) % side
    return slice(first, first + 1, 1)
