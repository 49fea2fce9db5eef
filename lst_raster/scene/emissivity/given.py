"""Emissivity that the user gives, as a number or as a raster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lst_raster.scene.address import Location
from lst_raster.scene.emissivity.source import Estimate, EstimateReader
from lst_raster.scene.fields import Field, open_field
from lst_raster.scene.scene import Scene

UNCERTAINTY = 0.01
"""Standard uncertainty of what is given, where nothing tells it: what maps of emissivity are good for. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenEmissivity:
    """A number, or a raster on the scene's grid."""

    field: Field
    """The number or the raster."""
    uncertainty: float = UNCERTAINTY
    """Standard uncertainty. [1]"""

    @property
    def name(self) -> str:
        """The number, or the raster's name."""
        return self.field.label

    @property
    def kind(self) -> str:
        """What kind of source it is."""
        if self.field.origin == "default":
            return "assumed"
        return "raster" if self.field.rasters else "number"

    @property
    def rasters(self) -> list[Location]:
        """The raster."""
        return self.field.rasters

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Open for reading window by window."""
        uncertainty = np.asarray(self.uncertainty, np.float32)
        with open_field(self.field, scene.grid) as read:
            yield lambda window: Estimate(read(window), uncertainty)
