"""What the tiles of a scene had in them, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.tiles import Float32, Mask, Tile


@dataclass(kw_only=True, slots=True)
class Tally:
    """Counts over one tile, or over all."""

    pixels: int = 0
    """Pixels of the scene."""
    measured: int = 0
    """Pixels with a radiance: neither fill nor saturated."""
    masked: Counter[str] = field(default_factory=Counter)
    """Those of them that are masked, by reason, and under ``any`` all of them."""
    known: int = 0
    """Pixels that are not masked and of which all inputs are known too."""
    retrieved: int = 0
    """Pixels with a temperature."""
    sources: Counter[int] = field(default_factory=Counter)
    """Pixels with a temperature, by the number of their emissivity's source, counted from 1."""
    extremes: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every input of the model, where it was used."""

    @classmethod
    def of(cls, tile: Tile, temperature: Float32, hides: Collection[str]) -> Tally:
        """Count a tile; `hides` are the kinds of pixels that get no temperature."""
        retrieved = np.isfinite(temperature)
        return cls(
            pixels=tile.known.size,
            measured=int(np.count_nonzero(tile.measured)),
            masked=_masked(tile, hides),
            known=int(np.count_nonzero(tile.known)),
            retrieved=int(np.count_nonzero(retrieved)),
            sources=_sources(tile.emissivity.source, retrieved),
            extremes=dict(tile.air.extremes),
        )

    def merge(self, other: Tally) -> None:
        """Add the counts of another part."""
        self.pixels += other.pixels
        self.measured += other.measured
        self.masked.update(other.masked)
        self.known += other.known
        self.retrieved += other.retrieved
        self.sources.update(other.sources)
        self.extremes = {**self.extremes, **_wider(self.extremes, other.extremes)}


def _masked(tile: Tile, hides: Collection[str]) -> Counter[str]:
    masks = {name: tile.masks[name] for name in hides if name in tile.masks}
    counts = Counter({name: int(np.count_nonzero(mask & tile.measured)) for name, mask in masks.items()})
    counts["any"] = int(np.count_nonzero(tile.hidden & tile.measured))
    return counts


def _sources(source: NDArray[np.uint8], retrieved: Mask) -> Counter[int]:
    if not source.ndim:
        return Counter({int(source): int(np.count_nonzero(retrieved))})
    return Counter({number: int(count) for number, count in enumerate(np.bincount(source[retrieved]))})


def _wider(
    ranges: Mapping[str, tuple[float, float]], others: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    none = (np.inf, -np.inf)
    return {
        name: (min(ranges.get(name, none)[0], low), max(ranges.get(name, none)[1], high))
        for name, (low, high) in others.items()
    }
