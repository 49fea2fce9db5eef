"""Whether the pixels of a product can be, and its rasters agree with each other pixel by pixel."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray

from lst_raster.engine.product.flags import UNCERTAIN, Bits, flag
from lst_raster.errors import SceneError
from lst_raster.scene.raster import read_stored

Float32: TypeAlias = NDArray[np.float32]

LOWEST, HIGHEST = 150.0, 380.0
"""Temperatures that a product may have, from colder than any ground to hotter than any without fire. [K]"""

_STEP = 0.01  # [K] by which a value kept with steps, or with a lossy compression, may be off
_WITHOUT = ("fill", "saturated", "no_solution", "no_input")
_MASKED = ("cloud", "cloud_shadow")


@dataclass(kw_only=True, slots=True)
class PixelCounts:
    """What was seen of a product's pixels."""

    pixels: int = 0
    """All of them."""
    count: int = 0
    """Those with a temperature."""
    low: float = math.inf
    """Least temperature. [K]"""
    high: float = -math.inf
    """Greatest temperature. [K]"""
    problems: dict[str, Counter[str]] = field(default_factory=dict)
    """By role of a raster what is wrong in how many pixels; a raster that was not looked at has no entry."""

    def lines(self, role: str) -> list[str]:
        """Say what is wrong with a raster."""
        return [f"{count} pixels with {what}" for what, count in sorted(self.problems[role].items()) if count]


def count_pixels(rasters: Mapping[str, Path], mask: str) -> PixelCounts:
    """Go through all pixels of a product.

    Parameters
    ----------
    rasters : mapping of str to path
        Rasters by role, on the same grid; ``lst`` is one of them.
    mask : str
        What was masked, as the product's metadata tell it.

    Returns
    -------
    PixelCounts
        What was seen.

    Raises
    ------
    SceneError
        A raster is damaged.
    """
    counts = PixelCounts(problems={role: Counter() for role in rasters})
    with ExitStack() as stack:
        opened = {role: stack.enter_context(rasterio.open(path)) for role, path in rasters.items()}
        for _, window in opened["lst"].block_windows(1):
            values = {role: _read(opened[role], role, window) for role in opened if role != "quality"}
            bits = (
                read_stored(opened["quality"], "quality", SceneError, window=window)[0] if "quality" in opened else None
            )
            _count_temperature(counts, values["lst"])
            if "uncertainty" in values:
                _count_uncertainty(counts, values["lst"], values["uncertainty"])
            if bits is not None:
                _count_bits(counts, values["lst"], values.get("uncertainty"), bits, mask)
    return counts


def _read(dataset: Any, what: str, window: Any) -> Float32:
    """Values in kelvin, NaN where there are none."""
    stored, valid = read_stored(dataset, what, SceneError, window=window)
    with np.errstate(all="ignore"):  # damaged numbers may be any
        values = np.float32(dataset.scales[0]) * stored.astype(np.float32) + np.float32(dataset.offsets[0])
    return np.where(valid, values, np.float32(np.nan))


def _count_temperature(counts: PixelCounts, lst: Float32) -> None:
    counts.pixels += lst.size
    values = lst[~np.isnan(lst)]
    if values.size:
        counts.count += values.size
        counts.low = min(counts.low, float(values.min()))
        counts.high = max(counts.high, float(values.max()))
    wrong = ~((values >= LOWEST) & (values <= HIGHEST))
    counts.problems["lst"][f"a temperature outside {LOWEST:g} to {HIGHEST:g} K"] += int(wrong.sum())


def _count_uncertainty(counts: PixelCounts, lst: Float32, uncertainty: Float32) -> None:
    has, known = ~np.isnan(lst), ~np.isnan(uncertainty)
    counts.problems["uncertainty"].update(
        {
            "a temperature and no uncertainty": int((has & ~known).sum()),
            "an uncertainty and no temperature": int((known & ~has).sum()),
            "an uncertainty that is not above 0 and finite": int(
                (known & ~((uncertainty > 0) & np.isfinite(uncertainty))).sum()
            ),
        }
    )


def _count_bits(
    counts: PixelCounts, lst: Float32, uncertainty: Float32 | None, bits: Bits, mask: str
) -> None:  # fmt: skip
    has, by_quality = ~np.isnan(lst), not mask.startswith("none")
    wrong = {
        "no temperature, and no bit that says why": ~has & ~_explained(bits, mask),
        "a temperature where fill, saturated, no_solution or no_input is set": has & _any(bits, _WITHOUT),
        "saturated, and not fill": _any(bits, ["saturated"]) & ~_any(bits, ["fill"]),
        "a temperature without source of its emissivity": has & (flag("emissivity_source").of(bits) == 0),
    }
    if by_quality:
        wrong["a temperature under cloud or shadow"] = has & _any(bits, _MASKED)
    if uncertainty is not None:
        beyond = np.abs(uncertainty - np.float32(UNCERTAIN)) > _STEP  # NaN is not
        differs = (uncertainty > UNCERTAIN) != _any(bits, ["uncertain"])
        wrong["a bit uncertain that does not fit the uncertainty"] = has & beyond & differs
    counts.problems["quality"].update({what: int(where.sum()) for what, where in wrong.items()})


def _explained(bits: Bits, mask: str) -> NDArray[np.bool_]:
    """Where a bit says why there is no temperature; a dilated mask reaches beyond the clouds themselves."""
    explained = _any(bits, [*_WITHOUT, *_MASKED])
    if "dilated by" in mask:
        explained |= np.isin(flag("cloud_distance").of(bits), [1, 2])
    return explained


def _any(bits: Bits, names: Any) -> NDArray[np.bool_]:
    wanted = sum(flag(name).mask for name in names)
    found: NDArray[np.bool_] = (bits & np.uint16(wanted)) != 0
    return found
