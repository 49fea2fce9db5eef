"""Sidecar files of a product: quicklook, QGIS styles and STAC item."""

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
from lst_raster.product.paths import SUFFIXES, ProductPaths
from lst_raster.product.stac import item_text, make_item
from lst_raster.product.staging import Staging, writing
from lst_raster.product.styles import lst_style, quality_style, quality_values

Units: TypeAlias = Literal["degC", "K"]  # unit of the colour bar
Limits: TypeAlias = tuple[float, float]  # values of the first and last colour

CACHE = 64 << 20  # size of GDAL's block cache; a raster without overviews is read completely [byte]
UNITS: Mapping[Units, tuple[str, float]] = MappingProxyType({"degC": ("°C", 273.15), "K": ("K", 0.0)})
"""Label of each unit and its zero. [K]"""


def write_quicklook(lst_path: Path, target: Path, *, title: str | None = None, units: Units = "degC") -> Limits | None:
    """Write a quicklook (PNG) of a product or another raster of surface temperature.

    The colours range from the 2nd to the 98th percentile of a suitable overview, so that memory and time do not depend
    on the size of the product. The title is the name of the product by default. Output is reproducible.

    Returns the temperatures [K] of the first and last colour, for `lst_style`; None if no pixel has a temperature.
    Raises InputNotFoundError if the raster is missing, InputError if it is damaged or not in kelvin, OutputError if the
    file cannot be written.
    """
    with gdal_settings(GDAL_CACHEMAX=CACHE), open_temperature(Place(disk=lst_path)) as product:
        shape = shape_of_map(product.grid.height, product.grid.width)
        kelvin = product.read(out_shape=shape, resampling=Resampling.average)
    return draw_quicklook(kelvin, target, title=title or lst_path.stem, unit=UNITS[units])


def draw_quicklook(values: NDArray[Any], target: Path, *, title: str, unit: tuple[str, float]) -> Limits | None:
    """Draw values (rows, columns), NaN where missing, as `write_quicklook` does; `unit` is its label and zero."""
    name, zero = unit
    limits = robust_limits(values - zero)
    save(draw_map(values - zero, inferno(), limits, title=title, unit=name, missing="no temperature"), target)
    return (limits[0] + zero, limits[1] + zero) if limits else None


def write_sidecars(paths: ProductPaths, files: Staging, properties: Mapping[str, Any]) -> None:
    """Write the sidecar files of finished rasters, with further `properties` of the STAC item.

    The item is last: it shows that the product is complete. Raises OutputError if a file cannot be written.
    """
    title = paths.temperature.stem
    limits = write_quicklook(files.path_of(paths.temperature), files.new(paths.quicklook), title=title)
    if limits is not None:
        with writing(paths.style):
            files.new(paths.style).write_text(lst_style(*limits), encoding="utf-8")
    values = quality_values(files.path_of(paths.quality))
    with writing(paths.quality_style):
        files.new(paths.quality_style).write_text(quality_style(values), encoding="utf-8")
    targets = {role: paths.of(role) for role in SUFFIXES}
    item = make_item({role: (files.path_of(path), path.name) for role, path in targets.items() if files.has(path)})
    item["properties"] |= properties
    with writing(paths.item):
        files.new(paths.item).write_text(item_text(item), encoding="utf-8")
