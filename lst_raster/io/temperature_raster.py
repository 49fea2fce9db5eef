"""Rasters of surface temperature from any source, read as kelvin."""

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
from lst_raster.io.plausibility import FILL_VALUES, LEVEL_2_OFFSET, LEVEL_2_SCALE, TEMPERATURE_RANGE
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.io.scene_files import shorten_list
from lst_raster.physics.quantities import AIR_TEMPERATURE

Float = NDArray[np.float64]

_USGS = re.compile(rf"{LEVEL_2_TEMPERATURE}\.tiff?$", re.IGNORECASE)
_COUNTED = 1000  # different values that are counted separately; all others are counted together
_FREEZING, _CLOSE = 273.15, 1.5  # [K], temperature of a stored 0 in degrees Celsius, and distance that is close to it
_SUSPICIOUS = 0.01  # fraction of the pixels; fewer zeros are not suspicious
_SPIKE = 10  # ratio of zeros to temperatures close to them


@dataclass(frozen=True, kw_only=True, slots=True)
class TemperatureRaster:
    """Open raster of temperatures; made by `open_temperature`."""

    place: Place  # the file
    grid: Grid  # grid on which it is read
    scale: float  # factor from stored numbers to kelvin. [K]
    offset: float  # temperature of the stored number 0. [K]
    nodata: float | None  # fill value in addition to the raster's own nodata value, None where there is none
    note: str  # assumption about the file, empty where none was made
    view: Any  # the open dataset, on that grid
    fill: float | None = None
    """Most frequent number out of range other than the nodata value; None where there is none."""
    left_out: Counter[float] = field(default_factory=Counter)
    """Pixels of every number that `read` found out of range; NaN stands for all further numbers."""

    def read(self, **where: Any) -> Float:
        """Read a part as temperatures [K], NaN for fill and outside `TEMPERATURE_RANGE`.

        `where` are `window`, `out_shape` or `resampling` of rasterio's `read`. Raises InputError for a damaged file.
        """
        if self.fill is not None and "resampling" in where:
            where["resampling"] = Resampling.nearest  # GDAL would average the fill, which is not declared
        numbers, kelvin = self._read(where)
        outside = _outside(kelvin)
        if outside.any():
            values, counts = np.unique(numbers[outside], return_counts=True)
            for value, count in zip(values.tolist(), counts.tolist(), strict=True):
                known = value in self.left_out or len(self.left_out) < _COUNTED
                self.left_out[value if known else np.nan] += count
            kelvin[outside] = np.nan
        return kelvin

    def notes(self) -> list[str]:
        """Assumptions about the file, and the values that were left out so far."""
        found = [self.note] if self.note else []
        if self.left_out:
            values, pixels = sorted(value for value in self.left_out if value == value), self.left_out.total()
            low, high = TEMPERATURE_RANGE
            shown = shorten_list([f"{value:g}" for value in values], 3)
            found.append(
                f"{self.place.name}: {pixels} pixels with the value {shown} are left out: no surface "
                f"temperature ({low:g} to {high:g} K), and not the nodata value; if it is fill, "
                + (f"set it: gdal_edit.py -a_nodata {values[0]:g}" if len(values) == 1 else "give all of it one value")
            )
        return found

    def _read(self, where: dict[str, Any]) -> tuple[Float, Float]:
        """Read stored numbers, and kelvin, NaN for fill."""
        stored, valid = read_stored(self.view, "temperature", InputError, **where)
        numbers = stored.astype(np.float64)
        if self.nodata is not None:
            valid &= numbers != self.nodata
        with np.errstate(over="ignore", invalid="ignore"):
            kelvin = numbers * self.scale + self.offset
        return numbers, np.where(valid & np.isfinite(kelvin), kelvin, np.nan)


@contextmanager
def open_temperature(place: Place, grid: Grid | None = None, *, align: bool = False) -> Iterator[TemperatureRaster]:
    """Open a raster of temperatures on its own or another grid; `align` warps it where the grids differ.

    The file's scale, offset, nodata value and unit are applied. An integer file without scale and offset that is named
    ``*_ST_B10.TIF`` or ``*_ST_B6.TIF`` is read as a USGS Collection 2 surface temperature. InputError, also of `read`,
    for a file that is damaged or not in kelvin; GridMismatchError for another grid.
    """
    with open_raster(place, "temperature", InputError) as dataset:
        own = Grid.of(dataset)
        wanted = grid or own
        if not align and not own.matches(wanted):
            raise GridMismatchError(f"{place.name} is {own}; the other is {wanted}; --align warps one onto the other")
        raster = _of_dataset(dataset, place, own)
        fill = _check(raster)
        if own.matches(wanted):
            yield replace(raster, grid=wanted, fill=fill)
            return
        nodata = fill if dataset.nodata is None and raster.nodata is None else raster.nodata
        _require_one_fill(raster, nodata)
        with on_grid(dataset, wanted, place.name, align=align, nodata=nodata) as view:
            yield replace(raster, grid=wanted, view=view, fill=fill)


