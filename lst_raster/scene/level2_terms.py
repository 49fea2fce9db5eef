"""The bands of a Level-2 surface temperature product that hold terms of its equation, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import SceneError
from lst_raster.physics.usgs_level2 import downwelling_from_st_drad
from lst_raster.scene.address import Location
from lst_raster.scene.bundle import Place
from lst_raster.scene.grid import Grid, require_same_grid
from lst_raster.scene.raster import open_raster, read_window

Float32 = NDArray[np.float32]
Downwelling: TypeAlias = Literal["corrected", "usgs"]
"""Whether ST_DRAD is made a hemispheric mean, or taken as it stands, as USGS does."""
AirReader: TypeAlias = Callable[[Any], tuple[Float32, Float32, Float32]]
"""Takes a window; returns transmittance [1], up- and downwelling radiance [W m-2 sr-1 um-1], NaN where unknown."""

_SAMPLE = 256  # rows and columns of the thinned band on which the values are checked
_POSSIBLE = 0.5  # share of the values that are not fill that must be possible; single pixels are masked instead


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One band of the product."""

    suffix: str
    """End of the file's name."""
    key: str
    """Entry of the metadata with the file's name, less ``FILE_NAME_``."""
    scale: float
    """Factor from stored numbers to the unit. [unit of the term]"""
    low: float
    """Lowest value that can be, above that of any atmosphere or surface stored with another scale."""
    high: float
    """Highest value that can be."""

    def read(self, dataset: Any, **where: Any) -> Float32:
        """Values of part of the open band, NaN where there is none (-9999) or one that cannot be.

        Raises
        ------
        SceneError
            The file is damaged.
        """
        numbers, valid = read_window(dataset, self.suffix, SceneError, **where)
        values = numbers.astype(np.float64) * self.scale
        possible = valid & (values >= self.low) & (values <= self.high)
        return np.where(possible, values, np.nan).astype(np.float32)


# Radiance of a black body is 0.9 W m-2 sr-1 um-1 at 180 K and 24 at 370 K in these bands; that of dry air over ice 0.1.
RADIANCE = Term(suffix="ST_TRAD", key="THERMAL_RADIANCE", scale=1e-3, low=0.1, high=30.0)
UPWELLING = Term(suffix="ST_URAD", key="UPWELL_RADIANCE", scale=1e-3, low=0.005, high=30.0)
DOWNWELLING = Term(suffix="ST_DRAD", key="DOWNWELL_RADIANCE", scale=1e-3, low=0.005, high=30.0)
TRANSMITTANCE = Term(suffix="ST_ATRAN", key="ATMOSPHERIC_TRANSMITTANCE", scale=1e-4, low=0.01, high=1.0)
EMISSIVITY = Term(suffix="ST_EMIS", key="EMISSIVITY", scale=1e-4, low=0.5, high=1.0)
EMISSIVITY_UNCERTAINTY = Term(suffix="ST_EMSD", key="EMISSIVITY_STDEV", scale=1e-4, low=0.0, high=1.0)

EQUATION: Mapping[str, Term] = MappingProxyType(
    {
        "radiance": RADIANCE,
        "transmittance": TRANSMITTANCE,
        "upwelling_radiance": UPWELLING,
        "downwelling_radiance": DOWNWELLING,
    }
)
"""Terms without which the equation cannot be solved; scales and units of USGS LSDS-1619 (Landsat 8, 9), LSDS-1618."""


def check_term(place: Place, term: Term, grid: Grid) -> None:
    """Refuse a band that does not lie on the radiance's grid, or does not hold what its name says.

    Raises
    ------
    SceneError
        It is no raster, damaged, or most of its values cannot be.
    GridMismatchError
        It is on another grid.
    """
    with open_term(place, term, grid) as dataset:
        shape = (min(grid.height, _SAMPLE), min(grid.width, _SAMPLE))
        numbers, valid = read_window(dataset, term.suffix, SceneError, out_shape=shape)
        possible = np.isfinite(term.read(dataset, out_shape=shape))
    stored = valid & (numbers != -9999.0)
    if possible.sum() < _POSSIBLE * stored.sum():
        median = float(np.median(numbers[stored]))
        raise SceneError(
            f"{place.name} holds values such as {median:g}; times the product's scale of {term.scale:g} that is "
            f"{median * term.scale:g}, outside {term.low:g} to {term.high:g}: give the product's own digital numbers"
        )


@contextmanager
def open_term(place: Place, term: Term, grid: Grid) -> Iterator[Any]:
    """Open a band, which must lie on a grid, as a rasterio dataset."""
    with open_raster(place, term.suffix, SceneError) as dataset:
        require_same_grid(f"{term.suffix} {place.name}", Grid.of(dataset), grid)
        yield dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Air:
    """The air over the scene, as the product has it."""

    places: Mapping[str, Place]
    """Files of the terms, by their names in `EQUATION`."""
    grid: Grid
    """Grid of the product."""
    downwelling: Downwelling = "corrected"
    """What is made of ST_DRAD."""

    def __str__(self) -> str:
        return "ST_ATRAN, ST_URAD, " + ("pi ST_DRAD" if self.downwelling == "corrected" else "ST_DRAD as it stands")

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return [place.location for name, place in self.places.items() if name != "radiance"]

    @contextmanager
    def open(self) -> Iterator[AirReader]:
        """Open for reading window by window.

        Yields
        ------
        AirReader
            Transmittance, upwelling and downwelling radiance of a window; the transmittance is NaN
            where any of them is missing.

        Raises
        ------
        SceneError, GridMismatchError
            A file is missing, damaged or on another grid (also raised by the reader).
        """
        names = ("transmittance", "upwelling_radiance", "downwelling_radiance")
        with ExitStack() as stack:
            terms = [
                (EQUATION[name], stack.enter_context(open_term(self.places[name], EQUATION[name], self.grid)))
                for name in names
            ]
            yield lambda window: self._air(*(term.read(dataset, window=window) for term, dataset in terms))

    def _air(self, transmittance: Float32, upwelling: Float32, st_drad: Float32) -> tuple[Float32, Float32, Float32]:
        downwelling = downwelling_from_st_drad(st_drad) if self.downwelling == "corrected" else st_drad
        known = np.isfinite(transmittance) & np.isfinite(upwelling) & np.isfinite(st_drad)
        return np.where(known, transmittance, np.float32("nan")), upwelling, downwelling


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Emissivity:
    """The emissivity that the product was made with: ASTER GED, adjusted to the scene's vegetation and snow."""

    value: Place
    """ST_EMIS."""
    uncertainty: Place | None
    """ST_EMSD, None where it is missing."""
