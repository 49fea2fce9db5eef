"""Emissivity from the scene's own vegetation index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lst_raster.inputs.emissivity.source import Estimate, EstimateReader, Float32
from lst_raster.inputs.emissivity.tables import BandTable, band_table
from lst_raster.io.address import Location
from lst_raster.io.reflectance import Reflectance, find_reflectance
from lst_raster.io.scene import Scene
from lst_raster.physics.emissivity import (
    mixed_emissivity,
    mixed_uncertainty,
    ndvi,
    soil_emissivity,
    vegetation_cover,
)

BARE, FULL = 0.2, 0.5
"""Vegetation index of bare soil and of a closed canopy. [1] Sobrino et al. (2008), doi:10.1109/TGRS.2007.904834"""

SOIL_UNCERTAINTY, VEGETATION_UNCERTAINTY = 0.012, 0.006
"""Standard uncertainties. [1] The soils of a spectral library spread by 0.005 about their mean; sands and rock, dry
litter, roughness, and reflectance that is not corrected for the atmosphere come on top."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NdviEmissivity:
    """Soil and vegetation, mixed by the vegetation cover of the scene."""

    reflectance: Reflectance
    """Red and near infrared."""
    table: BandTable
    """The sensor band's coefficients."""

    @classmethod
    def of(cls, scene: Scene, argument: str = "", *, align: bool = False) -> NdviEmissivity:
        """Take the red and the near infrared band beside the scene's thermal band.

        Raises
        ------
        InputError
            A band, its constants or the height of the sun are not there.
        """
        table = band_table(scene.sensor)
        found = find_reflectance(scene, table.red, table.near_infrared, table.solar_irradiance, align=align)
        return cls(reflectance=found, table=table)

    @property
    def name(self) -> str:
        """Name for people."""
        return "ndvi"

    @property
    def kind(self) -> str:
        """What kind of source it is."""
        return "ndvi"

    @property
    def rasters(self) -> list[Location]:
        """Both bands."""
        return self.reflectance.rasters

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Open for reading window by window."""
        with self.reflectance.open(scene.grid) as read:
            yield lambda window: _estimate(*read(window), self.table)


def _estimate(red: Float32, near_infrared: Float32, table: BandTable) -> Estimate:
    red = np.maximum(red, np.float32(0.0))  # dark water in haze is below zero by the noise of its correction
    cover = vegetation_cover(ndvi(red, near_infrared), BARE, FULL)
    soil = soil_emissivity(red, *table.soil)
    value = mixed_emissivity(cover, soil, table.vegetation)
    return Estimate(value, mixed_uncertainty(cover, SOIL_UNCERTAINTY, VEGETATION_UNCERTAINTY))
