"""What a band of a product holds, and how its values are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[Any]
Resampling: TypeAlias = Literal["average", "nearest", "mode"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """The one band of a product."""

    description: str
    """What it is."""
    units: str = ""
    """Its unit."""
    dtype: Literal["float32", "uint8", "uint16"] = "float32"
    """Type of the numbers in the file."""
    scale: float | None = None
    """A step of the numbers in the file, in the unit; None where they are the values themselves."""
    nodata: float | None = math.nan
    """Number that stands for no value; None where every pixel has one."""
    resampling: Resampling = "average"
    """How a pixel of an overview follows from the four below it: mean of the values, the first, or the commonest."""
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Metadata of the band."""

    def __post_init__(self) -> None:
        floats = self.dtype == "float32"
        if floats and not (self.scale is None and self.nodata is not None and math.isnan(self.nodata)):
            raise ValueError(f"{self.description}: float32 is kept as it is, with NaN for nodata")
        if self.resampling == "average" and not floats and self.nodata != 0:
            raise ValueError(f"{self.description}: nodata is {self.nodata}; integers that are averaged need nodata 0")
        if self.scale is not None and self.nodata != 0:
            raise ValueError(f"{self.description}: nodata is {self.nodata}; scaled values need nodata 0")

    @property
    def padding(self) -> float:
        """Number that stands where nothing has been written."""
        return 0 if self.nodata is None else self.nodata

    def stored(self, values: Values) -> Values:
        """Numbers of the file for values of the layer.

        Parameters
        ----------
        values : array, any shape
            Values in the layer's unit, NaN where there are none; of a layer without scale the numbers themselves.

        Returns
        -------
        array of the same shape
            The nearest numbers; nodata where there is no value, or one beyond the range of the type.
        """
        if self.scale is None:
            return np.array(values, dtype=self.dtype)  # a copy: the caller may go on with its own
        steps = np.multiply(values, np.float32(1 / self.scale), dtype=np.float32)
        np.rint(steps, out=steps)
        inside = (steps >= 1) & (steps <= np.iinfo(self.dtype).max)  # NaN is not
        if not inside.all():
            np.copyto(steps, 0, where=~inside)
        return steps.astype(self.dtype)

    def is_empty(self, block: Values) -> bool:
        """Whether no number of the file is a value."""
        if self.nodata is None:
            return False
        missing = np.isnan(block) if self.dtype == "float32" else block == self.nodata
        return bool(missing.all())
