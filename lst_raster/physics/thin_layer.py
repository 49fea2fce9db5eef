"""A thin absorbing layer above all else: trace gases of the upper air."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.planck import BandPlanck, band_radiance


def radiance_below_layer(radiance: Array, optical_depth: Array | float, temperature: float, band: BandPlanck) -> Array:
    """Radiance that rises into a layer of one temperature, from the radiance that leaves it.

    ``L = L0 exp(-d) + (1 - exp(-d)) B(T)``, solved for L0.

    Parameters
    ----------
    radiance : array, any shape
        Radiance above the layer. [W m-2 sr-1 um-1]
    optical_depth : array or float
        Optical depth d of the layer in the band, so thin that its spectrum does not matter. [1]
    temperature : float
        Temperature of the layer. [K]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Radiance below the layer. [W m-2 sr-1 um-1]

    References
    ----------
    K. N. Liou, An Introduction to Atmospheric Radiation, 2nd ed. (2002), section 1.4
    """
    xp = namespace(radiance)
    emitted = band_radiance(xp.full_like(radiance, temperature), band)
    transmittance = xp.exp(-optical_depth * xp.ones_like(radiance))
    return (radiance - (1.0 - transmittance) * emitted) / transmittance
