"""What a preview shows: the product's files, decimated."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import Resampling

from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError, LstRasterError, RemoteAccessError
from lst_raster.io.bundle import Place, is_hidden
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import LEVEL_2_TEMPERATURE, read_file_name
from lst_raster.io.quality_band import COLLECTION_2, find_layout, read_bits
from lst_raster.io.raster import gdal_settings, open_raster, read_stored
from lst_raster.io.temperature_raster import open_temperature
from lst_raster.product.paths import ITEM
from lst_raster.product.product_set import file_names, find_product
from lst_raster.product.quality_flags import FLAGS, FROM_SCENE, Flag, flag, require_quality_band
from lst_raster.product.sidecars import CACHE
from lst_raster.sensors.bands import sensor_band

_TIFF = (".tif", ".tiff")
_LST = re.compile(rf"(_LST|{LEVEL_2_TEMPERATURE})\.tiff?$", re.IGNORECASE)
_OTHERS = re.compile(r"(_UNC|_UNC_IND|_QA|_COUNT)\.tiff?$", re.IGNORECASE)
_BESIDE = ("uncertainty", "quality")
_USGS = re.compile(rf"{LEVEL_2_TEMPERATURE}(?=\.tiff?$)", re.IGNORECASE)
_SHOWN = 3  # names in a message


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The rasters of a product that a preview shows."""

    lst: Place
    """The temperature."""
    beside: Mapping[str, Place]
    """By role what is there, on a server what may be there: ``uncertainty`` and ``quality`` of a product of ours, and
    ``scene_quality``, the quality band QA_PIXEL, of one of the USGS."""

    @property
    def stem(self) -> str:
        """The temperature's name without its ending."""
        return Path(self.lst.name).stem


def find_subject(product: str | Path) -> Subject:
    """Find the rasters of a product.

    Parameters
    ----------
    product : str or path
        The temperature of a product or a composite, its STAC item, another raster of surface temperature, or the folder
        that holds one of them; or the ``https``, ``http`` or ``s3`` address of a raster.

    Returns
    -------
    Subject
        The rasters.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        The folder holds none, or several.
    """
    place = Place.of(product)
    if place.remote is not None:
        names = _names(place.name)
        return Subject(lst=place, beside={role: Place.at(place.remote.sibling(name)) for role, name in names.items()})
    path = _in_folder(place.disk) if place.disk.is_dir() else place.disk
    if path.suffix.lower() not in (*_TIFF, ITEM):  # GDAL reads more than GeoTIFFs, and says what it cannot
        return Subject(lst=Place(disk=path), beside={})
    found = find_product(path)
    usual = {role: found.lst.with_name(name) for role, name in _names(found.lst.name).items()}
    files = {role: found.rasters.get(role, own) for role, own in usual.items()}
    beside = {role: Place(disk=own) for role, own in files.items() if own.is_file()}
    return Subject(lst=Place(disk=found.lst), beside=beside)


def _names(name: str) -> dict[str, str]:
    """Names of the files beside a temperature, by role."""
    if _USGS.search(name):
        return {"scene_quality": _USGS.sub("_QA_PIXEL", name)}
    return {role: own for role, own in file_names(name).items() if role in _BESIDE}


def _in_folder(folder: Path) -> Path:
    """Find the one temperature in a folder: by its STAC item, else by its name, else because there is no other."""
    files = (path for path in folder.iterdir() if not is_hidden(path.name) and path.is_file())
    rasters = sorted(path for path in files if path.suffix.lower() in _TIFF)
    own = [path for path in rasters if not _OTHERS.search(path.name)]
    with_items = [path for path in own if path.with_suffix(ITEM).is_file()]
    found = with_items or [path for path in own if _LST.search(path.name)] or (own if len(own) == 1 else [])
    if not found:
        count = f"{len(own)} rasters, and none has the name of a product" if own else "no raster"
        raise InputNotFoundError(f"folder {folder} holds no product: it has {count}; give the raster itself")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InputError(f"folder {folder} holds several rasters: {names}{more}; give one of them")
    return found[0]


_LOGGER = logging.getLogger(__name__)

DOUBTFUL = ("cloud", "cloud_shadow")
"""Fields of the quality bits under which a temperature is not to be trusted."""

