"""Emissivity of water and snow, where the quality band tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lst_raster.errors import InputError
from lst_raster.inputs.emissivity.source import Estimate, EstimateReader
from lst_raster.inputs.emissivity.tables import Value, components
from lst_raster.io.address import Location
from lst_raster.io.quality_band import Quality, find_quality, open_quality
from lst_raster.io.raster import Mask
from lst_raster.io.scene import Scene

KINDS = ("water", "snow")
"""What is told; snow lies on water, not the other way round."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityEmissivity:
    """Water and snow of the scene's quality band."""

    quality: Quality
    """The quality band."""

    @classmethod
    def of(cls, scene: Scene, argument: str = "", *, align: bool = False) -> QualityEmissivity:
        """Take the scene's own quality band.

        Raises
        ------
        InputError
            The scene has none.
        SceneError, GridMismatchError
            It is damaged, or not on the scene's grid.
        """
        quality = find_quality(scene.files, scene.grid, align=align)
        if quality is None:
            raise InputError(
                f"emissivity quality: {scene.stem} has no quality band (QA_PIXEL or BQA) to tell water and snow; "
                "give another source"
            )
        return cls(quality=quality)

    @property
    def name(self) -> str:
        """Which of the two the band can tell."""
        told = [kind for kind in KINDS if kind in self.quality.layout.kinds]
        return f"quality ({' and '.join(told) or 'tells neither water nor snow'})"

    @property
    def kind(self) -> str:
        """What kind of source it is."""
        return "quality"

    @property
    def rasters(self) -> list[Location]:
        """The quality band."""
        return [self.quality.place.location]

    @contextmanager
    def open(self, scene: Scene) -> Iterator[EstimateReader]:
        """Open for reading window by window."""
        values = components(scene.sensor)
        with open_quality(self.quality, scene.grid, KINDS) as read:
            yield lambda window: _estimate(read(window), values)


def _estimate(masks: Mapping[str, Mask], values: Mapping[str, Value]) -> Estimate:
    value: Any = np.float32("nan")
    uncertainty: Any = np.float32("nan")
    for kind in KINDS:
        if kind in masks and masks[kind].any():  # rare: most windows have neither
            value = np.where(masks[kind], np.float32(values[kind].emissivity), value)
            uncertainty = np.where(masks[kind], np.float32(values[kind].uncertainty), uncertainty)
    return Estimate(np.asarray(value, np.float32), np.asarray(uncertainty, np.float32))
