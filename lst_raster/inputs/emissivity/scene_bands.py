"""Emissivity from other bands of the scene: vegetation index, quality band, and ST_EMIS of a Level-2 product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from lst_raster.errors import InputError, SceneError
from lst_raster.inference.uncertainty import KNOWN_DIFFERENCE_UNCERTAINTY
from lst_raster.inputs.emissivity.source import UNCERTAINTY, EmissivitySource, Estimate, EstimateReader
from lst_raster.inputs.emissivity.tables import BandTable, Value, band_table, components
from lst_raster.io.address import path_of
from lst_raster.io.grid import on_grid
from lst_raster.io.level2_scene import (
    EMISSIVITY,
    EMISSIVITY_UNCERTAINTY,
    Level2Emissivity,
    Level2Scene,
    find_level2_emissivity,
)
from lst_raster.io.quality_band import Kinds, Quality, find_quality, is_any, open_quality
from lst_raster.io.raster import open_raster
from lst_raster.io.reflectance import Reflectance, find_reflectance
from lst_raster.io.scene import Scene
from lst_raster.physics.emissivity import mixed_emissivity, mixed_uncertainty, ndvi, soil_emissivity, vegetation_cover

BARE, FULL = 0.2, 0.5
"""NDVI of bare soil and of a closed canopy. [1] Sobrino et al. (2008), doi:10.1109/TGRS.2007.904834"""

SOIL_UNCERTAINTY, VEGETATION_UNCERTAINTY = 0.012, 0.006
"""Standard uncertainties. [1] The standard deviation of the soils of a spectral library is 0.005; sand and rock, dry
litter, roughness, and reflectance without atmospheric correction increase the uncertainty."""

_DIFFERENCE = np.asarray(KNOWN_DIFFERENCE_UNCERTAINTY, np.float32)

KINDS = ("water", "snow")  # Classes of the quality band; snow overrides water, as on ice


def ndvi_source(scene: Scene, argument: str = "", *, align: bool = False) -> EmissivitySource:
    """Mixture of soil and vegetation, by the vegetation cover of the scene.

    Raises InputError if the red or near infrared band, its calibration constants or the solar elevation are missing.
    """
    table = band_table(scene.sensor)
    second = band_table(scene.second.sensor) if scene.second else None
    bands = find_reflectance(scene, table.red, table.near_infrared, table.solar_irradiance, align=align)
    return EmissivitySource(
        name="ndvi", kind="ndvi", rasters=bands.rasters, open=partial(_open_ndvi, bands, table, second)
    )


@contextmanager
def _open_ndvi(
    bands: Reflectance, table: BandTable, second: BandTable | None, scene: Scene
) -> Iterator[EstimateReader]:
    with bands.open(scene.grid) as read_bands:

        def read(window: Any) -> Estimate:
            red, near_infrared = read_bands(window)
            red = np.maximum(red, np.float32(0.0))  # noisy corrections make dark water in haze negative
            cover = vegetation_cover(ndvi(red, near_infrared), BARE, FULL)
            value = mixed_emissivity(cover, soil_emissivity(red, *table.soil), table.vegetation)
            uncertainty = mixed_uncertainty(cover, SOIL_UNCERTAINTY, VEGETATION_UNCERTAINTY)
            if second is None:
                return Estimate(value, uncertainty)
            other = mixed_emissivity(cover, soil_emissivity(red, *second.soil), second.vegetation)
            return Estimate(value, uncertainty, other, _DIFFERENCE)

        yield read


def quality_source(scene: Scene, argument: str = "", *, align: bool = False) -> EmissivitySource:
    """Water and snow of the scene's quality band.

    Raises InputError if there is none, SceneError if it is damaged, GridMismatchError if it is on another grid.
    """
    quality = find_quality(scene.files, scene.grid, align=align)
    if quality is None:
        raise InputError(
            f"emissivity quality: {scene.stem} has no quality band (QA_PIXEL or BQA) with water and snow; "
            "give another source"
        )
    available = " and ".join(kind for kind in KINDS if kind in quality.layout.kinds)
    name, rasters = f"quality ({available or 'no water or snow flag'})", [quality.place.location]
    of_kinds = partial(_of_kinds, components(scene.sensor), components(scene.second.sensor) if scene.second else None)
    return EmissivitySource(
        name=name, kind="quality", rasters=rasters, open=partial(_open_quality, quality, of_kinds), of_kinds=of_kinds
    )


@contextmanager
def _open_quality(quality: Quality, of_kinds: Callable[[Kinds], Estimate], scene: Scene) -> Iterator[EstimateReader]:
    with open_quality(quality, scene.grid) as read_kinds:
        yield lambda window: of_kinds(read_kinds(window))


def _of_kinds(table: Mapping[str, Value], second: Mapping[str, Value] | None, kinds: Kinds) -> Estimate:
    missing = np.float32("nan")
    value: Any = missing
    uncertainty: Any = missing
    other: Any = missing
    difference: Any = missing
    for kind in KINDS:
        mask = is_any(kinds, [kind])
        if mask.any():  # rare: most windows have neither
            value = np.where(mask, np.float32(table[kind].emissivity), value)
            uncertainty = np.where(mask, np.float32(table[kind].uncertainty), uncertainty)
            if second is not None:
                other = np.where(mask, np.float32(second[kind].emissivity), other)
                difference = np.where(mask, np.float32(second[kind].uncertainty), difference)
    estimate = Estimate(np.asarray(value, np.float32), np.asarray(uncertainty, np.float32))
    if second is None:
        return estimate
    return estimate._replace(
        second=np.asarray(other, np.float32), difference_uncertainty=np.asarray(difference, np.float32)
    )


def level2_source(scene: Scene, argument: str = "", *, align: bool = False) -> EmissivitySource:
    """ST_EMIS of the named product or of the scene, with ST_EMSD, or else `UNCERTAINTY`, as standard uncertainty.

    Raises InputError if no product is named and the scene has no ST_EMIS, InputNotFoundError or SceneError if the
    named product does not exist or has no ST_EMIS.
    """
    files = scene.emissivity if isinstance(scene, Level2Scene) else None
    if argument:
        files = find_level2_emissivity(path_of(argument, "Level-2 product"))
    if files is None:
        raise InputError(f"{scene.stem} has no ST_EMIS; give the Level-2 product, st-emis:PATH")
    rasters = [place.location for place in (files.value, files.uncertainty) if place is not None]
    name, opened = f"st-emis ({files.value.label})", partial(_open_level2, files, align)
    return EmissivitySource(name=name, kind="level_2", rasters=rasters, open=opened)


@contextmanager
def _open_level2(files: Level2Emissivity, align: bool, scene: Scene) -> Iterator[EstimateReader]:
    with ExitStack() as stack:

        def opened(place: Any, what: str) -> Any:
            dataset = stack.enter_context(open_raster(place, what, SceneError))
            return stack.enter_context(on_grid(dataset, scene.grid, f"{what} {place.name}", align=align))

        value = opened(files.value, EMISSIVITY.suffix)
        spread = opened(files.uncertainty, EMISSIVITY_UNCERTAINTY.suffix) if files.uncertainty else None

        def read(window: Any) -> Estimate:
            values = EMISSIVITY.read(value, window=window)
            uncertainty: Any = np.float32(UNCERTAINTY)
            if spread is not None:
                uncertainty = EMISSIVITY_UNCERTAINTY.read(spread, window=window)
                uncertainty = np.where(np.isfinite(uncertainty), uncertainty, np.float32(UNCERTAINTY))
            return Estimate(values, np.where(np.isfinite(values), uncertainty, np.float32("nan")))

        yield read
