"""Rasters of surface temperature, of whoever's making, read as kelvin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.windows import Window

from lst_raster.errors import GridMismatchError, InputError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.landsat import LEVEL_2_TEMPERATURE
from lst_raster.io.plausibility import FILLS, KELVIN, LEVEL_2_OFFSET, LEVEL_2_SCALE
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.physics.quantities import AIR_TEMPERATURE

Float = NDArray[np.float64]

_USGS = re.compile(rf"{LEVEL_2_TEMPERATURE}\.tiff?$", re.IGNORECASE)
_SAMPLE = 256  # rows and columns of the thinned raster by which the values are checked
_SHOWN = 3  # values that a message lists
_KINDS = 1000  # different values that are counted apart; the rest goes together
_FROZEN, _NEAR = 273.15, 1.5  # [K], the temperature of a stored 0 in degrees Celsius, and what counts as close to it
_FEWEST = 0.01  # fraction of the pixels; fewer zeros are not suspicious
_SPIKE = 10  # times as many zeros as temperatures close to them


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
    fill: float | None = None
    """Most frequent number that is no surface temperature and not the nodata value; None where none was found."""
    left_out: Counter[float] = field(default_factory=Counter)
    """Numbers that `read` left out as no surface temperature, and their pixels; NaN stands for all further ones."""

    def read(self, **where: Any) -> Float:
        """Read a part.

        Parameters
        ----------
        **where
            `window`, `out_shape` or `resampling` of rasterio's `read`.

        Returns
        -------
        array of shape (rows, columns)
            Temperature, NaN where there is none or where the number is outside `KELVIN`. [K]

        Raises
        ------
        InputError
            The file is damaged.
        """
        if self.fill is not None and "resampling" in where:
            where["resampling"] = Resampling.nearest  # GDAL does not know the fill and would average it in
        numbers, kelvin = self._read(where)
        outside = _outside(kelvin)
        if outside.any():
            self._count(*np.unique(numbers[outside], return_counts=True))
            kelvin[outside] = np.nan
        return kelvin

    def notes(self) -> list[str]:
        """Assumptions about the file, and the values that were left out so far."""
        found = [self.storage.note] if self.storage.note else []
        if self.left_out:
            values, pixels = sorted(value for value in self.left_out if value == value), self.left_out.total()
            low, high = KELVIN
            found.append(
                f"{self.place.name}: {pixels} pixels with the value {_listed(values)} are left out: no surface "
                f"temperature ({low:g} to {high:g} K), and not the nodata value; if it is fill, "
                + (f"set it: gdal_edit.py -a_nodata {values[0]:g}" if len(values) == 1 else "give all of it one value")
            )
        return found

    def _count(self, values: NDArray[Any], pixels: NDArray[np.intp]) -> None:
        for value, count in zip(values.tolist(), pixels.tolist(), strict=True):
            known = value in self.left_out or len(self.left_out) < _KINDS
            self.left_out[value if known else np.nan] += count

    def _read(self, where: dict[str, Any]) -> tuple[Float, Float]:
        """Numbers as stored, and kelvin, NaN where there is no number."""
        stored, valid = read_stored(self.view, "temperature", InputError, **where)
        numbers = stored.astype(np.float64)
        if self.storage.nodata is not None:
            valid &= numbers != self.storage.nodata
        with np.errstate(over="ignore", invalid="ignore"):
            kelvin = numbers * self.storage.scale + self.storage.offset
        return numbers, np.where(valid & np.isfinite(kelvin), kelvin, np.nan)


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
        raster = TemperatureRaster(place=place, grid=own, storage=_storage(dataset, place.name), view=dataset)
        fill = _check(raster)
        if own.matches(wanted):
            yield replace(raster, grid=wanted, fill=fill)
            return
        nodata = fill if dataset.nodata is None and raster.storage.nodata is None else raster.storage.nodata
        _require_one_fill(raster, nodata)
        with on_grid(dataset, wanted, place.name, align=align, nodata=nodata) as view:
            yield replace(raster, grid=wanted, view=view, fill=fill)


def _storage(dataset: Any, name: str) -> Storage:
    scale, offset, units = float(dataset.scales[0]), float(dataset.offsets[0]), dataset.units[0]
    if _USGS.search(name) and (scale, offset) == (1.0, 0.0) and np.dtype(dataset.dtypes[0]).kind in "iu":
        kelvin = f"times {LEVEL_2_SCALE} K plus {LEVEL_2_OFFSET:g} K, 0 is fill"
        note = f"{name} has no scale; by its name it is of the USGS: {kelvin}"
        return Storage(scale=LEVEL_2_SCALE, offset=LEVEL_2_OFFSET, nodata=0.0, note=note)
    factor, zero = AIR_TEMPERATURE.require_conversion(units, name)
    return Storage(scale=factor * scale, offset=factor * offset + zero, nodata=None, note="")


def _check(raster: TemperatureRaster) -> float | None:
    """Refuse what is no temperature in kelvin; find the number that is fill though nothing says so."""
    shape = (min(raster.grid.height, _SAMPLE), min(raster.grid.width, _SAMPLE))
    numbers, kelvin = raster._read({"out_shape": shape})
    outside = _outside(kelvin)
    values, counts = np.unique(numbers[outside], return_counts=True)
    known = np.isfinite(kelvin)
    if values.size <= FILLS and (known & ~outside).any():
        known &= ~outside
    if known.any() and not KELVIN[0] <= np.median(kelvin[known]) <= KELVIN[1]:
        raise InputError(
            f"{raster.place.name} holds values such as {np.median(kelvin[known]):g}, which are no kelvin; "
            "give a surface temperature with its scale, offset and unit set (for degrees Celsius the unit degC)"
        )
    if raster.storage.nodata is None and raster.view.mask_flag_enums[0] == [MaskFlags.all_valid]:
        _require_no_frozen_fill(raster, numbers[known], kelvin[known])
    return float(values[counts.argmax()]) if values.size else None


def _require_no_frozen_fill(raster: TemperatureRaster, numbers: Float, kelvin: Float) -> None:
    """Refuse zeros that are 0 degC by the file's unit or offset, but stand apart from all other temperatures."""
    zero = numbers == 0.0
    close = ~zero & (np.abs(kelvin - _FROZEN) <= _NEAR)
    share = np.count_nonzero(zero) / max(numbers.size, 1)
    if _FEWEST < share < 1.0 and abs(raster.storage.offset - _FROZEN) < _NEAR and zero.sum() > _SPIKE * close.sum():
        raise InputError(
            f"{raster.place.name} holds exactly 0 in {share:.0%} of its pixels and hardly a temperature close to it: "
            "fill, or 0 degC? Set the nodata value: gdal_edit.py -a_nodata 0 if it is fill, else -a_nodata -9999"
        )


def _require_one_fill(raster: TemperatureRaster, nodata: float | None) -> None:
    """Count impossible numbers before a raster is warped, and refuse those that warping would blend into others."""
    rows = max(1, _SAMPLE**2 * 16 // raster.grid.width)
    for row in range(0, raster.grid.height, rows):
        raster.read(window=Window(0, row, raster.grid.width, min(rows, raster.grid.height - row)))
    others = sorted(value for value in raster.left_out if value != nodata)
    if others:
        raise InputError(
            f"{raster.place.name} cannot be warped: {raster.left_out.total()} pixels hold {_listed(others)}, which are "
            "no surface temperature and would be blended into their neighbours; replace them by one nodata value"
        )


def _outside(kelvin: Float) -> NDArray[np.bool_]:
    return (kelvin < KELVIN[0]) | (kelvin > KELVIN[1])


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
