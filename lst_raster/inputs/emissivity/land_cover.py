"""Emissivity from a land cover map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.source import EmissivitySource, Estimate, EstimateReader
from lst_raster.inputs.emissivity.tables import Value, land_cover_names, land_cover_table, relation_to_first
from lst_raster.io.address import Address, Location
from lst_raster.io.grid import on_grid
from lst_raster.io.raster import open_raster, read_window
from lst_raster.io.scene import Scene

_DEFAULT_LEGEND = "worldcover"  # ESA WorldCover


def land_cover_source(scene: Scene, argument: str, *, align: bool = False) -> EmissivitySource:
    """A map of classes, with the emissivity of each: ``PATH`` or ``PATH:TABLE``; the path may be an address.

    Raises InputNotFoundError if the map or the table does not exist, InputError for an invalid table.
    """
    name, table, names = argument, _DEFAULT_LEGEND, land_cover_names()
    address, legend = Address.parse(argument), argument.rpartition(":")[2]
    if address is not None and (legend in names or legend.lower().endswith(".csv")):
        address, table = Address.parse(argument.removesuffix(f":{legend}")), legend
    elif address is None and not Path(argument).exists() and ":" in argument:
        name, _, table = argument.rpartition(":")
    if address is None and (not name or not Path(name).is_file()):
        raise InputNotFoundError(
            f"land cover map {name!r} does not exist; give landcover:MAP.tif, or landcover:MAP.tif:TABLE with one "
            f"of {', '.join(names)} or a CSV file"
        )
    path = address or Path(name)
    values = land_cover_table(table, scene.sensor)
    second = land_cover_table(table, scene.second.sensor) if scene.second and table in names else None
    spread = relation_to_first(scene.second.sensor).uncertainty if scene.second else 0.0
    return EmissivitySource(
        name=f"landcover {path.name} ({Path(table).name})", kind="land_cover",
        rasters=[path] if table in names else [path, Path(table)],
        open=partial(_open_map, path, Path(table).name, values, second, spread),
    )  # fmt: skip


@contextmanager
def _open_map(
    path: Location, legend: str, table: Mapping[int, Value], second: Mapping[int, Value] | None, spread: float,
    scene: Scene,
) -> Iterator[EstimateReader]:  # fmt: skip
    """Open for reading window by window; a map on another grid is sampled at the nearest cell."""
    difference = np.asarray(spread, np.float32)  # a class contains many materials, as the relation of the bands does
    missing = max(table) + 1  # index of NaN, for every class that is not in the table
    value, uncertainty, other = (np.full(missing + 1, np.nan, np.float32) for _ in range(3))
    for code, entry in table.items():
        value[code], uncertainty[code] = entry.emissivity, entry.uncertainty
        other[code] = second[code].emissivity if second else np.nan
    what = f"land cover map {path}"
    with (
        open_raster(path, "land cover map", InputError) as dataset,
        on_grid(dataset, scene.grid, what, align=True, classes=True) as view,
    ):
        _check(dataset, what, legend, table)

        def read(window: Any) -> Estimate:
            classes, valid = read_window(view, "land cover map", InputError, window=window)
            whole = classes == np.rint(classes)
            fractions = classes[valid & np.isfinite(classes) & ~whole]
            if fractions.size:  # missed by the sample of `_check`
                raise InputError(
                    f"the land cover map has the value {fractions[0]:g}; classes are whole numbers, "
                    "give it as published"
                )
            known = valid & (classes >= 0) & (classes < missing) & whole
            index = np.where(known, classes, missing).astype(np.intp)
            estimate = Estimate(value[index], uncertainty[index])
            if second is None:
                return estimate
            return estimate._replace(second=other[index], difference_uncertainty=difference)

        yield read


def _check(dataset: Any, what: str, legend: str, table: Mapping[int, Value]) -> None:
    """Raise InputError for a map without a class of the legend."""
    shape = (min(dataset.height, 512), min(dataset.width, 512))
    values, valid = read_window(dataset, "land cover map", InputError, out_shape=shape)
    found = np.unique(values[valid])
    fractions = found[found != np.rint(found)]
    if fractions.size:
        raise InputError(
            f"{what} contains {fractions[0]:g}, and classes are whole numbers; give the map as published, or "
            "resample it to the nearest pixel"
        )
    if found.size and not np.isin(found, list(table)).any():
        shown = ", ".join(f"{number:g}" for number in found[:6])
        raise InputError(
            f"{what} contains the classes {shown}{', ...' if found.size > 6 else ''}, none of them in the legend "
            f"{legend}; name the right one: landcover:MAP.tif:TABLE"
        )
