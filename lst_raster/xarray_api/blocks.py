"""A block of pixels retrieved: numpy arrays in, numpy arrays out, a piece at a time.

This runs wherever a scheduler wants it: what it needs beside the arrays is small, and a model is loaded once a process.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import ModelError
from lst_raster.inference.model import Model
from lst_raster.inputs.fields import INPUT_ERRORS, QUANTITIES
from lst_raster.inputs.profile_input import profile_inputs
from lst_raster.inputs.resolve import dryness, input_warnings
from lst_raster.io.plausibility import check_radiance
from lst_raster.physics.quantities import EMISSIVITY, SPECIFIC_HUMIDITY, TEMPERATURE
from lst_raster.retrieval.atmosphere_terms import AtmosphereTerms, atmosphere_terms, solve_atmosphere
from lst_raster.retrieval.inversion import solve_temperature, solve_uncertainty
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.sigma_levels import Profiles

_LOGGER = logging.getLogger(__name__)

Values: TypeAlias = NDArray[Any]
Float32: TypeAlias = NDArray[np.float32]
Piece: TypeAlias = tuple[slice, ...]

LST, UNCERTAINTY, OUTSIDE = "lst", "lst_uncertainty", "outside_range"
TERMS = ("transmittance", "upwelling_radiance", "downwelling_radiance")

_AT_ONCE = 16_384  # pixels in a piece: as many as the model takes in a call
_TOLD: set[tuple[Recipe, str]] = set()  # recipes and inputs of which this process has warned


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a block is retrieved with; the same for all blocks, and small."""

    model: str
    """The model: the name of a shipped one, or a path that all processes see."""
    digest: str
    """Its SHA-256."""
    names: tuple[str, ...]
    """Inputs of the air, in the order in which their arrays come."""
    origins: tuple[str, ...]
    """Where each comes from."""
    pressures: tuple[float, ...] = ()
    """Levels of the profile, rising; none where there is no profile. [hPa]"""
    told: tuple[str, ...] = ()
    """Inputs of the air that the profile tells."""
    is_scaled: bool = False
    """Whether the profile's humidity is brought to the water vapour that is given."""
    trust: float | None
    """What the model is told of their errors; None where it does not ask. [1]"""
    noise: float
    """Standard uncertainty of the radiance. [W m-2 sr-1 um-1]"""
    outputs: tuple[str, ...]
    """What is wanted, in the order in which it is given: `LST` and others of this module."""
    once: bool
    """Whether what is unusual is told once by each process, not by each block."""

    @property
    def is_uncertain(self) -> bool:
        """Whether the uncertainty of the air is needed."""
        return UNCERTAINTY in self.outputs

    @property
    def has_terms(self) -> bool:
        """Whether the terms of the air are wanted themselves, also where there is no radiance."""
        return TERMS[0] in self.outputs


def solve_block(recipe: Recipe, radiance: Values, emissivity: Values, spread: Values, *air: Values) -> Any:
    """Retrieve a block.

    Parameters
    ----------
    recipe : Recipe
        What with.
    radiance : array, any shape
        Radiance at the sensor, NaN where there is none. [W m-2 sr-1 um-1]
    emissivity, spread : array
        Emissivity and its standard uncertainty; all arrays broadcast together, the last dimensions with each other. [1]
    *air : array
        Inputs of the air, as `Recipe.names` tells, in the contract's units; with a profile temperature [K] and specific
        humidity [kg kg-1] follow, whose last dimension is that of `Recipe.pressures`.

    Returns
    -------
    tuple of array, or array where one output is wanted
        The outputs, of the common shape; NaN where something is NaN.

    Raises
    ------
    InputError
        A value is not possible.
    ModelError
        The model is not there, or not the same as where the work was given out.
    """
    model = load_model(recipe.model, recipe.digest)
    check_radiance(radiance, model.contract.sensor)
    fields, levels = air[: len(recipe.names)], air[len(recipe.names) :]
    given = (radiance, emissivity, spread, *fields)
    shape = np.broadcast_shapes(*(part.shape for part in given), *(part.shape[:-1] for part in levels))
    parts = [part.reshape((1,) * (len(shape) - part.ndim) + part.shape) for part in given]
    profile = [part.reshape((1,) * (len(shape) + 1 - part.ndim) + part.shape) for part in levels]
    outputs: dict[str, Values] = {
        name: np.empty(shape, np.bool_ if name == OUTSIDE else np.float32) for name in recipe.outputs
    }
    work = _Work(recipe=recipe, model=model, extremes={})
    steady = all(part.size == 1 for part in fields) and all(part[..., 0].size == 1 for part in levels)
    above = (
        work.air([_cut(part, ()) for part in fields], [_cut_levels(part, ()) for part in profile]) if steady else None
    )
    for piece in pieces(shape, _AT_ONCE):
        here = [_cut(part, piece) for part in parts]
        air_here = above or work.air(here[3:], [_cut_levels(part, piece) for part in profile], here[:2])
        for name, values in work.solve(here[0], here[1], here[2], air_here).items():
            outputs[name][piece] = values.reshape(outputs[name][piece].shape)
    work.tell()
    return tuple(outputs.values()) if len(outputs) > 1 else outputs[recipe.outputs[0]]


