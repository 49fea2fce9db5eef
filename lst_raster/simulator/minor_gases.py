"""Minor gases: k-distributions in bands of 10 cm-1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.reading import reading
from lst_raster.simulator.cross_sections import Float

MINOR_GASES = ("carbon_dioxide", "ozone", "nitrous_oxide", "cfc11", "cfc12")
"""Gases that are read; methane has no term between 760 and 1000 cm-1; carbon dioxide is used below 808 cm-1."""
_NAMES = {2: "carbon_dioxide", 3: "ozone", 4: "nitrous_oxide", 6: "cfc11", 7: "cfc12"}
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
