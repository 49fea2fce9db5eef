"""Emissivity sources: what they have in common, and values given as a number or a raster."""

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


class Estimate(NamedTuple):
    """Emissivity of a window."""

    value: Float32
    """Emissivity of shape (rows, columns), NaN where the source has none; or one number for all. [1]"""
    uncertainty: Float32
    """Standard uncertainty, of the same shape or one number for all. [1]"""


EstimateReader: TypeAlias = Callable[[Any], Estimate]
"""Takes a window of the scene."""


class EmissivitySource(Protocol):
    """One place where emissivity comes from."""

    @property
    def name(self) -> str:
        """Name for people and provenance, without folders."""

    @property
    def kind(self) -> str:
        """What kind of source it is, as the quality band of a product tells it."""

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""

    def open(self, scene: Scene) -> AbstractContextManager[EstimateReader]:
        """Open for reading window by window.

        Raises
        ------
        LstRasterError
            A file is missing, damaged or not what it should be (also raised by the reader).
        """


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
