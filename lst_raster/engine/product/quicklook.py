"""A small picture of a product, to see at a glance what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from rasterio.enums import Resampling

from lst_raster.pictures.axes import robust_limits
from lst_raster.pictures.colours import inferno
from lst_raster.pictures.draw import draw_map, save, shape_of_map
from lst_raster.scene.bundle import Place
from lst_raster.scene.gdal import gdal_settings
from lst_raster.scene.temperature import open_temperature

Units: TypeAlias = Literal["degC", "K"]
"""Unit of the colour bar."""

_CACHE = 64 << 20  # [byte] of blocks, for a raster without overviews is read through
_UNITS: dict[Units, tuple[str, float]] = {"degC": ("°C", 273.15), "K": ("K", 0.0)}


def write_quicklook(
    lst_path: Path, target: Path, *, title: str | None = None, units: Units = "degC"
) -> tuple[float, float] | None:
    """Write a picture of a temperature product.

    Its colours rise from the 2nd to the 98th percentile of what is shown; what is read is a suitable overview, so that
    memory and time do not grow with the product. The same product makes the same bytes.

    Parameters
    ----------
    lst_path : path
        The product, or another raster of surface temperature.
    target : path
        PNG to write; one that exists is replaced.
    title : str, optional
        Line above the map, by default the product's name.
    units : {"degC", "K"}
        Unit of the colour bar.

    Returns
    -------
    tuple of float or None
        Temperatures of the first and the last colour, for `lst_style`; None where there is no temperature. [K]

    Raises
    ------
    InputNotFoundError
        There is no such product.
    InputError
        It is no raster of one band, damaged, or does not hold kelvin.
    OutputError
        The picture cannot be written.
    """
    unit, zero = _UNITS[units]
    with gdal_settings(GDAL_CACHEMAX=_CACHE), open_temperature(Place(disk=lst_path)) as product:
        shape = shape_of_map(product.grid.height, product.grid.width)
        values = product.read(out_shape=shape, resampling=Resampling.average) - zero
    limits = robust_limits(values)
    save(draw_map(values, inferno(), limits, title=title or lst_path.stem, unit=unit, missing="no temperature"), target)
    return (limits[0] + zero, limits[1] + zero) if limits else None
