"""Atmospheric terms of Level-2 products compared with the simulator and the models, and their effect on temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from examples.studies.level2.model_atmosphere import EXACT, once, vapour_and_temperature_of
from examples.studies.level2.simulated_atmosphere import SHAPES, MatchedProfile, choose_shapes, match_air
from examples.studies.level2.terms import ProductTerms, read_terms
from examples.studies.points import climatological_inputs, implied_vapour
from lst_raster.errors import CancelledError
from lst_raster.inference.model import Model
from lst_raster.physics.calibration import downwelling_from_st_drad, temperature_change_by_downwelling
from lst_raster.physics.constants import DIFFUSIVITY_FACTOR
from lst_raster.physics.planck import BandPlanck, brightness_temperature
from lst_raster.physics.radiative_transfer import coupled_atmosphere, sensor_radiance, surface_temperature
from lst_raster.profiles.profile_sets import library_path, read_profiles
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.gases import Composition

Float = NDArray[np.float64]
Progress = Callable[[int, int], bool]

GROUND_EXCESS = 10.0
"""Temperature of the assumed surface minus upward emission temperature of the atmosphere. [K]"""
PERCENTILES = (2.5, 50.0, 97.5)
"""Percentiles of the optical depth of a product at which profiles are matched."""
_NARROW = 0.02  # range of log optical depth below which no slope is fitted
_LARGEST_HUMIDITY = 1.2  # of a matched profile, allowing for the uncertainty of its shape [1]
_TYPICAL_EMISSIVITY = 0.97  # of the assumed surface of a neighbourhood [1]
_NEIGHBOURS = 0.01  # fraction of pixels around a percentile over which medians are taken

SIMULATED, SIMULATED_PLAIN = "simulated, effective terms", "simulated, plain averages"
MATCHED, BOTH_MATCHED = "model, vapour matched", "model, vapour and air temperature matched"
GIVEN, BOTH_GIVEN = "model, vapour given", "model, vapour and air temperature given"


@dataclass(frozen=True, kw_only=True, slots=True)
class Atmosphere:
    """Atmosphere over each pixel by one method; arrays of shape (pixel,), NaN without result."""

    name: str
    """Name of the method."""
    water_vapour: Float
    """Derived or prescribed water vapour. [kg m-2]"""
    air_temperature: Float
    """Derived or prescribed air temperature, or that of the climatology. [K]"""
    transmittance: Float
    """Transmittance. [1]"""
    upwelling_radiance: Float
    """Upwelling radiance. [W m-2 sr-1 um-1]"""
    downwelling_radiance: Float
    """Hemispheric mean downwelling radiance. [W m-2 sr-1 um-1]"""

    @property
    def terms(self) -> tuple[Float, Float, Float]:
        """Terms of the radiative transfer equation."""
        return self.transmittance, self.upwelling_radiance, self.downwelling_radiance


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductStudy:
    """One product and all methods."""

    terms: ProductTerms
    """Terms of the product."""
    elevation: float
    """Assumed surface elevation. [m]"""
    matched: tuple[MatchedProfile, ...]
    """Simulated profiles with the transmittance and upwelling radiance of the product."""
    atmospheres: tuple[Atmosphere, ...]
    """Atmospheres by method."""

    @property
    def planck(self) -> BandPlanck:
        """Planck coefficients of the band."""
        return sensor_band(self.terms.sensor).planck

    @property
    def ground(self) -> Float:
        """Temperature of the assumed surface, see `GROUND_EXCESS`. [K]"""
        return emission_temperature(self.terms, self.planck) + GROUND_EXCESS

    def usgs(self, *, corrected: bool) -> tuple[Float, Float, Float]:
        """Terms of the product, with pi ST_DRAD (`corrected`) or ST_DRAD as downwelling radiance."""
        down = downwelling_from_st_drad(self.terms.st_drad) if corrected else self.terms.st_drad
        return self.terms.transmittance, self.terms.upwelling_radiance, np.asarray(down)

    def lst(self, terms: tuple[Float, Float, Float]) -> Float:
        """Temperature from radiance and emissivity of the product with given terms. [K]"""
        return np.asarray(surface_temperature(self.terms.radiance, self.terms.emissivity, *terms, self.planck))

    def lst_of_assumed_surface(self, terms: tuple[Float, Float, Float], *, corrected: bool) -> Float:
        """Temperature retrieved with given terms over the assumed surface and the atmosphere of the product. [K]"""
        seen = sensor_radiance(self.ground, self.terms.emissivity, *self.usgs(corrected=corrected), self.planck)
        return np.asarray(surface_temperature(seen, self.terms.emissivity, *terms, self.planck))

    def change_by_pi(self, ground: Float) -> Float:
        """First-order temperature change from pi ST_DRAD in place of ST_DRAD, for a surface temperature. [K]"""
        excess = downwelling_from_st_drad(self.terms.st_drad) - self.terms.st_drad
        return np.asarray(temperature_change_by_downwelling(ground, self.terms.emissivity, excess, self.planck))


def run(
    products: Sequence[str | Path], *, elevation: float = 0.0, shapes: int = SHAPES, progress: Progress | None = None
) -> list[ProductStudy]:
    """Compare the atmospheric terms of Level-2 products with simulations and models, about half a minute per product.

    The products do not include water vapour. It is derived from transmittance and upwelling radiance in three ways:
    from six simulated profiles, adjusted to both; from the transmittance with the ``surface`` model and the air
    temperature of the climatology; from both with that model. Terms that were not used are a check. The model is also
    evaluated with the water vapour, and with water vapour and air temperature, of the simulated profiles.

    `elevation` [m] is that of the surface, which the products do not include. Raises `InputNotFoundError`,
    `SceneError`, `GridMismatchError` or `InputError` if a product cannot be read, `CancelledError` if `progress`
    (called with simulated and total profiles) returns False.
    """
    profiles = read_profiles(library_path())
    found = []
    for number, path in enumerate(products):

        def report(done: int, total: int, number: int = number) -> None:
            if progress is not None and not progress(number * total + done, len(products) * total):
                raise CancelledError("cancelled while simulating the atmospheres of the products")

        found.append(study_product(read_terms(path), profiles, elevation, shapes, report))
    return found


def study_product(
    terms: ProductTerms, profiles: xr.Dataset, elevation: float, shapes: int, report: Callable[[int, int], None]
) -> ProductStudy:
    """Compare one product; parameters as in `run`, with the profiles of the library."""
    model = Model.load(f"{terms.sensor}/surface", graph="atmosphere")
    inputs: dict[str, Float | float] = dict(
        climatological_inputs(terms.latitude, terms.longitude, elevation, terms.date)
    )
    inputs["brightness_temperature"] = neighbourhood(terms)
    (matched_vapour,) = once(lambda depth: (implied_vapour(model, depth, inputs),), terms.transmittance)
    both_vapour, both_temperature = once(
        lambda depth, up, start: vapour_and_temperature_of(model, depth, up, start, inputs),
        terms.transmittance, terms.upwelling_radiance, matched_vapour,
    )  # fmt: skip
    expected = _median(matched_vapour, 20.0), _median(both_temperature, 288.0)
    chosen = choose_shapes(profiles, *expected, elevation, shapes)
    tried = []
    for done, index in enumerate(chosen, start=1):
        tried.append(match_air(profiles, index, points(terms), terms.sensor, Composition(year=terms.year)))
        report(done, len(chosen))
    matched = [one for shape in possible(tried) for one in shape]
    simulated = list(_simulated(terms, matched))
    given = simulated[0]
    climatological = np.full(terms.transmittance.shape, inputs["air_temperature"])
    states = (
        (MATCHED, matched_vapour, climatological),
        (BOTH_MATCHED, both_vapour, both_temperature),
        (GIVEN, given.water_vapour, climatological),
        (BOTH_GIVEN, given.water_vapour, given.air_temperature),
    )
    return ProductStudy(
        terms=terms,
        elevation=elevation,
        matched=tuple(matched),
        atmospheres=(*simulated, *(_predicted(name, state, model, inputs) for name, *state in states)),
    )


def possible(tried: Sequence[list[MatchedProfile]]) -> Sequence[list[MatchedProfile]]:
    """Omit shapes that are far above saturation, unless all are."""
    plausible = [
        shape for shape in tried if shape and max(one.largest_relative_humidity for one in shape) < _LARGEST_HUMIDITY
    ]
    return plausible or tried


def points(terms: ProductTerms) -> list[tuple[float, float]]:
    """Transmittance and upwelling radiance at `PERCENTILES` of the optical depth, medians over neighbouring pixels."""
    order = np.argsort(terms.transmittance, kind="stable")[::-1]
    near = max(1, int(_NEIGHBOURS * order.size))
    found = []
    for percentile in PERCENTILES:
        middle = int(percentile / 100.0 * (order.size - 1))
        around = order[max(0, middle - near) : middle + near + 1]
        found.append(
            (float(np.median(terms.transmittance[around])), float(np.median(terms.upwelling_radiance[around])))
        )
    return list(dict.fromkeys(found))


def emission_temperature(terms: ProductTerms, planck: BandPlanck) -> Float:
    """Upward emission temperature of the atmosphere of the product. [K]"""
    return np.asarray(brightness_temperature(terms.upwelling_radiance / (1.0 - terms.transmittance), planck))


def neighbourhood(terms: ProductTerms) -> float:
    """Median brightness temperature of the clear pixels; without any, of the assumed surface. [K]"""
    planck = sensor_band(terms.sensor).planck
    if terms.clear.any():
        radiance = terms.radiance[terms.clear]
    else:
        ground = emission_temperature(terms, planck) + GROUND_EXCESS
        air = terms.transmittance, terms.upwelling_radiance, downwelling_from_st_drad(terms.st_drad)
        radiance = sensor_radiance(ground, _TYPICAL_EMISSIVITY, *air, planck)
    return float(np.median(brightness_temperature(radiance, planck)))


def _simulated(terms: ProductTerms, matched: Sequence[MatchedProfile]) -> Iterator[Atmosphere]:
    """Interpolate the matched profiles to all pixels.

    Water vapour is a power of the optical depth; the differences of air temperature and downward emission temperature
    from the upward emission temperature are linear in its logarithm.
    """
    planck = sensor_band(terms.sensor).planck
    up = emission_temperature(terms, planck)
    depth = -np.log(terms.transmittance)
    known = np.array([[one.transmittance, one.upwelling_radiance] for one in matched]).reshape(-1, 2).T
    known_up = brightness_temperature(known[1] / (1.0 - known[0]), planck)

    def over_pixels(values: Sequence[float] | Float) -> Float:
        if not matched:
            return np.full(depth.shape, np.nan)
        places = np.log(-np.log(known[0]))
        degree = 1 if np.ptp(places) > _NARROW else 0
        return np.asarray(np.polyval(np.polyfit(places, values, degree), np.log(depth)))

    vapour = np.exp(over_pixels(np.log([one.water_vapour for one in matched])))
    temperature = up + over_pixels(np.array([one.air_temperature for one in matched]) - known_up)
    for name, average in ((SIMULATED, "effective"), (SIMULATED_PLAIN, "plain")):
        radiance = np.array([getattr(one, average) for one in matched])
        down = brightness_temperature(radiance / (1.0 - known[0] ** DIFFUSIVITY_FACTOR), planck)
        _, _, downwelling = coupled_atmosphere(depth, up, up + over_pixels(down - known_up), planck)
        yield Atmosphere(
            name=name,
            water_vapour=vapour,
            air_temperature=temperature,
            transmittance=terms.transmittance,
            upwelling_radiance=terms.upwelling_radiance,
            downwelling_radiance=np.asarray(downwelling),
        )


def _median(values: Float, otherwise: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else otherwise


def _predicted(name: str, state: Sequence[Float], model: Model, inputs: Mapping[str, Float | float]) -> Atmosphere:
    """Terms of a model with exact water vapour, and exact air temperature or that of the climatology (`state`)."""
    known = EXACT if name in (BOTH_MATCHED, BOTH_GIVEN) else {"water_vapour_uncertainty": 0.0}

    def predict(vapour: Float, temperature: Float) -> tuple[Float, ...]:
        given = {**inputs, **known, "water_vapour": vapour, "air_temperature": temperature}
        return tuple(term.astype(np.float64) for term in model.atmosphere(**given).terms)

    transmittance, upwelling, downwelling = once(predict, *state)
    return Atmosphere(
        name=name,
        water_vapour=state[0],
        air_temperature=state[1],
        transmittance=transmittance,
        upwelling_radiance=upwelling,
        downwelling_radiance=downwelling,
    )
