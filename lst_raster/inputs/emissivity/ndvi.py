"""Emissivity from the vegetation index of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lst_raster.inputs.emissivity.source import Estimate, EstimateReader
from lst_raster.inputs.emissivity.tables import BandTable, band_table
from lst_raster.io.address import Location
from lst_raster.io.reflectance import Reflectance, find_reflectance
from lst_raster.io.scene import Scene
from lst_raster.physics.emissivity import mixed_emissivity, mixed_uncertainty, ndvi, soil_emissivity, vegetation_cover

BARE, FULL = 0.2, 0.5
"""NDVI of bare soil and of a closed canopy. [1] Sobrino et al. (2008), doi:10.1109/TGRS.2007.904834"""

SOIL_UNCERTAINTY, VEGETATION_UNCERTAINTY = 0.012, 0.006
"""Standard uncertainties. [1] The standard deviation of the soils of a spectral library is 0.005; sand and rock, dry
litter, roughness, and reflectance without atmospheric correction increase the uncertainty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NdviEmissivity:
    """Mixture of soil and vegetation, by the vegetation cover of the scene."""

    reflectance: Reflectance  # Red and near infrared
    table: BandTable  # Coefficients of the sensor band
    name: ClassVar[str] = "ndvi"
    kind: ClassVar[str] = "ndvi"

    @classmethod
    def of(cls, scene: Scene, argument: str = "", *, align: bool = False) -> NdviEmissivity:
        """Find the red and near infrared bands of the scene.

        Raises InputError if a band, its calibration constants or the solar elevation are missing.
        """
        table = band_table(scene.sensor)
        reflectance = find_reflectance(scene, table.red, table.near_infrared, table.solar_irradiance, align=align)
        return cls(reflectance=reflectance, table=table)

    @property
    def rasters(self) -> list[Location]:
        """Both bands."""
        return self.reflectance.rasters

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Open for reading window by window."""
        with self.reflectance.open(scene.grid) as read_bands:

            def read(window: Any) -> Estimate:
                red, near_infrared = read_bands(window)
                red = np.maximum(red, np.float32(0.0))  # noisy corrections make dark water in haze negative
                cover = vegetation_cover(ndvi(red, near_infrared), BARE, FULL)
                soil = soil_emissivity(red, *self.table.soil)
                value = mixed_emissivity(cover, soil, self.table.vegetation)
                return Estimate(value, mixed_uncertainty(cover, SOIL_UNCERTAINTY, VEGETATION_UNCERTAINTY))

            yield read
