"""Minor gases: k-distributions in bands of 10 cm-1, and means over 1 cm-1 of weak absorbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.constants import AVOGADRO
from lst_raster.reading import reading
from lst_raster.simulator.cross_sections import Float
from lst_raster.simulator.gases import MOLAR_MASS

_NAMES = {2: "carbon_dioxide", 3: "ozone", 4: "nitrous_oxide", 6: "cfc11", 7: "cfc12"}
CROSS_SECTION_GASES = {"C2Cl3F3": "cfc113", "CHClF2": "hcfc22", "CCl4": "carbon_tetrachloride"}
"""Gases with cross sections, by their names in HITRAN files."""
MINOR_GASES = (*_NAMES.values(), *CROSS_SECTION_GASES.values(), "nitric_acid")
"""Gases of the absorption table; methane has no term between 760 and 1000 cm-1; carbon dioxide is used below 808 cm-1.
"""
CROSS_SECTION_TEMPERATURE = 250.0
"""Mean temperature of a well-mixed gas; the cross sections nearest to it are used. [K]"""
NITRIC_ACID_STRENGTH = 2.4e-17
"""Integrated absorption of nitric acid between 840 and 930 cm-1: bands nu5 and 2nu9. [cm molecule-1]

Mean of 2.56e-17 (154 km mol-1, Tan et al. 1992, uncertain by a fifth) and 2.2e-17 (LOWTRAN). It does not depend on
temperature within 2 % (Giver et al. 1984 and later spectra, hdl:1811/20392). Weaker bands, at 763 cm-1 (nu8) and
830 cm-1 (3nu9 - nu9), are neglected.

References
----------
T. L. Tan, E. C. Looi, K. T. Lua, Spectrochim. Acta A 48, 975 (1992)
L. P. Giver et al., J. Opt. Soc. Am. B 1, 715 (1984)
"""
_NITRIC_ACID_WAVENUMBER = (840.0, *np.arange(850.0, 921.0, 5.0), 930.0)  # [cm-1]
_NITRIC_ACID_SHAPE = (
    0.0, 2.197, 3.911, 6.154, 8.150, 9.217, 9.461, 11.56, 11.10, 11.17, 12.40, 10.49, 7.509, 6.136, 4.899, 2.866, 0.0,
)  # fmt: skip
"""Absorption coefficient of nitric acid in LOWTRAN, 850 to 920 cm-1, continued to zero. [cm-1 atm-1]