_SQUARE = 0.01  # by which the sides of a pixel may differ and be drawn as a square
_FLATTEST = 0.1  # of a pixel's sides: beyond it the map is drawn narrower than it is
_UP = 5.0  # [degree] by which north may be off: no line of a UTM zone is turned as far
_UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A product as it is shown."""

    title: str
    """Name of the scene."""
    subtitle: str
    """What it is, of which sensor and when."""
    grid: Grid
    """Grid of the whole raster."""
    kelvin: NDArray[np.float64]
    """Temperature of shape (rows, columns), NaN where there is none. [K]"""
    uncertainty: NDArray[np.float64] | None
    """Its uncertainty, same shape; None where the product has none. [K]"""
    bits: NDArray[np.uint32] | None
    """Quality bits, same shape; None where the product has none."""
    fields: tuple[Flag, ...]
    """Those that the bits tell: all, or of a product of the USGS what its quality band knows."""

    @property
    def doubtful(self) -> NDArray[np.bool_] | None:
        """Where cloud or shadow is flagged; None where nobody can tell."""
        if self.bits is None:
            return None
        doubt = np.uint32(sum(flag(name).mask for name in DOUBTFUL))
        return np.asarray((self.bits & doubt) != 0)

    @property
    def pixel(self) -> tuple[float, float] | None:
        """Width and height of a value on the ground, at the centre; None where it is not known. [m]"""
        own = self.grid.pixel_size()
        rows, columns = self.kelvin.shape
        return (own[0] * self.grid.width / columns, own[1] * self.grid.height / rows) if own else None

    def north(self) -> float | None:
        """Direction of north at the centre, clockwise from up; None where it is nearly up, or not known. [degree]"""
        try:
            across, up = _northward(self.grid)
        except ProjError:
            return None
        angle = math.degrees(math.atan2(across, up))
        return angle if abs(angle) > _UP else None


def read_view(subject: Subject, longest: int) -> View:
    """Read a product as large as it is shown, from its overviews: time and memory do not grow with it.

    Parameters
    ----------
    subject : Subject
        Its rasters.
    longest : int
        Rows and columns that are shown at most.

    Returns
    -------
    View
        What is shown: temperature and uncertainty as means of the pixels, quality of one of them.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is no raster of one band, damaged, or does not hold kelvin; or a file beside it is not what it should be.
    GridMismatchError
        The files beside it lie on another grid.
    """
    with gdal_settings(GDAL_CACHEMAX=CACHE):
        with open_temperature(subject.lst) as raster:
            grid, shape = raster.grid, shape_of_view(raster.grid, longest)
            read = partial(raster.read, resampling=Resampling.average)
            kelvin = _fitted(lambda own: read(out_shape=own), grid, shape)
            tags, description = raster.view.tags(), raster.view.descriptions[0]
            for note in raster.notes():
                _LOGGER.warning(note)
        found = {role: _beside(role, place, grid, shape) for role, place in subject.beside.items()}
    return View(
        title=_title(subject.lst.name),
        subtitle=subtitle(subject.lst.name, tags, description),
        grid=grid,
        kelvin=kelvin,
        uncertainty=found.get("uncertainty"),
        bits=found.get("quality", found.get("scene_quality")),
        fields=FLAGS if "quality" in found else tuple(flag(name) for name in ("fill", *FROM_SCENE)),
    )


def shape_of_view(grid: Grid, longest: int) -> tuple[int, int]:
    """Rows and columns at which a raster is shown: as it is, or smaller; pixels that are no squares are made such.

    Examples
    --------
    >>> from rasterio import Affine
    >>> shape_of_view(Grid(crs=None, transform=Affine(30, 0, 0, 0, -30, 0), width=7600, height=7800), 1000)
    (1000, 974)
    """
    a, b, _, d, e, _ = tuple(grid.transform)[:6]
    across, down = grid.pixel_size() or (math.hypot(a, d), math.hypot(b, e))
    ratio = min(max(down / across, _FLATTEST), 1.0 / _FLATTEST)
    ratio = 1.0 if abs(ratio - 1.0) < _SQUARE else ratio
    width, height = grid.width * max(1.0, 1.0 / ratio), grid.height * max(1.0, ratio)
    scale = min(1.0, longest / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))


def subtitle(name: str, tags: Mapping[str, str], description: str | None) -> str:
    """Say what a raster is, of which sensor and when, as far as it tells.

    Examples
    --------
    >>> subtitle("a_LST.tif", {"sensor": "landsat8-b10", "acquisition_date": "2015-01"}, "land surface temperature")
    'Land surface temperature, Landsat 8 TIRS band 10, 2015-01'
    """
    what = description or "surface temperature"
    parts = [what[0].upper() + what[1:]]
    if "composite" in tags:
        dates = [tags[key] for key in ("first_date", "last_date") if tags.get(key, _UNKNOWN) != _UNKNOWN]
        return ", ".join([*parts, f"{tags['composite'].partition(' of ')[2]}, {' to '.join(dict.fromkeys(dates))}"])
    if "sensor" in tags:
        parts.append(_sensor(tags["sensor"]))
    date, clock = (tags.get(f"acquisition_{key}", _UNKNOWN) for key in ("date", "time"))
    if date == _UNKNOWN:
        date = _date_of(name)
    if date:
        parts.append(date if clock == _UNKNOWN else f"{date} {clock[:5]} UTC")
    return ", ".join(parts)


def _title(name: str) -> str:
    return Path(name).stem.removesuffix("_LST")


def _sensor(name: str) -> str:
    try:
        return sensor_band(name).title
    except LstRasterError:  # a sensor of the user's own
        return name


def _date_of(name: str) -> str:
    """Date that a file's name tells, empty where it tells none."""
    try:
        found = read_file_name(Path(name), level_2=True).date
    except LstRasterError:
        return ""
    return str(found) if found else ""


