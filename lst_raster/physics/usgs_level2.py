"""What the bands of the USGS Level-2 surface temperature product mean in the terms of our equation."""

from __future__ import annotations

import math

from lst_raster.physics.arrays import Array
from lst_raster.physics.planck import BandPlanck, band_radiance_slope


def downwelling_from_st_drad(st_drad: Array) -> Array:
    """Hemispheric mean downwelling radiance from the band ST_DRAD of a Collection 2 Level-2 product.

    ``Ld = pi ST_DRAD``, inferred from two products of Landsat 8. The band is called downwelled radiance, but its values
    lie below the upwelling radiance of the same air, which no air that cools with height allows, and simulated air
    like it sends down 3.0 to 3.3 times as much. docs/science/level2.md shows the evidence and its limits.

    Parameters
    ----------
    st_drad : array, any shape
        ST_DRAD, times its scale of 0.001. [W m-2 sr-1 um-1]

    Returns
    -------
    array
        Downwelling radiance Ld as `sensor_radiance` takes it. [W m-2 sr-1 um-1]

    References
    ----------
    USGS LSDS-1619, Landsat 8-9 Collection 2 Level 2 Science Product Guide, for the band and its scale; the factor was
    found here.
    """
    return math.pi * st_drad


def temperature_change_by_downwelling(
    surface_temperature: Array, emissivity: Array, excess: Array, band: BandPlanck
) -> Array:
    """Change of the surface temperature when more downwelling radiance is taken into account, to first order.

    ``dTs = -(1 - e) dLd / (e dB/dT)``: sky that is not taken away is taken for the ground's own emission. The
    transmittance falls out.

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature. [K]
    emissivity : array
        Surface emissivity e. [1]
    excess : array
        By how much the downwelling radiance exceeds the one taken before. [W m-2 sr-1 um-1]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Surface temperature less the one before, negative where `excess` is positive. [K]

    References
    ----------
    Derivative of the radiative transfer equation, `lst_raster.physics.surface.surface_radiance`.
    """
    return -(1.0 - emissivity) * excess / (emissivity * band_radiance_slope(surface_temperature, band))
