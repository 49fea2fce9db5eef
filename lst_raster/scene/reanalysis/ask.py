"""What is asked of a reanalysis file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lst_raster.scene.box import Box


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
