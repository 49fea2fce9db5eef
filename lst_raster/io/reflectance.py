"""Red and near infrared reflectance of a scene: top of atmosphere, for Level-2 products at the surface."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lst_raster.errors import InputError, SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid, on_grid
from lst_raster.io.landsat import Mtl
from lst_raster.io.raster import Float32, open_raster, read_stored
from lst_raster.io.scene import Scene
from lst_raster.physics.calibration import radiance_from_digital_number
from lst_raster.physics.emissivity import reflectance_from_radiance, sun_corrected_reflectance

ReflectanceReader: TypeAlias = Callable[[Any], tuple[Float32, Float32]]
"""Takes a window of the scene; returns red and near infrared reflectance, NaN where missing. [1]"""

_LARGEST = 2.0  # reflectance, above that of snow under a low sun, below any digital number [1]
_SCALED = re.compile(r"_(?:SR|TOA)_B\d+\.", re.IGNORECASE)
_SCALE, _OFFSET = 2.75e-5, -0.2  # of reflectance in products of Collection 2 [1] USGS LSDS-1619
_LOWEST_SUN = 5.0  # [degree] above the horizon; below it reflectance is meaningless


@dataclass(frozen=True, kw_only=True, slots=True)
class ReflectiveBand:
    """File of one reflective band, and its conversion to reflectance."""

    place: Place  # the file
    gain: float  # factor. [1]
    offset: float  # offset. [1]

    @contextmanager
    def open(self, grid: Grid, *, align: bool) -> Iterator[Callable[[Any], Float32]]:
        """Open the band; yield a reader of its reflectance in a window, NaN for fill and saturated pixels."""
        what = f"band {self.place.name}"
        with (
            open_raster(self.place, "band", SceneError) as dataset,
            on_grid(dataset, grid, what, align=align, nodata=0.0) as view,
        ):
            saturated = 255.0 if dataset.dtypes[0] == "uint8" else 65535.0

            def read(window: Any) -> Float32:
                stored, valid = read_stored(view, what, SceneError, window=window)
                measured = valid & (stored > 0) & (stored < saturated)
                reflectance = stored.astype(np.float32)
                reflectance *= np.float32(self.gain)
                reflectance += np.float32(self.offset)
                if not measured.all():
                    reflectance[~measured] = np.nan
                return reflectance

            yield read


@dataclass(frozen=True, kw_only=True, slots=True)
class Reflectance:
    """Red and near infrared of a scene. Create it with `find_reflectance`."""

    red: ReflectiveBand  # red
    near_infrared: ReflectiveBand  # near infrared
    align: bool = False  # whether bands on another grid are warped onto the scene's

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return [self.red.place.location, self.near_infrared.place.location]

    @contextmanager
    def open(self, grid: Grid) -> Iterator[ReflectanceReader]:
        """Open both bands for reading by window; SceneError or GridMismatchError for a band that does not fit."""
        with (
            self.red.open(grid, align=self.align) as red,
            self.near_infrared.open(grid, align=self.align) as near_infrared,
        ):
            yield lambda window: (red(window), near_infrared(window))


def find_reflectance(
    scene: Scene, red: str, near_infrared: str, solar_irradiance: Mapping[str, float], *, align: bool = False
) -> Reflectance:
    """Find the red and near infrared bands, by suffixes such as ``B4``, with the constants of the metadata.

    `solar_irradiance` in ``red`` and ``near_infrared`` [W m-2 um-1] is for metadata without reflectance constants.
    InputError where metadata, constants, sun elevation or a band are missing.
    """
    mtl = scene.files.mtl
    elevation = mtl.number("SUN_ELEVATION") if mtl else None
    if mtl is not None and elevation is not None and elevation < _LOWEST_SUN:  # also of bands in reflectance
        night = ", as of every night scene" if elevation < 0.0 else ""
        raise InputError(
            f"{mtl.path.name} has a sun elevation of {elevation:.1f} degrees, too low for reflectance{night}; give "
            "another emissivity: a number, a raster, landcover or aster-ged"
        )
    known = _in_reflectance(scene, (red, near_infrared))
    if known is not None:
        return Reflectance(red=known[0], near_infrared=known[1], align=align)
    if mtl is None:
        raise InputError(
            f"{scene.stem} has no metadata file (*_MTL.txt), which reflectance needs; add it, or give another "
            "emissivity"
        )
    if mtl.entries.get("PROCESSING_LEVEL", "").upper().startswith("L2"):
        elevation = 90.0  # surface reflectance is corrected for it already
    if elevation is None:
        raise InputError(f"{mtl.path.name} has no SUN_ELEVATION, which reflectance needs; give another emissivity")
    sun = math.sin(math.radians(elevation))
    bands = []
    for name, suffix in (("red", red), ("near_infrared", near_infrared)):
        place = scene.files.find(suffix)
        if place is None:
            raise InputError(
                f"{scene.stem} has no {name.replace('_', ' ')} band {scene.stem}_{suffix}.TIF; add the file, or give "
                "another emissivity"
            )
        gain, offset = _constants(scene, mtl, suffix[1:], solar_irradiance.get(name))
        gain, offset = (sun_corrected_reflectance(constant, sun) for constant in (gain, offset))
        bands.append(ReflectiveBand(place=place, gain=gain, offset=offset))
    return Reflectance(red=bands[0], near_infrared=bands[1], align=align)


def _in_reflectance(scene: Scene, suffixes: tuple[str, str]) -> list[ReflectiveBand] | None:
    """Bands that are reflectance already: floating-point values, or numbers of Collection 2; None for others."""
    bands = []
    for place in filter(None, map(scene.files.find, suffixes)):
        with open_raster(place, "band", SceneError) as dataset:
            if np.dtype(dataset.dtypes[0]).kind == "f":
                stored, valid = read_stored(dataset, "band", SceneError, out_shape=Grid.of(dataset).sample_shape)
                values = stored[valid & np.isfinite(stored) & (stored > 0)]
                if values.size and np.percentile(values, 99.0) < _LARGEST:
                    bands.append(ReflectiveBand(place=place, gain=1.0, offset=0.0))
                    continue
        if scene.files.mtl is None and _SCALED.search(place.name):
            bands.append(ReflectiveBand(place=place, gain=_SCALE, offset=_OFFSET))
    return bands if len(bands) == len(suffixes) else None


def _constants(scene: Scene, mtl: Mtl, band: str, solar_irradiance: float | None) -> tuple[float, float]:
    """Gain and offset of a band's reflectance, before the correction for the sun elevation."""
    gain, offset = mtl.number(f"REFLECTANCE_MULT_BAND_{band}"), mtl.number(f"REFLECTANCE_ADD_BAND_{band}")
    if gain is not None and offset is not None:
        return gain, offset
    gain, offset = mtl.number(f"RADIANCE_MULT_BAND_{band}"), mtl.number(f"RADIANCE_ADD_BAND_{band}")
    if gain is None or offset is None or solar_irradiance is None or scene.date is None:
        raise InputError(
            f"{mtl.path.name} has no REFLECTANCE_MULT_BAND_{band} and _ADD; give another emissivity, or the metadata "
            "of a newer collection"
        )
    # Distance of the sun; perihelion is around 4 January. [astronomical unit]
    distance = 1.0 - 0.01672 * math.cos(math.radians(0.9856 * (scene.date.day_of_year - 4)))
    numbers = (radiance_from_digital_number(0.0, gain, offset), gain)
    offset, gain = (float(reflectance_from_radiance(number, solar_irradiance, distance)) for number in numbers)
    return gain, offset
