"""Emissivity sources: the common interface, and values given as a number or a raster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inputs.fields import Field, open_field
from lst_raster.io.address import Location
from lst_raster.io.scene import Scene

Float32 = NDArray[np.float32]

UNCERTAINTY = 0.01  # Standard uncertainty of given emissivities without their own: typical of emissivity maps [1]


class Estimate(NamedTuple):
    """Emissivity of a window."""

    value: Float32  # Emissivity of shape (rows, columns), NaN where missing; or one number for all pixels [1]
    uncertainty: Float32  # Standard uncertainty, of the same shape or one number [1]


EstimateReader: TypeAlias = Callable[[Any], Estimate]  # Reads a window of the scene


class EmissivitySource(Protocol):
    """A source of emissivity."""

    @property
    def name(self) -> str:
        """Name for messages and provenance, without folders."""

    @property
    def kind(self) -> str:
        """Kind of source in the quality band of a product."""

    @property
    def rasters(self) -> list[Location]:
        """Input files."""

    def open(self, scene: Scene) -> AbstractContextManager[EstimateReader]:
        """Open for reading window by window.

        Raises LstRasterError for a missing, damaged or unsuitable file, also from the reader.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenEmissivity:
    """A number, or a raster on the grid of the scene."""

    field: Field  # The number or the raster
    uncertainty: float = UNCERTAINTY  # Standard uncertainty [1]

    @property
    def name(self) -> str:
        """The number, or the name of the raster."""
        return self.field.label

    @property
    def kind(self) -> str:
        """Kind of source."""
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
