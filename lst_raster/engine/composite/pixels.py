"""Which pixels of a product are taken, by its quality bits and its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.product.flags import FLAGS, Flag
from lst_raster.errors import InputError

Values = tuple[tuple[Flag, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PixelRule:
    """What a pixel must be, and must not be."""

    keep: Values = ()
    """Values of flags; of every flag named here a pixel must have one."""
    exclude: Values = ()
    """Values of flags of which a pixel must have none."""
    max_uncertainty: float | None = None
    """Uncertainty up to which a temperature is taken, None for any. [K]"""

    @classmethod
    def parse(cls, keep: str | Sequence[str], exclude: str | Sequence[str], max_uncertainty: float | None) -> Self:
        """Read what a user gives.

        Parameters
        ----------
        keep, exclude : str or sequence of str
            Values of quality flags, such as ``water`` or ``cloud_distance=near``, several with commas between them.
        max_uncertainty : float, optional
            Greatest uncertainty. [K]

        Raises
        ------
        InputError
            There is no such flag, or the uncertainty is not positive.
        """
        if max_uncertainty is not None and not (max_uncertainty > 0.0 and math.isfinite(max_uncertainty)):
            raise InputError(f"the greatest uncertainty is {max_uncertainty:g} K; give a number above 0")
        return cls(keep=_values(keep), exclude=_values(exclude), max_uncertainty=max_uncertainty)

    def __str__(self) -> str:
        parts = [f"only {_names(self.keep)}"] if self.keep else []
        parts += [f"without {_names(self.exclude)}"] if self.exclude else []
        parts += [f"with an uncertainty up to {self.max_uncertainty:g} K"] if self.max_uncertainty is not None else []
        return "; ".join(parts) or "all that have a temperature"

    @property
    def needs_quality(self) -> bool:
        """Whether the quality band is asked."""
        return bool(self.keep or self.exclude)

    def table(self) -> NDArray[np.bool_]:
        """For each of the 65536 values of a quality band whether its pixels are taken.

        Returns
        -------
        array of shape (65536,)
            To be indexed with quality bits.
        """
        bits = np.arange(1 << 16, dtype=np.uint16)
        taken = np.ones(bits.shape, bool)
        for field in {flag.name: flag for flag, _ in self.keep}.values():
            taken &= np.isin(field.of(bits), [value for flag, value in self.keep if flag.name == field.name])
        for flag, value in self.exclude:
            taken &= flag.of(bits) != value
        return taken


def _values(given: str | Iterable[str]) -> Values:
    texts = [given] if isinstance(given, str) else list(given)
    return tuple(_value(part.strip()) for text in texts for part in text.split(",") if part.strip())


def _value(text: str) -> tuple[Flag, int]:
    """Find a value by its name, which no other flag's value has, or by the flag's name and its own."""
    name, _, own = text.rpartition("=")
    for flag in FLAGS:
        for value, (title, _) in flag.values.items():
            if title == own and name in ("", flag.name):
                return flag, value
    known = [flag.name if flag.length == 1 else f"{flag.name}=..." for flag in FLAGS]
    longer = "; ".join(
        f"{flag.name}: {', '.join(title for title, _ in flag.values.values())}" for flag in FLAGS if flag.length > 1
    )
    raise InputError(f"{text!r} is no quality flag; there are {', '.join(known)} ({longer})")


def _names(values: Values) -> str:
    return ", ".join(
        flag.values[value][0] if flag.length == 1 else f"{flag.name}={flag.values[value][0]}" for flag, value in values
    )
