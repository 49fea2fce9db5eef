"""The quality band of a tile: why a pixel has no temperature, and what to know of those that have one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.inputs import Inputs
from lst_raster.engine.product.flags import EMISSIVITY_SOURCES, FROM_SCENE, UNCERTAIN, Bits, flag
from lst_raster.engine.tiles import Float32, Mask, Tile

_CODES = {name: code for code, (name, _) in EMISSIVITY_SOURCES.items()}
_ASSUMED = ("water_vapour", "air_temperature")


@dataclass(frozen=True, kw_only=True, slots=True)
class Flagging:
    """What of the flags is the same for the whole scene."""

    codes: NDArray[np.uint16]
    """Bits of the field ``emissivity_source`` for every number of a source, counted from 1."""
    always: int
    """Bits that every pixel has for which something was measured."""

    @classmethod
    def of(cls, inputs: Inputs) -> Flagging:
        """Take it from what is fed to the model."""
        offset = flag("emissivity_source").offset
        codes = [0, *(_CODES[source.kind] << offset for source in inputs.emissivity.sources)]
        assumed = any(
            name in inputs.atmosphere and inputs.atmosphere[name].origin == "standard atmosphere" for name in _ASSUMED
        )
        return cls(codes=np.array(codes, np.uint16), always=flag("assumed_atmosphere").mask if assumed else 0)

    def bits(self, tile: Tile, temperature: Float32, uncertainty: Float32, distance: NDArray[np.uint8]) -> Bits:
        """Bits of a tile.

        Parameters
        ----------
        tile : Tile
            What is known.
        temperature, uncertainty : array of shape (rows, columns)
            What was made of it. [K]
        distance : array of shape (rows, columns), or one number
            Values of the field ``cloud_distance``.

        Returns
        -------
        array of shape (rows, columns)
            Bits, as `lst_raster.engine.product.flags` tells.
        """
        measured = tile.measured
        bits = np.where(measured, np.uint16(self.always), np.uint16(0))
        bits |= self.codes[tile.emissivity.source] * measured
        bits |= distance.astype(np.uint16) << np.uint16(flag("cloud_distance").offset)
        _set(bits, "fill", ~measured)
        _set(bits, "saturated", tile.saturated)
        for name, kinds in FROM_SCENE.items():
            for kind in kinds:
                if kind in tile.masks:
                    _set(bits, name, tile.masks[kind])
        for kind in ("fill", "saturated"):
            if kind in tile.masks:  # nothing is known there, unless the user takes what the file holds all the same
                lost = tile.masks[kind] & tile.hidden
                _set(bits, "fill", lost)
                _set(bits, kind, lost)
        _set(bits, "no_input", measured & ~tile.hidden & ~tile.known)
        _set(bits, "no_solution", tile.known & np.isnan(temperature))
        with np.errstate(invalid="ignore"):
            _set(bits, "uncertain", uncertainty > UNCERTAIN)
            if tile.air.outside is not None:
                _set(bits, "outside_range", (tile.air.outside > 0.0) & measured)
        return bits


def _set(bits: Bits, name: str, mask: Mask) -> None:
    """Set a bit where the mask is; the array belongs to the caller alone."""
    bits |= mask * np.uint16(flag(name).mask)
