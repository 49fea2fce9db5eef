"""Previews of products: decimated arrays and texts, and their drawing as a picture or a page."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import Resampling

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import (
    GridMismatchError,
    InputError,
    InputNotFoundError,
    LstRasterError,
    OutputError,
    RemoteAccessError,
)
from lst_raster.io.address import Address, location_of
from lst_raster.io.bundle import Place, is_hidden
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import LEVEL_2_TEMPERATURE, read_file_name
from lst_raster.io.quality_band import COLLECTION_2, find_layout, read_bits
from lst_raster.io.raster import gdal_settings, open_raster, read_stored
from lst_raster.io.temperature_raster import open_temperature
from lst_raster.plots.charts import MapSheet, draw_map_sheet, require_matplotlib, save_figure
from lst_raster.plots.colours import cloud_free_limits, inferno
from lst_raster.product.paths import COMPONENTS, ITEM, file_names, find_product, may_have
from lst_raster.product.quality_flags import FLAGS, SCENE_QUALITY_KINDS, Flag, flag, require_quality_band
from lst_raster.product.sidecars import CACHE, UNITS
from lst_raster.sensors.bands import sensor_band

Units: TypeAlias = Literal["C", "K"]  # unit of the displayed temperatures

CLOUD_FLAGS = ("cloud", "cloud_shadow")  # fields of the quality band that make a temperature unreliable

_LOGGER = logging.getLogger(__name__)
_TIFF = (".tif", ".tiff")
_LST = re.compile(rf"(_LST|{LEVEL_2_TEMPERATURE})\.tiff?$", re.IGNORECASE)
_NOT_LST = re.compile(r"(_UNC(_RAN|_ATM|_SFC|_SYS)?|_QA|_COUNT)\.tiff?$", re.IGNORECASE)
_USGS = re.compile(rf"{LEVEL_2_TEMPERATURE}(?=\.tiff?$)", re.IGNORECASE)
_SQUARE = 0.01  # relative difference of the sides of a pixel that is still drawn as a square
_FLATTEST = 0.1  # smallest ratio of the sides of a pixel; flatter ones are drawn with this ratio
_UP = 5.0  # [degree], deviation of north without an arrow; the convergence within a UTM zone is smaller
_UNKNOWN = "unknown"
_WIDTH = {False: 1000, True: 1400}  # [pixel] of the map at most, of a picture and of a page
_LEAST, _MOST = 100, 4000  # [pixel]
_ENDINGS = {False: (".png",), True: (".html", ".htm")}


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewFiles:
    """Rasters of a product that a preview displays."""

    lst: Place  # temperature
    companions: Mapping[str, Place]
    """By role: ``uncertainty``, its components and ``quality``, or ``scene_quality`` of a USGS product; some may be
    missing on a server."""


def find_preview_files(product: str | Path) -> PreviewFiles:
    """Find the rasters of a product: its temperature, STAC item or folder, or the address of a raster on a server.

    Raises InputNotFoundError where there is none, InputError where a folder holds several.
    """
    place = Place.of(product)
    if place.remote is not None:
        remote, names = place.remote, _companion_names(place.name)
        return PreviewFiles(lst=place, companions={role: Place.at(remote.sibling(names[role])) for role in names})
    path = _only_temperature(place.disk) if place.disk.is_dir() else place.disk
    if path.suffix.lower() not in (*_TIFF, ITEM):  # GDAL reads more formats than GeoTIFF, or reports the error
        return PreviewFiles(lst=Place(disk=path), companions={})
    found = find_product(path)
    companions = {}
    for role, name in _companion_names(found.lst.name).items():
        file = found.rasters.get(role, found.lst.with_name(name))
        if file.is_file():
            companions[role] = Place(disk=file)
    return PreviewFiles(lst=Place(disk=found.lst), companions=companions)


def _companion_names(name: str) -> dict[str, str]:
    if _USGS.search(name):
        return {"scene_quality": _USGS.sub("_QA_PIXEL", name)}
    return {role: file_names(name)[role] for role in ("uncertainty", *COMPONENTS, "quality")}


def _only_temperature(folder: Path) -> Path:
    """Find the temperature in a folder: with a STAC item, else by its name, else the only raster."""
    files = (path for path in folder.iterdir() if not is_hidden(path.name) and path.is_file())
    rasters = sorted(path for path in files if path.suffix.lower() in _TIFF and not _NOT_LST.search(path.name))
    with_items = [path for path in rasters if path.with_suffix(ITEM).is_file()]
    found = with_items or [path for path in rasters if _LST.search(path.name)] or (rasters if len(rasters) == 1 else [])
    if not found:
        count = f"{len(rasters)} rasters, and none has the name of a product" if rasters else "no raster"
        raise InputNotFoundError(f"folder {folder} holds no product: it has {count}; give the raster itself")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise InputError(f"folder {folder} holds several rasters: {names}{more}; give one of them")
    return found[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Content of a preview; all arrays of shape (rows, columns)."""

    title: str  # name of the scene
    subtitle: str  # quantity, sensor and time
    grid: Grid  # grid of the whole raster
    kelvin: NDArray[np.float64]  # temperature, NaN where there is none [K]
    uncertainty: NDArray[np.float64] | None  # uncertainty of the temperature, None where the product has none [K]
    components: Mapping[str, NDArray[np.float64]]  # components of the uncertainty by role, of those that there are [K]
    bits: NDArray[np.uint32] | None  # quality bits, None where the product has none
    flags: tuple[Flag, ...]  # fields of the quality bits that are defined: all, or those of a USGS quality band

    @property
    def cloudy(self) -> NDArray[np.bool_] | None:
        """Mask of cloud and cloud shadow, None without quality bits."""
        mask = np.uint32(sum(flag(name).mask for name in CLOUD_FLAGS))
        return None if self.bits is None else np.asarray((self.bits & mask) != 0)

    @property
    def pixel(self) -> tuple[float, float] | None:
        """Width and height of a displayed value on the ground at the centre, None without a coordinate system. [m]"""
        size = self.grid.pixel_size()
        rows, columns = self.kelvin.shape
        return (size[0] * self.grid.width / columns, size[1] * self.grid.height / rows) if size else None

    def north(self) -> float | None:
        """Direction of north at the centre, clockwise from up; None where it is nearly up or not known. [degree]"""
        grid, column, row = self.grid, self.grid.width / 2, self.grid.height / 2
        if grid.crs is None:
            return None
        try:
            latitude, longitude = grid.degrees(column, row)
            step = 1e-3 if latitude < 89.0 else -1e-3
            to_grid = Transformer.from_crs("EPSG:4326", grid.crs.to_wkt(), always_xy=True)
            x, y = to_grid.transform(longitude, latitude + step, errcheck=True)
        except ProjError:
            return None
        a, b, c, d, e, f = tuple(~grid.transform)[:6]
        sign = math.copysign(1.0, step)
        right, up = sign * (a * x + b * y + c - column), sign * (row - (d * x + e * y + f))
        angle = math.degrees(math.atan2(right, up))
        return angle if abs(angle) > _UP else None


