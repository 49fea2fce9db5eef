"""What is asked of a reanalysis file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from lst_raster.scene.box import Box
from lst_raster.scene.fields import Quantity
from lst_raster.scene.reanalysis.variables import quantity_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Time, place and kind of the fields that are to be read."""

    when: np.datetime64 | None = None
    """Time that is asked for, UTC: only the two steps around it are read. None for all."""
    box: Box | None = None
    """Extent that is asked for; where a file is large, only the points around it are read. None for all."""
    on_levels: bool = False
    """Whether temperature and humidity on levels of pressure are asked for, instead of fields of the whole column and
    near the ground."""
    more: Mapping[str, Quantity] = field(default_factory=dict)
    """Further variables that are asked for, by their names in lower case."""

    def quantity_of(self, variable: str) -> Quantity | None:
        """Quantity that a variable holds by its name, None where it is not asked for."""
        return quantity_of(variable, on_levels=self.on_levels) or self.more.get(variable.lower())
