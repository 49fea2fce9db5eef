"""Radiative terms of a Level-2 product, by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, SceneError
from lst_raster.io.level2_scene import EMISSIVITY, EQUATION, Level2Scene, open_term
from lst_raster.io.quality_band import COLLECTION_2, find_layout, read_bits
from lst_raster.io.raster import open_raster
from lst_raster.io.temperature_raster import open_temperature
from lst_raster.validation.compare import EXCLUDED

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

LARGEST = 512
"""Maximum number of rows and columns; larger products are subsampled (nearest neighbour)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductTerms:
    """Pixels of a product with atmospheric terms; arrays of shape (pixel,), NaN where missing."""

    name: str
    sensor: str
    date: np.datetime64
    """Day of acquisition."""
    latitude: float
    """Latitude of the centre, north positive. [degree]"""
    longitude: float
    """Longitude of the centre, east positive. [degree]"""
    shape: tuple[int, int]
    """Rows and columns after subsampling."""
    pixel: NDArray[np.intp]
    """Flat index of each pixel."""
    transmittance: Float
    """ST_ATRAN. [1]"""
    upwelling_radiance: Float
    """ST_URAD. [W m-2 sr-1 um-1]"""
    st_drad: Float
    """ST_DRAD, unchanged. [W m-2 sr-1 um-1]"""
    radiance: Float
    """ST_TRAD, at-sensor radiance. [W m-2 sr-1 um-1]"""
    emissivity: Float
    """ST_EMIS. [1]"""
    temperature: Float
    """ST_B6 or ST_B10. [K]"""
    clear: Mask
    """Clear pixels with radiance, emissivity and temperature."""

    @property
    def year(self) -> float:
        """Calendar year."""
        return float(self.date.astype("datetime64[Y]").astype(int) + 1970)

    def map(self, values: Float) -> Float:
        """Values of the pixels as a map, NaN elsewhere."""
        flat = np.full(self.shape[0] * self.shape[1], np.nan)
        flat[self.pixel] = values
        return flat.reshape(self.shape)


def read_terms(path: str | Path) -> ProductTerms:
    """Read a Level-2 product, as `lst_raster.io.level2_scene.Level2Scene.open`.

    Raises also `SceneError` if emissivity, temperature or quality band is missing, `InputError` if no pixel has all
    atmospheric terms.
    """
    scene = Level2Scene.open(path, downwelling="usgs")
    step = max(1, -(-max(scene.grid.height, scene.grid.width) // LARGEST))
    shape = -(-scene.grid.height // step), -(-scene.grid.width // step)
    found = {}
    for name, term in EQUATION.items():
        with open_term(scene.air.places[name], term, scene.grid) as dataset:
            found[name] = term.read(dataset, out_shape=shape).astype(np.float64).ravel()
    if scene.date is None or scene.latitude is None or scene.longitude is None:
        raise SceneError(f"{scene.stem} has no date or coordinates; download the complete product")
    if scene.emissivity is None:
        raise SceneError(f"{scene.stem} has no ST_EMIS; download the complete product")
    with open_term(scene.emissivity.value, EMISSIVITY, scene.grid) as dataset:
        emissivity = EMISSIVITY.read(dataset, out_shape=shape).astype(np.float64).ravel()
    temperature, quality = _temperature(scene, shape), _usable(scene, shape)
    air = np.isfinite([found[name] for name in found if name != "radiance"]).all(axis=0)
    if not air.any():
        raise InputError(f"no pixel of {scene.stem} has transmittance and both atmospheric radiances")
    known = np.isfinite([found["radiance"], emissivity, temperature]).all(axis=0)
    return ProductTerms(
        name=scene.stem,
        sensor=scene.sensor,
        date=np.datetime64(scene.date.date, "D"),
        latitude=scene.latitude,
        longitude=scene.longitude,
        shape=shape,
        pixel=np.flatnonzero(air),
        transmittance=found["transmittance"][air],
        upwelling_radiance=found["upwelling_radiance"][air],
        st_drad=found["downwelling_radiance"][air],
        radiance=found["radiance"][air],
        emissivity=emissivity[air],
        temperature=temperature[air],
        clear=(quality & known)[air],
    )


def _temperature(scene: Level2Scene, shape: tuple[int, int]) -> Float:
    name, bundle = f"{scene.stem}_ST_{scene.files.bands[0]}", scene.files.bundle
    places = (bundle.find(f"{name}.{suffix}") for suffix in ("TIF", "tiff")) if bundle else iter(())
    place = next((found for found in places if found is not None), None)
    if place is None:
        raise SceneError(f"{scene.stem} has no {name}.TIF, its surface temperature; download the complete product")
    with open_temperature(place, scene.grid) as raster:
        return raster.read(out_shape=shape).ravel()


def _usable(scene: Level2Scene, shape: tuple[int, int]) -> Mask:
    place = scene.files.quality
    if place is None:
        raise SceneError(f"{scene.stem} has no QA_PIXEL; download the complete product")
    with open_raster(place, "quality band", SceneError) as dataset:
        bits = read_bits(dataset, out_shape=shape)
    masks = find_layout(bits, COLLECTION_2, place).decode(bits, EXCLUDED)
    return np.asarray(~np.logical_or.reduce(list(masks.values())).ravel())
