"""Emissivity sources: the common type, and values given as a number or a raster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inputs.emissivity.tables import BandRelation
from lst_raster.inputs.fields import Field, open_field
from lst_raster.io.address import Location
from lst_raster.io.quality_band import Kinds
from lst_raster.io.scene import Scene

Float32 = NDArray[np.float32]

UNCERTAINTY = 0.01  # Standard uncertainty of given emissivities without their own: typical of emissivity maps [1]


class Estimate(NamedTuple):
    """Emissivity of a window."""

    value: Float32  # Emissivity of shape (rows, columns), NaN where missing; or one number for all pixels [1]
    uncertainty: Float32  # Standard uncertainty, of the same shape or one number [1]
    second: Float32 | None = None  # Emissivity in the second band of the scene, None where the source has none [1]
    difference_uncertainty: Float32 | None = None
    """Standard uncertainty of the difference of the emissivities, likewise. [1]"""

    def with_second(self, relation: BandRelation) -> Estimate:
        """Complete the second band by a relation between the bands where the source has none."""
        if self.second is not None:
            return self
        uncertainty = np.hypot(np.float32(relation.uncertainty), np.float32(relation.slope) * self.uncertainty)
        return self._replace(second=relation.second(self.value), difference_uncertainty=uncertainty)


EstimateReader: TypeAlias = Callable[[Any], Estimate]  # Reads a window of the scene


@dataclass(frozen=True, kw_only=True, slots=True)
class EmissivitySource:
    """A source of emissivity for one scene."""

    name: str  # Name for messages and provenance, without folders
    kind: str  # Kind of source in the quality band of a product
    rasters: list[Location]  # Input files
    # Opens the source for reading window by window. Raises LstRasterError for a missing, damaged or unsuitable file,
    # also from the reader
    open: Callable[[Scene], AbstractContextManager[EstimateReader]]
    # For a source that depends on the quality band only, which a retrieval has read for its masks
    of_kinds: Callable[[Kinds], Estimate] | None = None


def given_emissivity(field: Field, uncertainty: float = UNCERTAINTY) -> EmissivitySource:
    """Source of a number or a raster, with a standard uncertainty [1]."""
    kind = "assumed" if field.origin == "default" else "raster" if field.rasters else "number"
    opened = partial(_open_given, field, uncertainty)
    return EmissivitySource(name=field.label, kind=kind, rasters=field.rasters, open=opened)


@contextmanager
def _open_given(field: Field, uncertainty: float, scene: Scene) -> Iterator[EstimateReader]:
    with open_field(field, scene.grid) as read:
        yield lambda window: Estimate(read(window), np.asarray(uncertainty, np.float32))