def _of_dataset(dataset: Any, place: Place, grid: Grid) -> TemperatureRaster:
    name, units = place.name, dataset.units[0]
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    nodata, note = None, ""
    if _USGS.search(name) and (scale, offset) == (1.0, 0.0) and np.dtype(dataset.dtypes[0]).kind in "iu":
        scale, offset, nodata = LEVEL_2_SCALE, LEVEL_2_OFFSET, 0.0
        kelvin = f"times {scale} K plus {offset:g} K, 0 is fill"
        note = f"{name} has no scale; according to its name it is a USGS product: {kelvin}"
    else:
        factor, zero = AIR_TEMPERATURE.require_conversion(units, name)
        scale, offset = factor * scale, factor * offset + zero
    return TemperatureRaster(place=place, grid=grid, view=dataset, scale=scale, offset=offset, nodata=nodata, note=note)


def _check(raster: TemperatureRaster) -> float | None:
    """Check that a raster is in kelvin; return its undeclared fill value, None without one."""
    numbers, kelvin = raster._read({"out_shape": raster.grid.sample_shape})
    outside = _outside(kelvin)
    values, counts = np.unique(numbers[outside], return_counts=True)
    known = np.isfinite(kelvin)
    if values.size <= FILL_VALUES and (known & ~outside).any():
        known &= ~outside
    if known.any() and not TEMPERATURE_RANGE[0] <= np.median(kelvin[known]) <= TEMPERATURE_RANGE[1]:
        raise InputError(
            f"{raster.place.name} has values such as {np.median(kelvin[known]):g}, which are not kelvin; "
            "give a surface temperature with its scale, offset and unit set (for degrees Celsius the unit degC)"
        )
    if raster.nodata is None and raster.view.mask_flag_enums[0] == [MaskFlags.all_valid]:
        _require_no_zero_fill(raster, numbers[known], kelvin[known])
    return float(values[counts.argmax()]) if values.size else None


def _require_no_zero_fill(raster: TemperatureRaster, numbers: Float, kelvin: Float) -> None:
    """Raise InputError for zeros that the unit or offset makes 0 degC, but that differ from all other temperatures."""
    zero = numbers == 0.0
    close = ~zero & (np.abs(kelvin - _FREEZING) <= _CLOSE)
    fraction = np.count_nonzero(zero) / max(numbers.size, 1)
    is_celsius = abs(raster.offset - _FREEZING) < _CLOSE
    if _SUSPICIOUS < fraction < 1.0 and is_celsius and zero.sum() > _SPIKE * close.sum():
        raise InputError(
            f"{raster.place.name} has exactly 0 in {fraction:.0%} of its pixels and hardly a temperature close to it: "
            "fill, or 0 degC? Set the nodata value: gdal_edit.py -a_nodata 0 if it is fill, else -a_nodata -9999"
        )


def _require_one_fill(raster: TemperatureRaster, nodata: float | None) -> None:
    """Raise InputError for numbers out of range that warping would blend into their neighbours; count the others."""
    rows = max(1, 2**20 // raster.grid.width)
    for row in range(0, raster.grid.height, rows):
        raster.read(window=Window(0, row, raster.grid.width, min(rows, raster.grid.height - row)))
    others = sorted(value for value in raster.left_out if value != nodata)
    if others:
        shown = shorten_list([f"{value:g}" for value in others], 3)
        raise InputError(
            f"{raster.place.name} cannot be warped: {raster.left_out.total()} pixels have {shown}, which are "
            "no surface temperature and would be blended into their neighbours; replace them by one nodata value"
        )


def _outside(kelvin: Float) -> NDArray[np.bool_]:
    return (kelvin < TEMPERATURE_RANGE[0]) | (kelvin > TEMPERATURE_RANGE[1])