def _northward(grid: Grid) -> tuple[float, float]:
    """Go a little north from the centre of a grid: how far to the right that is, and how far up. [pixel]"""
    if grid.crs is None:
        return 0.0, 1.0
    column, row = grid.width / 2, grid.height / 2
    latitude, longitude = grid.degrees(column, row)
    step = 1e-3 if latitude < 89.0 else -1e-3
    back = Transformer.from_crs("EPSG:4326", grid.crs.to_wkt(), always_xy=True)
    x, y = back.transform(longitude, latitude + step, errcheck=True)
    a, b, c, d, e, f = tuple(~grid.transform)[:6]
    sign = math.copysign(1.0, step)
    return sign * (a * x + b * y + c - column), sign * (row - (d * x + e * y + f))


def _beside(role: str, place: Place, grid: Grid, shape: tuple[int, int]) -> NDArray[Any] | None:
    """Read what lies beside the temperature; None where a server has no such file."""
    try:
        with open_raster(place, role, InputError) as dataset:
            own = Grid.of(dataset)
            if not own.matches(grid):
                raise GridMismatchError(f"{place.name} is {own}; the temperature is {grid}; move it away, or mend it")
            return _fitted(lambda size: _READERS[role](dataset, place, size), grid, shape)
    except InputNotFoundError:
        return None
    except RemoteAccessError as reason:
        _LOGGER.warning(f"{place.name} is left out: {reason}")
        return None


def _fitted(read: Callable[[tuple[int, int]], NDArray[Any]], grid: Grid, shape: tuple[int, int]) -> NDArray[Any]:
    """Read a raster, no larger than it is, and repeat pixels where that has less than is shown."""
    own = min(shape[0], grid.height), min(shape[1], grid.width)
    rows, columns = (np.arange(shown) * side // shown for side, shown in zip(own, shape, strict=True))
    return np.asarray(read(own)[rows[:, None], columns])


def _bits(dataset: Any, place: Place, shape: tuple[int, int]) -> NDArray[np.uint32]:
    require_quality_band(dataset.dtypes[0], f"quality {place}")
    bits, _ = read_stored(dataset, "quality", InputError, out_shape=shape)
    return np.asarray(bits, np.uint32)


def _bits_of_scene(dataset: Any, place: Place, shape: tuple[int, int]) -> NDArray[np.uint32]:
    """Bits of ours from a scene's quality band, so far as it tells them."""
    stored = read_bits(dataset, out_shape=shape)
    masks = find_layout(stored, COLLECTION_2, place).decode(stored)
    bits = np.where(masks["fill"], np.uint32(flag("fill").mask), np.uint32(0))
    for name, kinds in FROM_SCENE.items():
        for kind in set(kinds) & set(masks):
            bits |= masks[kind] * np.uint32(flag(name).mask)
    return bits


def _kelvins(dataset: Any, place: Place, shape: tuple[int, int]) -> NDArray[np.float64]:
    stored, valid = read_stored(dataset, "uncertainty", InputError, out_shape=shape, resampling=Resampling.average)
    values = stored.astype(np.float64) * dataset.scales[0] + dataset.offsets[0]
    return np.where(valid & np.isfinite(values), values, np.nan)


_READERS: dict[str, Callable[..., NDArray[Any]]] = {
    "uncertainty": _kelvins,
    "quality": _bits,
    "scene_quality": _bits_of_scene,
}
