"""Surfaces like those to which published retrieval coefficients were fitted, for checks of the simulator."""

import numpy as np
from numpy.typing import NDArray

from lst_raster.profiles.sampling import Surfaces


def mild_samples(air_temperature: NDArray[np.float64], per_profile: int, seed: int) -> Surfaces:
    """Draw surfaces within 8 K of 2.5 K above the 2 m air temperature, emissivity 0.93 to 0.99."""
    shape = (air_temperature.size, per_profile)
    random = np.random.default_rng(seed)
    difference = 2.5 + random.uniform(-8.0, 8.0, shape)
    return Surfaces(
        surface_temperature=air_temperature[:, None] + difference, emissivity=random.uniform(0.93, 0.99, shape)
    )