F. X. Kneizys et al., Users Guide to LOWTRAN 7, AFGL-TR-88-0177 (1988)
"""
_TERMS_BLOCK = "*BLOCK: TYPE =    5"
_SCALING_PARAMETERS = {0: 0, 2: 3}  # scaling function of the file -> parameters per term


@dataclass(frozen=True, kw_only=True, slots=True)
class BandTerms:
    """k-distribution of one gas in one band of 10 cm-1."""

    gas: str  # name, one of `MINOR_GASES`
    band: int  # lower edge of the band over 10 cm-1
    coefficient: Float  # absorption coefficients of the terms [m2 kg-1]
    weight: Float  # fraction of the band for each term, with sum one [1]
    scaling: tuple[float, float, float, float, float]
    """Reference pressure [hPa], reference temperature [K], and the parameters of `scaling_factor`."""


def read_k_distribution(path: Path, first: float, last: float) -> list[BandTerms]:
    """Read the minor gases between two wavenumbers [cm-1] from a SOCRATES spectral file (``sp_lw_300_orig``).

    One entry for each gas and band of 10 cm-1 with absorption. Raises InputNotFoundError, and InputError for other
    files.

    References
    ----------
    J. M. Edwards and A. Slingo, Q. J. R. Meteorol. Soc. 122, 689 (1996), doi:10.1002/qj.49712253107
    """
    if not path.is_file():
        raise InputNotFoundError(f"k-distribution file {path} not found")
    with reading(f"{path} is not a SOCRATES spectral file"):
        text = path.read_text()
    start = text.find(_TERMS_BLOCK)
    if start < 0:
        raise InputError(f"{path} is not a SOCRATES spectral file: no block of exponential sum terms")
    wanted = range(int(first // 10), int(-(-last // 10)))
    with reading(f"{path} is not a SOCRATES spectral file, or damaged", more=(StopIteration,)):
        body = text[start : text.index("*END", start)].split("\n", 5)[5]  # five lines of headings
        values = iter(body.split())
        entries = [_entry(head, values) for head in values]
    return [entry for entry in entries if entry is not None and entry.band in wanted]


def _entry(head: str, values: object) -> BandTerms | None:
    """One gas in one band: header, reference state, then coefficient, weight and scaling for each term."""

    def take(count: int) -> list[str]:
        return [next(values) for _ in range(count)]  # type: ignore[call-overload]

    gas, terms, _, function = (int(value) for value in take(4))
    pressure, temperature = (float(value) for value in take(2))
    extra = _SCALING_PARAMETERS[function]
    table = np.array([[float(value) for value in take(2 + extra)] for _ in range(terms)])
    if gas not in _NAMES:
        return None
    parameters = tuple(table[0, 2:]) if extra else (0.0, 0.0, 0.0)
    return BandTerms(
        gas=_NAMES[gas],
        band=int(head) - 1,  # the file counts bands from one, starting at zero wavenumber
        coefficient=table[:, 0],
        weight=table[:, 1] / table[:, 1].sum(),
        scaling=(pressure / 100.0, temperature, *parameters),
    )


def scaling_factor(scaling: Float, pressure: Float, temperature: Float) -> Float:
    """Factor that scales the amount of a gas to the reference state of its terms. [1]

    ``(p / p0)**a * (1 + b (T / T0 - 1) + c (T / T0 - 1)**2)``, not negative, with p0 [hPa], T0 [K], a, b and c in the
    last axis of `scaling`.
    """
    p0, t0, a, b, c = (scaling[..., index] for index in range(5))
    departure = temperature / t0 - 1.0
    return np.asarray((pressure / p0) ** a * np.maximum(1.0 + departure * (b + c * departure), 0.0))


def pseudo_spectrum(terms: BandTerms, points: int) -> Float:
    """Distribute the terms of a band over equidistant points in random, reproducible order. [m2 kg-1]

    Each point gets the mean coefficient of its part of the sorted distribution, which conserves the band mean. The
    order is random, since the lines of different gases are uncorrelated.
    """
    order = np.argsort(terms.coefficient)
    edges = np.concatenate([[0.0], np.cumsum(terms.weight[order])])
    integral = np.concatenate([[0.0], np.cumsum(terms.coefficient[order] * terms.weight[order])])
    cumulated = np.interp(np.linspace(0.0, edges[-1], points + 1), edges, integral)
    values = np.diff(cumulated) * points / edges[-1]
    seed = MINOR_GASES.index(terms.gas) * 1000 + terms.band
    return np.asarray(np.random.default_rng(seed).permutation(values))


def read_cross_sections(path: Path, edges: Float) -> tuple[str, Float]:
    """Read a gas from a file of HITRAN cross sections (``.xsc``): its name, and means between `edges` [cm-1]. [m2 kg-1]

    Of the spectra that begin below the last edge, that nearest to 250 K is used: between 230 and 295 K the means over
    10 cm-1 of strong absorption differ from it by less than 15 %. Raises InputNotFoundError, and InputError for other
    files and gases.

    References
    ----------
    R. V. Kochanov et al., J. Quant. Spectrosc. Radiat. Transf. 230, 172 (2019), doi:10.1016/j.jqsrt.2019.04.001
    """
    if not path.is_file():
        raise InputNotFoundError(f"cross section file {path} not found")
    spectra: dict[float, tuple[Float, Float]] = {}
    with reading(f"{path} is not a HITRAN cross section file, or damaged", more=(StopIteration,)):
        lines = iter(path.read_text().splitlines())
        for line in lines:
            if len(line) < 60:  # end-of-file marks
                continue
            name, first, last, count, temperature = line.split()[:5]
            gas = CROSS_SECTION_GASES[name]
            values = np.array([value for _ in range(-(-int(count) // 10)) for value in next(lines).split()], float)
            if float(first) < edges[-1]:
                wavenumber = np.linspace(float(first), float(last), int(count))
                spectra[float(temperature)] = wavenumber, values[: int(count)]
        nearest = min(spectra, key=lambda kelvin: abs(kelvin - CROSS_SECTION_TEMPERATURE))
        return gas, _per_mass(gas, _cell_means(*spectra[nearest], edges))


def nitric_acid_absorption(edges: Float) -> Float:
    """Mean absorption coefficient of nitric acid [m2 kg-1] in cells between `edges` [cm-1]."""
    wavenumber, shape = np.array(_NITRIC_ACID_WAVENUMBER), np.array(_NITRIC_ACID_SHAPE)
    fine = np.arange(wavenumber[0], wavenumber[-1] + 0.5)
    relative = np.interp(fine, wavenumber, shape)
    return _per_mass("nitric_acid", _cell_means(fine, relative / relative.sum() * NITRIC_ACID_STRENGTH, edges))


def _cell_means(wavenumber: Float, values: Float, edges: Float) -> Float:
    """Means in cells between `edges` of a spectrum that is zero outside its range."""
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(wavenumber))])
    return np.asarray(np.diff(np.interp(edges, wavenumber, integral)) / np.diff(edges))


def _per_mass(gas: str, cross_section: Float) -> Float:
    """Cross sections per molecule [cm2] as absorption coefficients [m2 kg-1]."""
    return cross_section * 1e-4 * AVOGADRO / MOLAR_MASS[gas]