def read_view(files: PreviewFiles, longest: int) -> View:
    """Read a product with at most `longest` rows and columns from its overviews.

    Temperature and uncertainty are means of pixels, quality is that of one of them.

    Raises InputNotFoundError, InputError where a file is damaged or not of the expected kind, and GridMismatchError
    where the files have different grids.
    """
    with gdal_settings(GDAL_CACHEMAX=CACHE):
        with open_temperature(files.lst) as raster:
            grid, shape = raster.grid, shape_of_view(raster.grid, longest)
            kelvin = _read_at(lambda at: raster.read(resampling=Resampling.average, out_shape=at), grid, shape)
            tags, description = raster.view.tags(), raster.view.descriptions[0]
            for note in raster.notes():
                _LOGGER.warning(note)
        companions = {
            role: place for role, place in files.companions.items() if place.remote is None or may_have(role, tags)
        }
        found = {role: _read_companion(role, place, grid, shape) for role, place in companions.items()}
    return View(
        title=Path(files.lst.name).stem.removesuffix("_LST"), subtitle=subtitle(files.lst.name, tags, description),
        grid=grid, kelvin=kelvin, uncertainty=found.get("uncertainty"),
        components={role: part for role in COMPONENTS if (part := found.get(role)) is not None},
        bits=found.get("quality", found.get("scene_quality")),
        flags=FLAGS if "quality" in found else tuple(flag(name) for name in ("fill", *SCENE_QUALITY_KINDS)),
    )  # fmt: skip