@lru_cache(maxsize=8)
def load_model(reference: str, digest: str) -> Model:
    """Load a model, once a process.

    Raises
    ------
    ModelError
        There is none, or another one under that name.
    """
    model = Model.load(reference)
    if model.digest != digest:
        raise ModelError(
            f"the model {reference} is not the one with which the work was begun; install the same version of "
            "lst-raster everywhere, or begin again"
        )
    return model


def pieces(shape: Sequence[int], most: int) -> Iterator[Piece]:
    """Cut an array into pieces of at most so many values, whole rows where they fit.

    Examples
    --------
    >>> list(pieces((3, 4), 8))
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 4, None), slice(0, 4, None))]
    """
    steps: list[int] = []
    room = most
    for side in reversed(shape):
        steps.insert(0, max(1, min(side, room)))
        room = room // side if 0 < side <= room else 0
    starts = itertools.product(*(range(0, side, step) for side, step in zip(shape, steps, strict=True)))
    return (tuple(slice(first, first + step) for first, step in zip(start, steps, strict=True)) for start in starts)


def _cut(part: Values, piece: Piece) -> Float32:
    """Take a piece; what is the same for all of it becomes one number."""
    where = tuple(slice(None) if side == 1 else own for side, own in zip(part.shape, piece, strict=False))
    found = np.asarray(part[where], np.float32)
    return found.reshape(()) if found.size == 1 else found


