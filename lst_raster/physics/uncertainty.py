"""How uncertainty of the terms of the radiative transfer equation reaches the surface temperature."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.planck import BandPlanck, band_radiance, band_radiance_slope


def atmosphere_uncertainty(
    surface_temperature: Array,
    emissivity: Array,
    optical_depth: Array,
    upwelling_temperature: Array,
    optical_depth_uncertainty: Array,
    upwelling_temperature_uncertainty: Array,
    band: BandPlanck,
) -> Array:
    """Uncertainty of the surface temperature that comes from the atmosphere above it.

    In the terms of `coupled_atmosphere` the radiance at the sensor is ``tau M + (1 - tau) B(T_up)`` with M the
    radiance that leaves the ground. Independent errors of the optical depth d and of T_up change it by
    ``-tau (M - B(T_up))`` and ``(1 - tau) B'(T_up)`` each; division by ``tau e B'(Ts)`` makes them kelvins of the
    ground. So an atmosphere as warm as the ground leaves the optical depth without effect. M is taken as ``B(Ts)``,
    and the error of the reflected radiance, a few per cent of the rest, is left out.

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature Ts. [K]
    emissivity : array
        Surface emissivity e in the band. [1]
    optical_depth : array
        Effective optical depth d of the band along the view path. [1]
    upwelling_temperature : array
        Effective temperature T_up at which the atmosphere emits towards the sensor. [K]
    optical_depth_uncertainty : array
        Standard uncertainty of `optical_depth`. [1]
    upwelling_temperature_uncertainty : array
        Standard uncertainty of `upwelling_temperature`. [K]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        Standard uncertainty of the surface temperature. [K]

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10.
    """
    xp = namespace(optical_depth, surface_temperature)
    # Both parts are divided by tau: 1 / tau - 1 is (1 - tau) / tau.
    contrast = band_radiance(surface_temperature, band) - band_radiance(upwelling_temperature, band)
    from_depth = contrast * optical_depth_uncertainty
    emission = xp.expm1(optical_depth) * band_radiance_slope(upwelling_temperature, band)
    from_temperature = emission * upwelling_temperature_uncertainty
    ground = emissivity * band_radiance_slope(surface_temperature, band)
    return xp.sqrt(from_depth * from_depth + from_temperature * from_temperature) / ground