def shape_of_view(grid: Grid, longest: int) -> tuple[int, int]:
    """Return rows and columns of the displayed raster: at most `longest`, with square pixels."""
    a, b, _, d, e, _ = tuple(grid.transform)[:6]
    pixel_width, pixel_height = grid.pixel_size() or (math.hypot(a, d), math.hypot(b, e))
    ratio = min(max(pixel_height / pixel_width, _FLATTEST), 1.0 / _FLATTEST)
    ratio = 1.0 if abs(ratio - 1.0) < _SQUARE else ratio
    width, height = grid.width * max(1.0, 1.0 / ratio), grid.height * max(1.0, ratio)
    scale = min(1.0, longest / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))


def subtitle(name: str, tags: Mapping[str, str], description: str | None) -> str:
    """Describe a raster by quantity, sensor and time, from its tags and its file name.

    >>> subtitle("a_LST.tif", {"sensor": "landsat8-b10", "acquisition_date": "2015-01"}, "land surface temperature")
    'Land surface temperature, Landsat 8 TIRS band 10, 2015-01'
    """
    quantity = description or "surface temperature"
    parts = [quantity[0].upper() + quantity[1:]]
    if "composite" in tags:
        dates = [tags[key] for key in ("first_date", "last_date") if tags.get(key, _UNKNOWN) != _UNKNOWN]
        return ", ".join([*parts, f"{tags['composite'].partition(' of ')[2]}, {' to '.join(dict.fromkeys(dates))}"])
    if "sensor" in tags:
        try:
            parts.append(sensor_band(tags["sensor"]).title)
        except LstRasterError:  # a custom sensor that is not installed here
            parts.append(tags["sensor"])
    date, time = (tags.get(f"acquisition_{key}", _UNKNOWN) for key in ("date", "time"))
    if date == _UNKNOWN:
        try:
            date = str(read_file_name(Path(name), level_2=True).date or "")
        except LstRasterError:
            date = ""
    if date:
        parts.append(date if time == _UNKNOWN else f"{date} {time[:5]} UTC")
    return ", ".join(parts)


def _read_companion(role: str, place: Place, grid: Grid, shape: tuple[int, int]) -> NDArray[Any] | None:
    """Read uncertainty or quality; None where a server has no such file."""
    try:
        with open_raster(place, role, InputError) as dataset:
            found = Grid.of(dataset)
            if not found.matches(grid):
                raise GridMismatchError(
                    f"{place.name} is {found}, the temperature {grid}; remove the file, or write it on the same grid"
                )
            return _read_at(lambda size: _READERS[role](dataset, place, size), grid, shape)
    except InputNotFoundError:
        return None
    except RemoteAccessError as reason:
        _LOGGER.warning(f"{place.name} is not displayed: {reason}")
        return None


