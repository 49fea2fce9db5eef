"""Products opened as xarray datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
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
from lst_raster.product.cog import BLOCK
from lst_raster.product.paths import ITEM, RASTERS, OutputFormat, file_names, find_product, may_have, temperature_layer
from lst_raster.product.quality_flags import FLAGS, flag, require_quality_band
from lst_raster.resources import require
from lst_raster.xarray_api.attributes import (
    ANGLE_ATTRIBUTES,
    COMPONENT_ATTRIBUTES,
    CONVENTIONS,
    LST_ATTRIBUTES,
    UNCERTAINTY_ATTRIBUTES,
    ancillary,
    flag_attributes,
    quality_attributes,
)

_LOGGER = logging.getLogger(__name__)
_PRODUCT_TAG = "lst_raster_version"


def open_product(path: str | Path, *, chunks: Any = None) -> xr.Dataset:
    """Open a product as a dataset.

    Only the header of each file is read; values are read on access.

    Parameters
    ----------
    path : str or path
        The temperature, or the STAC item, of a product; or the ``https``, ``http`` or ``s3`` address of one.
    chunks : dict, int or ``"auto"``, optional
        Chunks of dask arrays, as in `xarray.open_dataset`; ``{}`` uses the blocks of the files. Needs the extra
        ``dask``.

    Returns
    -------
    Dataset
        ``lst`` and ``lst_uncertainty`` [K], float32 for any type in the files, NaN where there is no value; its
        components, ``lst_uncertainty_random``, ``_atmosphere``, ``_surface`` and ``_systematic`` [K];
        ``quality``, the bits as stored, with CF attributes for their meaning; and each field of the bits by its
        name: boolean, ``emissivity_source`` and ``cloud_distance`` integers with their meanings; the angles
        ``view_zenith``, ``view_azimuth``, ``sun_zenith`` and ``sun_azimuth`` [degree]. Variables that the product does
        not have are omitted. Coordinates ``x``, ``y``, ``spatial_ref`` as in rioxarray, and ``time``
        where the date is known; the attributes are the provenance.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is not the temperature of a product.
    GridMismatchError
        The files of the product have different grids.
    RemoteError
        A server does not deliver a file.
    MissingExtraError
        `chunks` without dask, or an object store without the extra ``s3``.
    """
    if chunks is not None:
        require("dask", "dask")
    place = Place.of(path)
    name = place.remote.url if place.remote else str(path)
    return xr.open_dataset(name, engine=_ProductBackend, chunks=chunks)


class _ProductBackend(BackendEntrypoint):
    """Backend of xarray for products."""

    open_dataset_parameters = ("filename_or_obj", "drop_variables")

    def open_dataset(  # type: ignore[override]  # accepts no other kinds of files
        self, filename_or_obj: str, *, drop_variables: str | Iterable[str] | None = None
    ) -> xr.Dataset:
        rasters = _open_rasters(Place.of(filename_or_obj))
        variables = _variables(rasters)
        for name in [drop_variables] if isinstance(drop_variables, str) else drop_variables or ():
            variables.pop(name, None)
        first = rasters["lst"]
        tags = {name: value for name, value in sorted(first.tags.items()) if name.islower()}
        attributes = {"Conventions": CONVENTIONS, "title": "Land surface temperature", **tags}
        dataset = _with_crs(xr.Dataset(variables, coords=_coordinates(first), attrs=attributes), first.grid)
        dataset.encoding["source"] = str(first.place)  # else xarray writes the address with its signature
        return dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class _Raster:
    """Header of a raster of a product."""

    place: Place
    grid: Grid
    description: str | None  # of its band
    tags: Mapping[str, str]

    @classmethod
    def open(cls, place: Place) -> _Raster:
        with open_raster(place, "product", InputError) as dataset:
            grid, description = Grid.of(dataset), dataset.descriptions[0]
            return cls(place=place, grid=grid, description=description, tags=dict(dataset.tags()))


def _open_rasters(place: Place) -> dict[str, _Raster]:
    """Open the rasters of a product by variable, the temperature first."""
    places = _places(place)
    first = _Raster.open(places.pop("lst"))
    if _PRODUCT_TAG not in first.tags:
        raise InputError(
            f"{first.place} is not a product of lst-raster: it has no tag {_PRODUCT_TAG}; open it with "
            "rioxarray.open_rasterio"
        )
    if first.description != temperature_layer(OutputFormat()).description:
        raise InputError(
            f"{first.place} holds {first.description!r}, not the temperature of a product; give the file with the same "
            "name without its last suffix"
        )
    found = {"lst": first}
    for name, place in places.items():
        if place.remote is not None and not may_have(name.removeprefix("lst_"), first.tags):
            continue  # a server may also refuse access to a missing file
        try:
            raster = _Raster.open(place)
        except InputNotFoundError:
            continue
        except RemoteAccessError as reason:  # of some servers also the response for a missing file
            _LOGGER.warning(f"{place.name} is left out: {reason}")
            continue
        if not raster.grid.matches(first.grid):
            raise GridMismatchError(f"{raster.place.name} is {raster.grid}; {first.place.name} is {first.grid}")
        found[name] = raster
    return found


def _places(place: Place) -> dict[str, Place]:
    """Rasters of a product by variable; on a server, those that may exist."""
    if place.remote is None:
        product = find_product(place.disk)
        rasters = {"lst": Place(disk=product.lst)}
        rasters |= {role: Place(disk=path) for role, path in product.rasters.items() if role != "lst"}
    else:
        address = place.remote
        stem = address.name.removesuffix(ITEM)
        lst = place if stem == address.name else Place.at(address.sibling(f"{stem}.tif"))
        names = file_names(lst.name)
        rasters = {"lst": lst, **{role: Place.at(address.sibling(names[role])) for role in RASTERS if role != "lst"}}
    return {f"lst_{role}" if role.startswith("uncertainty") else role: raster for role, raster in rasters.items()}


def _variables(rasters: Mapping[str, _Raster]) -> dict[str, xr.Variable]:
    others = ancillary(*(name for name in rasters if name != "lst" and name not in ANGLE_ATTRIBUTES))
    variables = {"lst": _variable(rasters["lst"], "kelvin", {**LST_ATTRIBUTES, **others})}
    if "lst_uncertainty" in rasters:
        variables["lst_uncertainty"] = _variable(rasters["lst_uncertainty"], "kelvin", UNCERTAINTY_ATTRIBUTES)
    for name, attributes in COMPONENT_ATTRIBUTES.items():
        if name in rasters:
            variables[name] = _variable(rasters[name], "kelvin", attributes)
    if "quality" in rasters:
        variables["quality"] = _variable(rasters["quality"], "bits", quality_attributes())
        for field in FLAGS:
            variables[field.name] = _variable(rasters["quality"], field.name, flag_attributes(field))
    for name, attributes in ANGLE_ATTRIBUTES.items():
        if name in rasters:
            variables[name] = _variable(rasters[name], "kelvin", attributes)
    return variables


def _variable(raster: _Raster, content: str, attributes: Mapping[str, Any]) -> xr.Variable:
    array = indexing.LazilyIndexedArray(RasterArray(raster.place, raster.grid, content))
    return xr.Variable(("y", "x"), array, dict(attributes), {"preferred_chunks": {"y": BLOCK, "x": BLOCK}})


class RasterArray(BackendArray):
    """Lazy array of a raster for xarray, which can be sent to other processes.

    `content` is ``kelvin`` (of angles: degrees), ``bits``, or the name of one field of the quality bits.
    """

    def __init__(self, place: Place, grid: Grid, content: str) -> None:
        self._place, self._grid, self._content = place, grid, content
        self.shape = (grid.height, grid.width)
        self.dtype: np.dtype[Any]
        if content in ("kelvin", "bits"):
            self.dtype = np.dtype(np.float32 if content == "kelvin" else np.uint32)
        else:
            self.dtype = np.dtype(np.bool_ if flag(content).length == 1 else np.uint8)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        support = indexing.IndexingSupport.BASIC
        values: NDArray[Any] = indexing.explicit_indexing_adapter(key, self.shape, support, self._read)
        return values

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        # The axes as ranges with steps of at least one; an axis that the key drops has a single value.
        rows, columns = (
            range(side)[index] if isinstance(index, slice) else range(side)[int(index) :][:1]
            for index, side in zip(key, self.shape, strict=True)
        )
        if len(rows) and len(columns):
            window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
            values = self._read_window(window)[:: rows.step, :: columns.step]
        else:
            values = np.empty((len(rows), len(columns)), self.dtype)
        return values[tuple(slice(None) if isinstance(index, slice) else 0 for index in key)]

    def _read_window(self, window: Window) -> NDArray[Any]:
        with open_raster(self._place, "product", InputError) as dataset:
            if Grid.of(dataset) != self._grid:
                raise InputError(f"product {self._place} has changed since it was opened; open it again")
            if self._content != "kelvin":
                require_quality_band(dataset.dtypes[0], f"product {self._place}")
            stored, valid = read_stored(dataset, "product", InputError, window=window)
            scale, offset = dataset.scales[0], dataset.offsets[0]
        if self._content == "kelvin":
            values = stored if stored.dtype.kind == "f" else stored * scale + offset
            return np.where(valid, values, np.nan).astype(np.float32)
        return stored if self._content == "bits" else flag(self._content).of(stored).astype(self.dtype)


def _coordinates(raster: _Raster) -> dict[str, Any]:
    """Pixel centres of a grid without rotation, and the time where the date is known."""
    grid = raster.grid
    coordinates: dict[str, Any] = {}
    a, b, c, d, e, f = tuple(grid.transform)[:6]
    if b == d == 0.0:
        coordinates["y"] = f + e * (np.arange(grid.height) + 0.5)
        coordinates["x"] = c + a * (np.arange(grid.width) + 0.5)
    date, time = (raster.tags.get(f"acquisition_{part}", "unknown") for part in ("date", "time"))
    if len(date) == len("2015-07-19"):
        with suppress(ValueError):
            moment = np.datetime64(date if time == "unknown" else f"{date}T{time.removesuffix('Z')}", "ns")
            coordinates["time"] = ((), moment, {"standard_name": "time", "long_name": "acquisition"})
    return coordinates


def _with_crs(dataset: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Add the coordinate system with rioxarray, which also registers ``.rio``."""
    import rioxarray  # noqa: F401  # slow to import

    if grid.crs is not None:
        dataset = dataset.rio.write_crs(grid.crs)
        if "x" in dataset.coords:
            dataset = dataset.rio.write_coordinate_system()
    with_transform: xr.Dataset = dataset.rio.write_transform(grid.transform)
    return with_transform