def _cut_levels(part: Values, piece: Piece) -> Values:
    """Take a piece of a profile, levels first; one that is the same for all of the piece becomes a single one."""
    where = tuple(slice(None) if side == 1 else own for side, own in zip(part.shape[:-1], piece, strict=False))
    found = np.asarray(part[where], np.float64)
    return found.reshape(-1) if found[..., 0].size == 1 else np.moveaxis(found, -1, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """One block at work."""

    recipe: Recipe
    """What it is retrieved with."""
    model: Model
    """The model."""
    extremes: dict[str, tuple[float, float]]
    """Lowest and highest value of every input of the air so far."""

    def solve(self, radiance: Float32, emissivity: Float32, spread: Float32, air: AtmosphereTerms) -> dict[str, Values]:
        """Retrieve a piece; arrays of one shape, or one number for all of it."""
        EMISSIVITY.check(emissivity[np.isfinite(emissivity)], "emissivity")
        shape = np.broadcast_shapes(radiance.shape, emissivity.shape, spread.shape, air.terms[0].shape) or (1,)
        whole = np.broadcast_to(radiance, shape)
        ground, unsure = (np.broadcast_to(part, shape) if part.ndim else part for part in (emissivity, spread))
        band = sensor_band(self.model.contract.sensor).planck
        above = _spread_out(air, shape)
        found: dict[str, Values] = {LST: solve_temperature(whole, ground, above, band)}
        found[LST][~(np.isfinite(whole) & np.isfinite(ground))] = np.nan  # an infinite one would give some number
        if UNCERTAINTY in self.recipe.outputs:
            found[UNCERTAINTY] = solve_uncertainty(found[LST], whole, ground, unsure, above, self.recipe.noise, band)
        found |= {name: np.broadcast_to(term, shape) for name, term in zip(TERMS, above.terms, strict=True)}
        if above.outside is not None:
            found[OUTSIDE] = np.broadcast_to(above.outside > 0.0, shape)
        return {name: found[name] for name in self.recipe.outputs}

    def air(
        self, inputs: Sequence[Float32], levels: Sequence[Values], pixels: Sequence[Float32] = ()
    ) -> AtmosphereTerms:
        """Run the model where its inputs are known, and where there are pixels for it."""
        shape = np.broadcast_shapes(*(part.shape for part in inputs), *(part.shape[1:] for part in levels))
        known = np.ones(shape, bool)
        whole = np.broadcast_shapes(shape, *(part.shape for part in pixels)) == shape
        for part in (*inputs, *(pixels if whole and not self.recipe.has_terms else ())):
            known &= np.isfinite(part)
        values = {name: part[known] if part.ndim else part for name, part in self._named(inputs, shape).items()}
        if levels:
            values = self._of_profile(values, levels, known)
        self._note(values)
        values |= {} if self.recipe.trust is None else {INPUT_ERRORS.name: np.asarray(self.recipe.trust, np.float32)}
        lines = dict(zip(values, np.broadcast_arrays(*values.values()), strict=True))
        origins = dict(zip(self.recipe.names, self.recipe.origins, strict=True))
        layers = solve_atmosphere(self.model, origins, lines, uncertainty=self.recipe.is_uncertain)
        if not shape:
            return atmosphere_terms(layers)
        scattered = np.full((len(layers), *shape), np.nan, np.float32)
        scattered[:, known] = layers
        return atmosphere_terms(scattered)

    def _of_profile(self, values: dict[str, Values], levels: Sequence[Values], known: Values) -> dict[str, Values]:
        """Put what the profile tells at the places that are known beside the other inputs."""
        for quantity, part in zip((TEMPERATURE, SPECIFIC_HUMIDITY), levels, strict=True):
            quantity.check(part[np.isfinite(part)], quantity.title)
        count = (int(known.sum()),) if known.ndim else ()
        columns = [
            np.broadcast_to(
                part.reshape(len(part), *([1] * known.ndim)) if part.ndim == 1 else part, (len(part), *known.shape)
            )
            for part in levels
        ]
        profiles = Profiles.of(
            np.array(self.recipe.pressures), *(part[:, known].reshape(len(part), *count) for part in columns)
        )
        places = {name: np.broadcast_to(part, count) for name, part in values.items()}
        return profile_inputs(places, profiles, self.recipe.told, is_scaled=self.recipe.is_scaled)

    def _named(self, inputs: Sequence[Float32], shape: tuple[int, ...]) -> dict[str, Float32]:
        """Name the inputs, and bring those that vary at all to the shape that they have in common."""
        spread = [np.broadcast_to(part, shape) if part.ndim else part for part in inputs]
        return dict(zip(self.recipe.names, spread, strict=True))

    def _note(self, values: Mapping[str, Values]) -> None:
        """Refuse impossible values, and keep the lowest and the highest of the others."""
        for name, part in values.items():
            known = part[np.isfinite(part)]
            if known.size:
                if name in self.recipe.names:
                    QUANTITIES[name].check(known, QUANTITIES[name].title)
                low, high = self.extremes.get(name, (np.inf, -np.inf))
                self.extremes[name] = (min(low, float(known.min())), max(high, float(known.max())))
        if "water_vapour" in self.recipe.names:
            for name, (share, limit) in dryness(values).items():
                self.extremes[name] = (min(share, self.extremes.get(name, (share, limit))[0]), limit)

    def tell(self) -> None:
        """Warn of inputs outside the range that the model was made for."""
        for name, line in input_warnings(self.model, self.extremes).items():
            if not (self.recipe.once and (self.recipe, name) in _TOLD):
                _TOLD.add((self.recipe, name))
                _LOGGER.warning(line)


def begin(recipe: Recipe) -> None:
    """Forget what was told in an earlier use of the same recipe."""
    _TOLD.difference_update([told for told in _TOLD if told[0] == recipe])


def _spread_out(air: AtmosphereTerms, shape: tuple[int, ...]) -> AtmosphereTerms:
    """Bring the air to the shape of the pixels, where it is not one number for all."""
    if air.terms[0].shape in ((), shape):
        return air
    parts = [*air.terms, *(air.variance or ()), *(() if air.outside is None else (air.outside,))]
    return atmosphere_terms(np.stack([np.broadcast_to(part, shape) for part in parts]))