def _read_at(read: Callable[[tuple[int, int]], NDArray[Any]], grid: Grid, shape: tuple[int, int]) -> NDArray[Any]:
    """Read a raster not larger than it is, and repeat pixels where the view is larger."""
    size = min(shape[0], grid.height), min(shape[1], grid.width)
    rows, columns = (np.arange(shown) * side // shown for side, shown in zip(size, shape, strict=True))
    return np.asarray(read(size)[rows[:, None], columns])


def _read_quality(dataset: Any, place: Place, shape: tuple[int, int]) -> NDArray[np.uint32]:
    require_quality_band(dataset.dtypes[0], f"quality {place}")
    bits, _ = read_stored(dataset, "quality", InputError, out_shape=shape)
    return np.asarray(bits, np.uint32)


def _read_scene_quality(dataset: Any, place: Place, shape: tuple[int, int]) -> NDArray[np.uint32]:
    """Translate a Landsat quality band to the bits of a product."""
    stored = read_bits(dataset, out_shape=shape)
    masks = find_layout(stored, COLLECTION_2, place).decode(stored)
    bits = np.where(masks["fill"], np.uint32(flag("fill").mask), np.uint32(0))
    for name, kinds in SCENE_QUALITY_KINDS.items():
        for kind in set(kinds) & set(masks):
            bits |= masks[kind] * np.uint32(flag(name).mask)
    return bits


def _read_uncertainty(dataset: Any, place: Place, shape: tuple[int, int]) -> NDArray[np.float64]:
    stored, valid = read_stored(dataset, "uncertainty", InputError, out_shape=shape, resampling=Resampling.average)
    values = stored.astype(np.float64) * dataset.scales[0] + dataset.offsets[0]
    return np.where(valid & np.isfinite(values), values, np.nan)


_READERS: dict[str, Callable[..., NDArray[Any]]] = {
    **dict.fromkeys(("uncertainty", *COMPONENTS), _read_uncertainty), "quality": _read_quality,
    "scene_quality": _read_scene_quality,
}  # fmt: skip


def preview(
    product: str | Path, output: str | Path | None = None, *, html: bool = False, units: Units = "C",
    width: int | None = None, overwrite: bool = False,
) -> Path:  # fmt: skip
    """Draw a product as a picture or as an interactive page in one file.

    Only overviews are read: time and memory do not grow with the product.

    Parameters
    ----------
    product : str or path
        Temperature of a product or a composite, its STAC item or its folder, or another raster of surface temperature.
    output : str or path, optional
        File to write, or an existing folder; by default ``NAME_preview.png`` (``.html``) next to the product.
    html : bool
        Write a page with pan, zoom, values, uncertainty and quality instead of a picture.
    units : {"C", "K"}
        Unit of the displayed temperatures.
    width : int, optional
        Largest number of rows and columns of the map, 100 to 4000; larger rasters are averaged. Default: 1000 for a
        picture, 1400 for a page. [pixel]
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    path
        The written file.

    Raises
    ------
    InputNotFoundError
        The product does not exist.
    InputError
        The product is not a raster of one band in kelvin, or is damaged; or an argument is invalid.
    GridMismatchError
        Uncertainty or quality have another grid than the temperature.
    OutputError
        The file exists or cannot be written.
    MissingExtraError
        matplotlib is not installed, which a picture needs.
    """
    if units not in ("C", "K"):
        raise InputError(f"units {units!r} are not supported; give C or K")
    longest = _WIDTH[html] if width is None else width
    if not _LEAST <= longest <= _MOST:
        raise InputError(f"a width of {longest} pixels is not supported; give one of {_LEAST} to {_MOST}")
    if not html:
        require_matplotlib()
    files = find_preview_files(product)
    target = _target(files, output, html=html, overwrite=overwrite)
    view, unit = read_view(files, longest), UNITS["degC" if units == "C" else "K"]
    if html:
        from lst_raster.product.preview.page import page_of

        with atomic_write(target) as path:
            path.write_text(page_of(view, unit), encoding="utf-8")
    else:
        _write_picture(view, target, unit)
    return target


def _target(files: PreviewFiles, output: str | Path | None, *, html: bool, overwrite: bool) -> Path:
    """Path of the preview; raises OutputError where it cannot be written."""
    name = f"{Path(files.lst.name).stem}_preview{_ENDINGS[html][0]}"
    if output is None and files.lst.remote is not None:
        raise OutputError(f"{files.lst} is on a server, where no preview can be written; give a local file: -o {name}")
    place = files.lst.disk.with_name(name) if output is None else location_of(output)
    if isinstance(place, Address):
        raise OutputError(f"cannot write {place}: previews are written to disk; give a local file or folder")
    target = place / name if place.is_dir() else place
    if target.suffix.lower() not in _ENDINGS[html]:
        hint = "; for a page add --html" if not html and target.suffix.lower() in _ENDINGS[True] else ""
        raise OutputError(f"cannot write {target}: the name must end in {' or '.join(_ENDINGS[html])}{hint}")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another file")
    return target


def _write_picture(view: View, target: Path, unit: tuple[str, float]) -> None:
    name, zero = unit
    values = view.kelvin - zero
    sheet = MapSheet(
        values=values, table=inferno(), limits=cloud_free_limits(values, view.cloudy), unit=name, title=view.title,
        subtitle=view.subtitle, cloudy=view.cloudy, pixel=view.pixel[0] if view.pixel else None, north=view.north(),
        notes=() if view.bits is not None else ("no quality band: clouds are not hatched",),
    )  # fmt: skip
    save_figure(draw_map_sheet(sheet), target)
