"""Surface temperature from broadband longwave irradiance, as measured by pyrgeometers."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.constants import STEFAN_BOLTZMANN


def longwave_temperature(upwelling: Array, downwelling: Array, emissivity: Array | float) -> Array:
    """Surface temperature from upwelling and downwelling longwave irradiance.

    ``T = ((Lup - (1 - e) Ldown) / (e sigma))**(1/4)``.

    Parameters
    ----------
    upwelling : array, any shape
        Upwelling irradiance Lup. [W m-2]
    downwelling : array
        Downwelling irradiance Ldown. [W m-2]
    emissivity : array or float
        Broadband emissivity e of the surface, positive. [1]

    Returns
    -------
    array
        Surface temperature; NaN where Lup does not exceed the reflected irradiance. [K]

    References
    ----------
    P. Guillevic et al., Land Surface Temperature Product Validation Best Practice Protocol, version 1.1, CEOS LPV
    (2018), doi:10.5067/doc/ceoswgcv/lpv/lst.001

    Examples
    --------
    >>> import numpy as np
    >>> round(float(longwave_temperature(np.float64(450.0), np.float64(300.0), 0.97)), 2)
    299.24
    """
    xp = namespace(upwelling, downwelling, emissivity)
    black_body = (upwelling - (1.0 - emissivity) * downwelling) / (emissivity * STEFAN_BOLTZMANN)
    positive = black_body > 0.0
    safe = xp.where(positive, black_body, xp.ones_like(black_body))
    return xp.where(positive, xp.sqrt(xp.sqrt(safe)), xp.full_like(black_body, float("nan")))


def longwave_temperature_uncertainty(
    temperature: Array,
    downwelling: Array,
    emissivity: Array | float,
    irradiance_uncertainty: float,
    emissivity_uncertainty: float,
) -> Array:
    """Uncertainty of `longwave_temperature` due to both irradiances and the emissivity. [K]

    Root sum square, divided by ``4 e sigma T**3``, of the errors of Lup, ``(1 - e)`` Ldown and
    ``(sigma T**4 - Ldown)`` e. `irradiance_uncertainty` is that of each of the two irradiances. [W m-2]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(temperature, downwelling)
    cubed = STEFAN_BOLTZMANN * temperature * temperature * temperature
    reflectance = 1.0 - emissivity
    from_emissivity = (cubed * temperature - downwelling) * emissivity_uncertainty
    from_instruments = (1.0 + reflectance * reflectance) * irradiance_uncertainty * irradiance_uncertainty
    return xp.sqrt(from_instruments + from_emissivity * from_emissivity) / (4.0 * emissivity * cubed)
