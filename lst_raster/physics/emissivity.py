"""Surface emissivity in a thermal band from vegetation cover and from ASTER emissivities."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, keep_where, namespace


def sun_corrected_reflectance(reflectance: Array, sine_of_sun_elevation: float) -> Array:
    """Reflectance at the top of the atmosphere, corrected for sun elevation. [1]

    `reflectance` is REFLECTANCE_MULT times the digital number plus REFLECTANCE_ADD; the sine is positive.

    References
    ----------
    USGS, Landsat 8 Data Users Handbook (LSDS-1574), section 5.2
    """
    return reflectance / sine_of_sun_elevation


def reflectance_from_radiance(radiance: Array, solar_irradiance: float, sun_distance: float) -> Array:
    """Reflectance at the top of the atmosphere [1] without correction for sun elevation.

    Parameters
    ----------
    radiance : array, any shape
        Radiance of a reflective band. [W m-2 sr-1 um-1]
    solar_irradiance, sun_distance : float
        Mean exoatmospheric solar irradiance of the band [W m-2 um-1], Earth-Sun distance [astronomical unit].

    References
    ----------
    G. Chander, B. L. Markham, D. L. Helder, Remote Sens. Environ. 113, 893 (2009), doi:10.1016/j.rse.2009.01.007,
    equation 5
    """
    return radiance * (3.141592653589793 * sun_distance * sun_distance / solar_irradiance)


def ndvi(red: Array, near_infrared: Array) -> Array:
    """Normalised difference vegetation index [1], NaN where the sum of the reflectances is not positive.

    The arguments are reflectances [1], not digital numbers, whose offset changes the index.

    References
    ----------
    C. J. Tucker, Remote Sens. Environ. 8, 127 (1979), doi:10.1016/0034-4257(79)90013-0
    """
    total = red + near_infrared
    bright = total > 0.0
    index = (near_infrared - red) / keep_where(bright, total, 1.0)
    return keep_where(bright, index, float("nan"))


def vegetation_cover(index: Array, bare: float, full: float) -> Array:
    """Fraction of green vegetation cover, ``((NDVI - bare) / (full - bare))**2``, clipped to 0 to 1. [1]

    `bare` and `full` are the index of bare soil and of a closed canopy.

    References
    ----------
    T. N. Carlson, D. A. Ripley, Remote Sens. Environ. 62, 241 (1997), doi:10.1016/S0034-4257(97)00104-1
    """
    xp = namespace(index)
    fraction = (index - bare) / (full - bare)
    fraction = xp.minimum(xp.maximum(fraction, xp.full_like(fraction, 0.0)), xp.ones_like(fraction))
    return fraction * fraction


def soil_emissivity(red: Array, constant: float, slope: float) -> Array:
    """Emissivity of bare soil from its red reflectance: bright soils have more quartz and lower emissivity. [1]

    `constant` and `slope` are coefficients of the band.

    References
    ----------
    J. A. Sobrino et al., IEEE Trans. Geosci. Remote Sens. 46, 316 (2008), doi:10.1109/TGRS.2007.904834
    """
    return constant + slope * red


def mixed_emissivity(cover: Array, soil: Array, vegetation: Array) -> Array:
    """Emissivity of a surface with partial vegetation cover, linear in the cover. [1]

    The cavity term of Valor and Caselles (1996) is omitted, as by the USGS and by Ermida et al. (2020): with the
    published thresholds it causes a step of 0.016 at the onset of vegetation, 0.8 K in temperature.

    References
    ----------
    S. L. Ermida et al., Remote Sens. 12, 1471 (2020), doi:10.3390/rs12091471, equation 4
    """
    return vegetation * cover + soil * (1.0 - cover)


def mixed_uncertainty(cover: Array, soil: Array, vegetation: Array) -> Array:
    """Standard uncertainty of `mixed_emissivity` for independent errors of its components, from theirs. [1]"""
    xp = namespace(cover)
    of_soil, of_vegetation = soil * (1.0 - cover), vegetation * cover
    return xp.sqrt(of_soil * of_soil + of_vegetation * of_vegetation)


def emissivity_from_aster(band_13: Array, band_14: Array, weight_13: float, weight_14: float, constant: float) -> Array:
    """Emissivity in a Landsat band from ASTER bands 13 (10.25-10.95 um) and 14 (10.95-11.65 um). [1]

    The weights and the constant are coefficients of the Landsat band.

    References
    ----------
    N. K. Malakar et al., IEEE Trans. Geosci. Remote Sens. 56, 5717 (2018), doi:10.1109/TGRS.2018.2824828
    """
    return weight_13 * band_13 + weight_14 * band_14 + constant


def second_emissivity_difference(emissivity: Array, constant: float, slope: float) -> Array:
    """Emissivity of a second band less that of the first, linear in that of the first: ``constant + slope (e - 0.97)``.

    The coefficients are fitted to the means of soil, rock, built-up surfaces, water and canopies: quartz lowers the
    emissivity more at 11 um than at 12 um, and water that at 12 um. [1]

    References
    ----------
    S. K. Meerdink et al., Remote Sens. Environ. 230, 111196 (2019), doi:10.1016/j.rse.2019.05.015 (the spectra)
    """
    return constant + slope * (emissivity - 0.97)


def vegetation_adjusted_emissivity(
    emissivity: Array, cover_then: Array, cover_now: Array, vegetation: float, least_bare: float
) -> Array:
    """Adjust an emissivity from the vegetation cover at its measurement to another vegetation cover. [1]

    `mixed_emissivity` is solved for the soil at `cover_then` and evaluated with `cover_now`:
    ``e + (now - then) (vegetation - e) / (1 - then)``. ``1 - then`` is at least `least_bare`, since the soil emissivity
    is undetermined under full cover.

    References
    ----------
    S. L. Ermida et al., Remote Sens. 12, 1471 (2020), doi:10.3390/rs12091471, equations 4 and 5
    """
    xp = namespace(emissivity, cover_then)
    bare = xp.maximum(1.0 - cover_then, xp.full_like(cover_then, least_bare))
    return emissivity + (cover_now - cover_then) * (vegetation - emissivity) / bare


def root_sum_square(*parts: Array) -> Array:
    """Combine standard uncertainties of independent errors, in the unit of the arguments, such as [1].

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, equation 10
    """
    total = sum(part * part for part in parts)
    return namespace(*parts).sqrt(total)
