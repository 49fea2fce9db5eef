"""Water seen from above: its emissivity, and its skin, which is cooler than what a thermometer below measures."""

from __future__ import annotations

from lst_raster.physics.arrays import Array, namespace

WINDY_COOL_SKIN = 0.17
"""How much cooler the skin is than the water below, for wind above 6 m/s, day and night; spread 0.07. [K]

C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
"""


def normal_emissivity(refractive_index: Array, absorption_index: Array) -> Array:
    """Emissivity of a smooth surface seen from straight above, by Fresnel's equation.

    ``e = 1 - ((n - 1)**2 + k**2) / ((n + 1)**2 + k**2)``: what is not reflected is emitted, for a body that lets
    nothing through.

    Parameters
    ----------
    refractive_index, absorption_index : array
        Real part n and imaginary part k of the complex refractive index. [1]

    Returns
    -------
    array
        Emissivity. [1]

    References
    ----------
    M. Born, E. Wolf, Principles of Optics, 7th ed. (1999), section 14.2

    Examples
    --------
    >>> round(normal_emissivity(1.153, 0.0968), 4)
    0.9929
    """
    squared = absorption_index * absorption_index
    below, above = refractive_index - 1.0, refractive_index + 1.0
    return 1.0 - (below * below + squared) / (above * above + squared)


def cool_skin(wind_speed: Array) -> Array:
    """How much cooler the skin of water is than the water below it, without the sun.

    ``0.14 + 0.30 exp(-u / 3.7)``, measured at sea. By day the sun may warm the upper metre in light wind, so that
    the skin is warmer than what a thermometer farther down measures; this is not part of it.

    Parameters
    ----------
    wind_speed : array, any shape
        Wind speed at 10 m. [m s-1]

    Returns
    -------
    array
        Temperature below the skin less that of the skin, positive. [K]

    References
    ----------
    C. J. Donlon et al., J. Climate 15, 353 (2002), doi:10.1175/1520-0442(2002)015<0353:TIVOSS>2.0.CO;2
    """
    xp = namespace(wind_speed)
    return 0.14 + 0.30 * xp.exp(-wind_speed / 3.7)
