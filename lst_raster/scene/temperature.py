"""Rasters of surface temperature, of whoever's making, read as kelvin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import GridMismatchError, InputError
from lst_raster.scene.align import on_grid
from lst_raster.scene.bundle import Place
from lst_raster.scene.fields import AIR_TEMPERATURE
from lst_raster.scene.grid import Grid
from lst_raster.scene.plausibility import LEVEL_2_OFFSET, LEVEL_2_SCALE
from lst_raster.scene.raster import open_raster, read_stored

Float = NDArray[np.float64]

_USGS = re.compile(r"_ST_B(?:10|6)\.tiff?$", re.IGNORECASE)
_LOWEST, _HIGHEST = 100.0, 400.0  # [K], of a median: between any Celsius and any digital number
_SAMPLE = 256  # rows and columns of the thinned raster by which the values are checked


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """How the numbers of a raster become kelvin."""

    scale: float
    """Factor. [K]"""
    offset: float
    """Temperature that the number 0 stands for. [K]"""
    nodata: float | None
    """Number that means nothing where the raster itself names none, None where there is none either."""
    note: str
    """What was assumed, empty where the file tells all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureRaster:
    """An open raster of temperatures; made by `open_temperature`."""

    place: Place
    """The file."""
    grid: Grid
    """Grid on which it is read."""
    storage: Storage
    """How its numbers become kelvin."""
    view: Any
    """The open dataset, on that grid."""

    def read(self, **where: Any) -> Float:
        """Read a part.

        Parameters
        ----------
        **where
            `window`, `out_shape` or `resampling` of rasterio's `read`.

        Returns
        -------
        array of shape (rows, columns)
            Temperature, NaN where there is none. [K]

        Raises
        ------
        InputError
            The file is damaged.
        """
        stored, valid = read_stored(self.view, "temperature", InputError, **where)
        numbers = stored.astype(np.float64)
        if self.storage.nodata is not None:
            valid &= numbers != self.storage.nodata
        kelvin = numbers * self.storage.scale + self.storage.offset
        return np.where(valid & np.isfinite(kelvin), kelvin, np.nan)


@contextmanager
def open_temperature(place: Place, grid: Grid | None = None, *, align: bool = False) -> Iterator[TemperatureRaster]:
    """Open a raster of temperatures.

    The file's own scale, offset, nodata and unit are applied. A file of whole numbers that has neither scale nor offset
    but is named ``*_ST_B10.TIF`` or ``*_ST_B6.TIF`` is taken for a USGS Collection 2 surface temperature.

    Parameters
    ----------
    place : Place
        The file.
    grid : Grid, optional
        Grid on which it is to be read; its own by default.
    align : bool
        Whether it is warped where it lies on another grid.

    Yields
    ------
    TemperatureRaster
        To read from.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    GridMismatchError
        It lies on another grid.
    InputError
        It is no raster of one band, damaged, or does not hold kelvin (also raised by `read`).
    """
    with open_raster(place, "temperature", InputError) as dataset:
        wanted, own = grid or Grid.of(dataset), Grid.of(dataset)
        if not align and not own.matches(wanted):
            raise GridMismatchError(
                f"{place.name} is {own}; the other is {wanted}; --align warps the one onto the other"
            )
        storage = _storage(dataset, place.name)
        with on_grid(dataset, wanted, place.name, align=align, nodata=storage.nodata) as view:
            raster = TemperatureRaster(place=place, grid=wanted, storage=storage, view=view)
            _check(raster)
            yield raster


def _storage(dataset: Any, name: str) -> Storage:
    scale, offset, units = float(dataset.scales[0]), float(dataset.offsets[0]), dataset.units[0]
    if _USGS.search(name) and (scale, offset) == (1.0, 0.0) and np.dtype(dataset.dtypes[0]).kind in "iu":
        kelvin = f"times {LEVEL_2_SCALE} K plus {LEVEL_2_OFFSET:g} K, 0 is fill"
        note = f"{name} has no scale; by its name it is of the USGS: {kelvin}"
        return Storage(scale=LEVEL_2_SCALE, offset=LEVEL_2_OFFSET, nodata=0.0, note=note)
    # A unit that is not known is not believed; the check of the values remains.
    factor, zero = AIR_TEMPERATURE.conversion(units or "K") or (1.0, 0.0)
    return Storage(scale=factor * scale, offset=factor * offset + zero, nodata=None, note="")


def _check(raster: TemperatureRaster) -> None:
    """Refuse what is no temperature in kelvin."""
    shape = (min(raster.grid.height, _SAMPLE), min(raster.grid.width, _SAMPLE))
    values = raster.read(out_shape=shape)
    known = values[np.isfinite(values)]
    if known.size == 0 or _LOWEST <= np.median(known) <= _HIGHEST:
        return
    raise InputError(
        f"{raster.place.name} holds values such as {np.median(known):g}, which are no kelvin; "
        "give a surface temperature with its scale, offset and unit set (for degrees Celsius the unit degC)"
    )
