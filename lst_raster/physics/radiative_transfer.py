"""Radiative transfer equation of a thermal band and its inverse."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace
from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.planck import BandPlanck, band_radiance, brightness_temperature


def sensor_radiance(
    surface_temperature: Array,
    emissivity: Array,
    transmittance: Array,
    upwelling_radiance: Array,
    downwelling_radiance: Array,
    band: BandPlanck,
) -> Array:
    """At-sensor radiance of a surface under a clear sky.

    ``L = tau [e B(Ts) + (1 - e) Ld] + Lu``, all terms averaged with the spectral response of the band.

    Parameters
    ----------
    surface_temperature : array, any shape
        Land surface temperature Ts. [K]
    emissivity : array
        Surface emissivity e in the band. [1]
    transmittance : array
        Transmittance tau along the view path. [1]
    upwelling_radiance : array
        Upwelling radiance Lu of the atmosphere. [W m-2 sr-1 um-1]
    downwelling_radiance : array
        Hemispheric mean Ld of the downwelling radiance. [W m-2 sr-1 um-1]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    array
        At-sensor radiance. [W m-2 sr-1 um-1]

    References
    ----------
    P. Dash et al., Int. J. Remote Sens. 23, 2563 (2002), doi:10.1080/01431160110115041
    """
    black_body = band_radiance(surface_temperature, band)
    return sensor_radiance_of_black_body(
        black_body, emissivity, transmittance, upwelling_radiance, downwelling_radiance
    )


def sensor_radiance_of_black_body(
    black_body: Array, emissivity: Array, transmittance: Array, upwelling_radiance: Array, downwelling_radiance: Array
) -> Array:
    """At-sensor radiance from the black-body radiance B of the surface: the inverse of `surface_radiance`.

    ``L = tau (e B + (1 - e) Ld) + Lu``, all radiances in [W m-2 sr-1 um-1]; exact at one wavelength, an approximation
    with band averages. Other parameters and source as in `sensor_radiance`.
    """
    reflected = (1.0 - emissivity) * downwelling_radiance
    return transmittance * (emissivity * black_body + reflected) + upwelling_radiance


def surface_radiance(
    radiance: Array, emissivity: Array, transmittance: Array, upwelling_radiance: Array, downwelling_radiance: Array
) -> Array:
    """Black-body radiance of the surface [W m-2 sr-1 um-1]: `sensor_radiance` solved for ``B(Ts)``.

    ``B(Ts) = (L - Lu - tau (1 - e) Ld) / (tau e)``; parameters and units as in `sensor_radiance`.
    """
    reflected = transmittance * (1.0 - emissivity) * downwelling_radiance
    return (radiance - upwelling_radiance - reflected) / (transmittance * emissivity)


def surface_temperature(
    radiance: Array,
    emissivity: Array,
    transmittance: Array,
    upwelling_radiance: Array,
    downwelling_radiance: Array,
    band: BandPlanck,
) -> Array:
    """Land surface temperature from at-sensor radiance: the inverse of `sensor_radiance`.

    Parameters as in `sensor_radiance`, with `radiance` the at-sensor radiance. [W m-2 sr-1 um-1]

    Returns
    -------
    array
        Land surface temperature; NaN where the atmospheric terms exceed the radiance. [K]
    """
    black_body = surface_radiance(radiance, emissivity, transmittance, upwelling_radiance, downwelling_radiance)
    return brightness_temperature(black_body, band)


def coupled_atmosphere(
    optical_depth: Array, upwelling_temperature: Array, downwelling_temperature: Array, band: BandPlanck
) -> tuple[Array, Array, Array]:
    """Transmittance and path radiances of an atmosphere given by one optical depth and two temperatures.

    ``tau = exp(-d)``, ``Lu = (1 - tau) B(T_up)``, ``Ld = (1 - tau**1.66) B(T_down)``. The result is physically
    possible for all arguments; this is how the network is coupled to the physics.

    Parameters
    ----------
    optical_depth : array, any shape
        Effective optical depth d of the band along the view path, positive. [1]
    upwelling_temperature, downwelling_temperature : array
        Effective emission temperatures of the upwelling and the downwelling radiance. [K]
    band : BandPlanck
        The band's Planck coefficients.

    Returns
    -------
    tuple of array
        Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1].

    References
    ----------
    W. M. Elsasser, Harvard Meteorological Studies 6 (1942), for the diffusivity factor 1.66.
    """
    xp = namespace(optical_depth)
    transmittance = xp.exp(-optical_depth)
    upwelling = -xp.expm1(-optical_depth) * band_radiance(upwelling_temperature, band)
    slant = -xp.expm1(-DIFFUSIVITY_FACTOR * optical_depth)
    return transmittance, upwelling, slant * band_radiance(downwelling_temperature, band)
