"""Products opened as xarray datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from lst_raster.errors import GridMismatchError, InputError, InputNotFoundError, RemoteAccessError
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.product.paths import ITEM, OutputForm, temperature_layer
from lst_raster.product.product_set import file_names, find_product
from lst_raster.product.quality_flags import FLAGS, flag, require_quality_band
from lst_raster.product.tiff_blocks import BLOCK
from lst_raster.resources import require
from lst_raster.xarray_api.attributes import (
    CONVENTIONS,
    LST_ATTRIBUTES,
    UNCERTAINTY_ATTRIBUTES,
    ancillary,
    flag_attributes,
    quality_attributes,
)


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
            return np.dtype(np.uint32)
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
            if self.content != "kelvin":
                require_quality_band(dataset.dtypes[0], f"product {self.place}")
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


_LOGGER = logging.getLogger(__name__)
_PRODUCT_TAG = "lst_raster_version"
_UNKNOWN = "unknown"
_NAMES = {"lst": "lst", "uncertainty": "lst_uncertainty", "quality": "quality"}  # of variables, by role


def open_product(path: str | Path, *, chunks: Any = None) -> xr.Dataset:
    """Open a product as a dataset.

    Nothing is read yet but the head of each file; a part is read when it is asked for.

    Parameters
    ----------
    path : str or path
        The temperature, or the STAC item, of a product; or the ``https``, ``http`` or ``s3`` address of one.
    chunks : dict, int or ``"auto"``, optional
        Cut into dask arrays, as `xarray.open_dataset` does; ``{}`` takes the blocks of the files. Needs the extra
        ``dask``.

    Returns
    -------
    Dataset
        ``lst`` and ``lst_uncertainty`` [K], float32 whatever the type in the files, NaN where there is none;
        ``quality``, the bits as they are, with the CF attributes that explain them; and each field of the bits by its
        name: boolean, ``emissivity_source`` and ``cloud_distance`` whole numbers with their meanings. What the product
        does not have is left out. Coordinates ``x``, ``y``, ``spatial_ref`` as rioxarray has them, and ``time`` where
        the day is known; the attributes are the provenance.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is not the temperature of a product.
    GridMismatchError
        The files of the product do not lie on the same grid.
    RemoteError
        A server does not give it.
    MissingExtraError
        `chunks` without dask, or an object store without the extra ``s3``.
    """
    if chunks is not None:
        require("dask", "dask")
    place = Place.of(path)
    name = place.remote.url if place.remote else str(path)
    return xr.open_dataset(name, engine=_ProductBackend, chunks=chunks)


class _ProductBackend(BackendEntrypoint):
    """How xarray opens a product."""

    open_dataset_parameters = ("filename_or_obj", "drop_variables")

    def open_dataset(  # type: ignore[override]  # it takes no other kinds of files
        self, filename_or_obj: str, *, drop_variables: str | Iterable[str] | None = None
    ) -> xr.Dataset:
        rasters = _rasters(Place.of(filename_or_obj))
        dropped = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or ())
        variables = {name: value for name, value in _variables(rasters).items() if name not in dropped}
        first = rasters["lst"]
        dataset = xr.Dataset(variables, coords=_coordinates(first), attrs=_attributes(first.tags))
        dataset = _placed(dataset, first.grid)
        dataset.encoding["source"] = str(first.place)  # else xarray writes the address with its signature
        return dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class _Raster:
    """A raster of a product, looked at."""

    place: Place
    """The file."""
    grid: Grid
    """Where its pixels lie."""
    description: str | None
    """What its band says it is."""
    tags: Mapping[str, str]
    """Its metadata."""

    @classmethod
    def open(cls, place: Place) -> _Raster:
        with open_raster(place, "product", InputError) as dataset:
            return cls(
                place=place, grid=Grid.of(dataset), description=dataset.descriptions[0], tags=dict(dataset.tags())
            )


def _rasters(place: Place) -> dict[str, _Raster]:
    """Look at the rasters of a product, the temperature first."""
    places = _places(place)
    first = _Raster.open(places.pop("lst"))
    if _PRODUCT_TAG not in first.tags:
        raise InputError(
            f"{first.place} is no product of lst-raster, it does not tell its version; open it with "
            "rioxarray.open_rasterio"
        )
    if first.description != temperature_layer(OutputForm()).description:
        raise InputError(
            f"{first.place} holds {first.description!r}, not the temperature of a product; give the file whose name "
            "is the same without its ending"
        )
    found = {"lst": first}
    for role, own in places.items():
        raster = _optional(own)
        if raster is None:
            continue
        if not raster.grid.matches(first.grid):
            raise GridMismatchError(f"{raster.place.name} is {raster.grid}; {first.place.name} is {first.grid}")
        found[role] = raster
    return found


def _places(place: Place) -> dict[str, Place]:
    """Where the rasters of a product are, or on a server may be."""
    if place.remote is None:
        found = find_product(place.disk)
        return {"lst": Place(disk=found.lst)} | {
            role: Place(disk=path) for role, path in found.rasters.items() if role != "lst"
        }
    address = place.remote
    stem = address.name.removesuffix(ITEM)
    lst = place if stem == address.name else Place.at(address.sibling(f"{stem}.tif"))
    names = file_names(lst.name)
    siblings = {role: Place.at(address.sibling(names[role])) for role in ("uncertainty", "quality")}
    return {"lst": lst, **siblings}


def _optional(place: Place) -> _Raster | None:
    """Look at a raster that may not be there, which a server does not always tell from one that it does not give."""
    try:
        return _Raster.open(place)
    except InputNotFoundError:
        return None
    except RemoteAccessError as reason:
        _LOGGER.warning(f"{place.name} is left out: {reason}")
        return None


def _variables(rasters: Mapping[str, _Raster]) -> dict[str, xr.Variable]:
    others = ancillary(*(_NAMES[role] for role in rasters if role != "lst"))
    variables = {"lst": _variable(rasters["lst"], "kelvin", {**LST_ATTRIBUTES, **others})}
    if "uncertainty" in rasters:
        variables["lst_uncertainty"] = _variable(rasters["uncertainty"], "kelvin", UNCERTAINTY_ATTRIBUTES)
    if "quality" in rasters:
        variables["quality"] = _variable(rasters["quality"], "bits", quality_attributes())
        for flag in FLAGS:
            variables[flag.name] = _variable(rasters["quality"], flag.name, flag_attributes(flag))
    return variables


def _variable(raster: _Raster, content: str, attributes: Mapping[str, Any]) -> xr.Variable:
    array = RasterArray(RasterPart(place=raster.place, grid=raster.grid, content=content))
    encoding = {"preferred_chunks": {"y": BLOCK, "x": BLOCK}}
    return xr.Variable(("y", "x"), indexing.LazilyIndexedArray(array), dict(attributes), encoding)


def _coordinates(raster: _Raster) -> dict[str, Any]:
    """Centres of the pixels, where rows and columns run along the axes; the time, where the day is known."""
    grid, found = raster.grid, {}
    a, b, c, d, e, f = tuple(grid.transform)[:6]
    if b == d == 0.0:
        found = {"y": f + e * (np.arange(grid.height) + 0.5), "x": c + a * (np.arange(grid.width) + 0.5)}
    time = _time(raster.tags.get("acquisition_date", _UNKNOWN), raster.tags.get("acquisition_time", _UNKNOWN))
    return (
        found if time is None else {**found, "time": ((), time, {"standard_name": "time", "long_name": "acquisition"})}
    )


def _time(date: str, time: str) -> np.datetime64 | None:
    try:
        day = np.datetime64(date, "ns") if len(date) == len("2015-07-19") else None
    except ValueError:
        return None
    if day is None or time == _UNKNOWN:
        return day
    return np.datetime64(f"{date}T{time.removesuffix('Z')}", "ns")


def _attributes(tags: Mapping[str, str]) -> dict[str, str]:
    """Provenance: the items of the file that are ours."""
    own = {name: value for name, value in sorted(tags.items()) if name.islower()}
    return {"Conventions": CONVENTIONS, "title": "Land surface temperature", **own}


def _placed(dataset: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Add the coordinate system as rioxarray does, which is loaded so that ``.rio`` is there."""
    import rioxarray  # noqa: F401  # takes a second

    if grid.crs is not None:
        dataset = dataset.rio.write_crs(grid.crs)
        if "x" in dataset.coords:
            dataset = dataset.rio.write_coordinate_system()
    placed: xr.Dataset = dataset.rio.write_transform(grid.transform)
    return placed
