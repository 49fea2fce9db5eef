"""Components of the uncertainty of products that have only the total: shares of its error sources in the metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.correlated_errors import Components

_PART = re.compile(r"([a-z][a-z ]*?) (\d+(?:\.\d+)?) K")
_SOURCES = {"random": "sensor", "atmosphere": "atmosphere", "surface": "emissivity"}  # parts of `uncertainty_parts`


def components_from_total(total: NDArray[Any], tags: Mapping[str, str]) -> Components:
    """Estimate the components of pixels from their total uncertainty and the metadata of the product. [K]

    The total is divided like the root mean squares of its parts over the scene (metadata item ``uncertainty_parts``);
    the systematic component is that of ``systematic_uncertainty``, and that of stray light. Without these items all
    errors are taken as systematic, the upper bound for any mean. Arrays of the shape of `total`.
    """
    parts, common = (_kelvins(tags.get(item, "")) for item in ("uncertainty_parts", "systematic_uncertainty"))
    whole = math.hypot(*parts.values())
    zero = np.zeros_like(total)
    if not whole:
        return Components(random=zero, atmosphere=zero, surface=zero, systematic=total)
    shares = {name: total * (parts.get(source, 0.0) / whole) for name, source in _SOURCES.items()}
    stray_light = total * (parts.get("stray light", 0.0) / whole)
    return Components(**shares, systematic=np.hypot(stray_light, math.hypot(*common.values(), 0.0)))


def _kelvins(text: str) -> dict[str, float]:
    """Numbers by name of a text such as ``sensor 0.10 K, emissivity 0.30 K (...)``."""
    return {name.removeprefix("and ").strip(): float(number) for name, number in _PART.findall(text)}
