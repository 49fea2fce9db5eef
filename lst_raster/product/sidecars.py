"""Sidecar files of a product: quicklook, styles and STAC item."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray
from rasterio.enums import Resampling

from lst_raster.io.bundle import Place
from lst_raster.io.raster import gdal_settings
from lst_raster.io.temperature_raster import open_temperature
from lst_raster.plots.canvas import robust_limits
from lst_raster.plots.colours import inferno
from lst_raster.plots.maps import draw_map, save, shape_of_map
from lst_raster.product.paths import ProductPaths
from lst_raster.product.stac import item_text, make_item
from lst_raster.product.staging import Staging, writing
from lst_raster.product.styles import lst_style, quality_style, quality_values

Units: TypeAlias = Literal["degC", "K"]
"""Unit of the colour bar."""

CACHE = 64 << 20
"""Room for GDAL's blocks, for a raster without overviews is read through. [byte]"""
UNITS: Mapping[Units, tuple[str, float]] = MappingProxyType({"degC": ("°C", 273.15), "K": ("K", 0.0)})
"""Text of each unit, and its zero. [K]"""


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
    with gdal_settings(GDAL_CACHEMAX=CACHE), open_temperature(Place(disk=lst_path)) as product:
        shape = shape_of_map(product.grid.height, product.grid.width)
        kelvin = product.read(out_shape=shape, resampling=Resampling.average)
    return draw_quicklook(kelvin, target, title=title or lst_path.stem, unit=UNITS[units])


def draw_quicklook(
    values: NDArray[Any], target: Path, *, title: str, unit: tuple[str, float]
) -> tuple[float, float] | None:
    """Draw values and write the picture, as `write_quicklook` does.

    Parameters
    ----------
    values : array of shape (rows, columns)
        Values, NaN where there are none.
    target : path
        PNG to write.
    title : str
        Line above the map.
    unit : tuple of str and float
        Unit of the colour bar, and its zero in the unit of the values.

    Returns
    -------
    tuple of float or None
        Values of the first and the last colour; None where there is no value.

    Raises
    ------
    OutputError
        The picture cannot be written.
    """
    name, zero = unit
    limits = robust_limits(values - zero)
    save(draw_map(values - zero, inferno(), limits, title=title, unit=name, missing="no temperature"), target)
    return (limits[0] + zero, limits[1] + zero) if limits else None


def write_sidecars(paths: ProductPaths, files: Staging, properties: Mapping[str, Any]) -> None:
    """Write them, from the finished rasters; the item last, for it tells that the product is whole.

    Parameters
    ----------
    paths : ProductPaths
        Names of the product's files.
    files : Staging
        The set that they belong to.
    properties : mapping
        Further properties of the STAC item.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    title = paths.temperature.stem
    limits = write_quicklook(files.path_of(paths.temperature), files.new(paths.quicklook), title=title)
    if limits is not None:
        with writing(paths.style):
            files.new(paths.style).write_text(lst_style(*limits), encoding="utf-8")
    values = quality_values(files.path_of(paths.quality))
    with writing(paths.quality_style):
        files.new(paths.quality_style).write_text(quality_style(values), encoding="utf-8")
    _write_item(paths, files, properties)


def _write_item(paths: ProductPaths, files: Staging, properties: Mapping[str, Any]) -> None:
    roles = {
        "lst": paths.temperature,
        "uncertainty": paths.uncertainty,
        "quality": paths.quality,
        "quicklook": paths.quicklook,
        "style": paths.style,
        "quality_style": paths.quality_style,
    }
    found = {role: (files.path_of(path), path.name) for role, path in roles.items() if files.has(path)}
    item = make_item(found)
    item["properties"] |= properties
    with writing(paths.item):
        files.new(paths.item).write_text(item_text(item), encoding="utf-8")
