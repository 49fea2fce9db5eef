"""What every source of emissivity offers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.scene.address import Location
from lst_raster.scene.scene import Scene

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
