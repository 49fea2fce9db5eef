"""Emissivity of water and snow from the quality band."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.emissivity.source import Estimate, EstimateReader
from lst_raster.inputs.emissivity.tables import components
from lst_raster.io.address import Location
from lst_raster.io.quality_band import Quality, find_quality, open_quality
from lst_raster.io.scene import Scene

KINDS = ("water", "snow")  # Classes used; snow overrides water, as on ice


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityEmissivity:
    """Water and snow of the scene's quality band."""

    quality: Quality  # The quality band
    kind: ClassVar[str] = "quality"

    @classmethod
    def of(cls, scene: Scene, argument: str = "", *, align: bool = False) -> QualityEmissivity:
        """Find the quality band of the scene.

        Raises InputError if there is none, SceneError if it is damaged, GridMismatchError if it is on another grid.
        """
        quality = find_quality(scene.files, scene.grid, align=align)
        if quality is None:
            raise InputError(
                f"emissivity quality: {scene.stem} has no quality band (QA_PIXEL or BQA) with water and snow; "
                "give another source"
            )
        return cls(quality=quality)

    @property
    def name(self) -> str:
        """Name with the classes of the band."""
        available = [kind for kind in KINDS if kind in self.quality.layout.kinds]
        return f"quality ({' and '.join(available) or 'no water or snow flag'})"

    @property
    def rasters(self) -> list[Location]:
        """The quality band."""
        return [self.quality.place.location]

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Open for reading window by window."""
        table = components(scene.sensor)
        with open_quality(self.quality, scene.grid, KINDS) as read_masks:

            def read(window: Any) -> Estimate:
                masks = read_masks(window)
                value: Any = np.float32("nan")
                uncertainty: Any = np.float32("nan")
                for kind in KINDS:
                    if kind in masks and masks[kind].any():  # rare: most windows have neither
                        value = np.where(masks[kind], np.float32(table[kind].emissivity), value)
                        uncertainty = np.where(masks[kind], np.float32(table[kind].uncertainty), uncertainty)
                return Estimate(np.asarray(value, np.float32), np.asarray(uncertainty, np.float32))

            yield read
