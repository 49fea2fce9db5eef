"""Retrieval of one block of pixels: numpy arrays in, numpy arrays out, in pieces of limited size.

Blocks run in any process of a scheduler: their parameters are small, and each process loads a model once.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.model import Model, load_same
from lst_raster.inference.uncertainty import InputUncertainty
from lst_raster.inputs.fields import QUANTITIES
from lst_raster.inputs.profile_input import profile_inputs
from lst_raster.inputs.resolve import input_uncertainties, input_warnings, saturation_ratio
from lst_raster.io.plausibility import check_radiance
from lst_raster.physics.quantities import EMISSIVITY, SPECIFIC_HUMIDITY, TEMPERATURE
from lst_raster.retrieval.atmosphere import (
    AtmosphereTerms,
    Float32,
    Ranges,
    scatter,
    solve_atmosphere,
    value_ranges,
    widen_ranges,
)
from lst_raster.retrieval.inversion import PixelState, Sensor, solve_equation
from lst_raster.simulator.sigma_levels import Profiles
from lst_raster.xarray_api.atmosphere_inputs import UNCERTAINTIES

_LOGGER = logging.getLogger(__name__)

load_model = lru_cache(maxsize=8)(load_same)

Values: TypeAlias = NDArray[Any]
Piece: TypeAlias = tuple[slice, ...]

LST, UNCERTAINTY, OUTSIDE_RANGE = "lst", "lst_uncertainty", "outside_range"
TERMS = ("transmittance", "upwelling_radiance", "downwelling_radiance")

_PIXEL_ARRAYS = 3  # radiance, emissivity and an uncertainty of each band
_PIECE_SIZE = 16_384  # pixels; as many as the model takes in one call
_WARNED: set[tuple[Recipe, str]] = set()  # recipes and inputs for which this process has logged a warning


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Parameters of a retrieval that are the same for all blocks."""

    model: str  # name of a shipped model, or a path that all processes can read
    digest: str  # SHA-256 of the model
    fields: tuple[str, ...]  # atmosphere inputs and uncertainties of some of them, in the order of their arrays
    uncertainties: tuple[tuple[str, InputUncertainty], ...]  # of the others, by the name of the input
    pressures: tuple[float, ...] = ()  # levels of the profile, increasing; empty without a profile [hPa]
    from_profile: tuple[str, ...] = ()  # atmosphere inputs that are computed from the profile
    scales_humidity: bool = False  # whether the profile's humidity is scaled to the given water vapour
    checks_vapour: bool  # whether the water vapour is given, and may be in another unit
    sensors: tuple[Sensor, ...]  # bands with their noise; of models of two bands, pixels have three more arrays
    outputs: tuple[str, ...]  # in the order of the result: `LST` and others of this module
    warns_once: bool  # whether a process logs each warning once, not for every block


def solve_block(recipe: Recipe, *arrays: Values) -> Any:
    """Retrieve a block; all arrays broadcast together.

    Radiance [W m-2 sr-1 um-1], emissivity and its standard uncertainty [1], and with two bands radiance and emissivity
    of the second and the standard uncertainty of the difference, are followed by the atmosphere inputs of
    `Recipe.fields`, in the contract's units, and with a profile by temperature [K] and specific humidity [kg kg-1],
    with `Recipe.pressures` as last dimension. Returns a single output as array, else a tuple, of the common shape and
    NaN where an input is. Raises InputError for an impossible value, and ModelError where the model is missing or
    differs from the one in the process that started the work.
    """
    model = load_model(recipe.model, recipe.digest)
    count = _PIXEL_ARRAYS * len(recipe.sensors)
    own, atmosphere = arrays[:count], arrays[count:]
    check_radiance(own[0], model.contract.sensor)
    fields, levels = atmosphere[: len(recipe.fields)], atmosphere[len(recipe.fields) :]
    pixels = (*own, *fields)
    shape = np.broadcast_shapes(*(part.shape for part in pixels), *(part.shape[:-1] for part in levels))
    pixels = tuple(part.reshape((1,) * (len(shape) - part.ndim) + part.shape) for part in pixels)
    levels = tuple(part.reshape((1,) * (len(shape) + 1 - part.ndim) + part.shape) for part in levels)
    types: dict[str, Any] = {name: np.bool_ if name == OUTSIDE_RANGE else np.float32 for name in recipe.outputs}
    outputs: dict[str, Values] = {name: np.empty(shape, dtype) for name, dtype in types.items()}
    block = _Block(recipe=recipe, model=model)
    constant = None
    if all(part.size == 1 for part in fields) and all(part[..., 0].size == 1 for part in levels):
        constant = block.atmosphere([_cut(part, ()) for part in fields], [_cut_levels(part, ()) for part in levels])
    for piece in pieces(shape, _PIECE_SIZE):
        here = [_cut(part, piece) for part in pixels]
        terms = constant or block.atmosphere(here[count:], [_cut_levels(part, piece) for part in levels], here[:count])
        for name, values in block.solve(PixelState(*here[:count]), terms).items():
            outputs[name][piece] = values.reshape(outputs[name][piece].shape)
    block.log_warnings()
    return tuple(outputs.values()) if len(outputs) > 1 else outputs[recipe.outputs[0]]


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
    """Select a piece of an array; a single value becomes a number."""
    values = np.asarray(part[_index(part.shape, piece)], np.float32)
    return values.reshape(()) if values.size == 1 else values


def _cut_levels(part: Values, piece: Piece) -> Values:
    """Select a piece of a profile, with the levels first; a single profile becomes one-dimensional."""
    values = np.asarray(part[_index(part.shape[:-1], piece)], np.float64)
    return values.reshape(-1) if values[..., 0].size == 1 else np.moveaxis(values, -1, 0)


def _index(shape: Sequence[int], piece: Piece) -> Piece:
    return tuple(slice(None) if side == 1 else cut for side, cut in zip(shape, piece, strict=False))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """Model and state of the retrieval of one block."""

    recipe: Recipe
    model: Model
    input_ranges: Ranges = field(default_factory=dict)  # lowest and highest value of every model input so far

    def solve(self, pixels: PixelState, atmosphere: AtmosphereTerms) -> dict[str, Values]:
        """Retrieve a piece, of arrays of one shape or numbers."""
        given = [part for part in pixels if part is not None]
        for emissivity in (pixels.emissivity, pixels.second_emissivity):
            if emissivity is not None:
                EMISSIVITY.check(emissivity[np.isfinite(emissivity)], "emissivity")
        shape = np.broadcast_shapes(*(part.shape for part in given), atmosphere.terms[0].shape) or (1,)
        radiances = (pixels.radiance, pixels.second_radiance)
        whole = pixels.map(
            lambda part: np.broadcast_to(part, shape) if part.ndim or any(part is one for one in radiances) else part
        )
        if atmosphere.terms[0].shape not in ((), shape):
            layers = [np.broadcast_to(layer, shape) for layer in atmosphere.layers()]
            atmosphere = AtmosphereTerms.from_layers(np.stack(layers))
        lst, uncertainty, _ = solve_equation(whole, atmosphere, self.recipe.sensors)
        infinite = np.zeros(shape, bool)  # would give a number
        for part in given:
            infinite |= ~np.isfinite(part)
        lst[infinite] = uncertainty[infinite] = np.nan
        found: dict[str, Values] = {LST: lst}
        found |= {name: np.broadcast_to(term, shape) for name, term in zip(TERMS, atmosphere.terms, strict=True)}
        if UNCERTAINTY in self.recipe.outputs:
            found[UNCERTAINTY] = uncertainty
        if atmosphere.outside_range is not None:
            found[OUTSIDE_RANGE] = np.broadcast_to(atmosphere.outside_range > 0.0, shape)
        return {name: found[name] for name in self.recipe.outputs}

    def atmosphere(
        self, fields: Sequence[Float32], levels: Sequence[Values], pixels: Sequence[Float32] = ()
    ) -> AtmosphereTerms:
        """Run the model where its inputs are valid, and, unless its terms are an output, where `pixels` are."""
        shape = np.broadcast_shapes(*(part.shape for part in fields), *(part.shape[1:] for part in levels))
        valid = np.ones(shape, bool)
        every_pixel = np.broadcast_shapes(shape, *(part.shape for part in pixels)) == shape
        for part in (*fields, *(pixels if every_pixel and TERMS[0] not in self.recipe.outputs else ())):
            valid &= np.isfinite(part)
        values: dict[str, Values] = {
            name: np.broadcast_to(part, shape)[valid] if part.ndim else part
            for name, part in zip(self.recipe.fields, fields, strict=True)
        }
        if levels:
            values = self._with_profile(values, levels, valid)
        ranges = value_ranges(values)
        for name in self.recipe.fields:
            if name in ranges:
                quantity = QUANTITIES.get(name) or UNCERTAINTIES[name]
                quantity.check(ranges[name], quantity.title)
        widen_ranges(self.input_ranges, ranges)
        if self.recipe.checks_vapour:
            widen_ranges(self.input_ranges, saturation_ratio(values))
        values = dict(zip(values, np.broadcast_arrays(*values.values()), strict=True))
        values |= input_uncertainties(self.model, values, dict(self.recipe.uncertainties))
        layers = solve_atmosphere(self.model, values, uncertainty=UNCERTAINTY in self.recipe.outputs)
        return AtmosphereTerms.from_layers(scatter(layers, valid) if shape else layers)

    def _with_profile(self, values: dict[str, Values], levels: Sequence[Values], valid: Values) -> dict[str, Values]:
        """Add the inputs that are computed from the profile at the valid places."""
        for quantity, part in zip((TEMPERATURE, SPECIFIC_HUMIDITY), levels, strict=True):
            quantity.check(part[np.isfinite(part)], quantity.title)
        places = (int(valid.sum()),) if valid.ndim else ()
        columns = []
        for part in levels:
            aligned = part.reshape(len(part), *([1] * valid.ndim)) if part.ndim == 1 else part
            everywhere = np.broadcast_to(aligned, (len(part), *valid.shape))
            columns.append(everywhere[:, valid].reshape(len(part), *places))
        profiles = Profiles.of(np.array(self.recipe.pressures), *columns)
        values = {name: np.broadcast_to(part, places) for name, part in values.items()}
        return profile_inputs(values, profiles, self.recipe.from_profile, is_scaled=self.recipe.scales_humidity)

    def log_warnings(self) -> None:
        """Log a warning for inputs outside the model's valid range, and for implausibly low water vapour."""
        for name, line in input_warnings(self.model, self.input_ranges).items():
            if not (self.recipe.warns_once and (self.recipe, name) in _WARNED):
                _WARNED.add((self.recipe, name))
                _LOGGER.warning(line)


def reset_warnings(recipe: Recipe) -> None:
    """Log the warnings of a recipe again, also where an earlier retrieval had the same one."""
    _WARNED.difference_update([warned for warned in _WARNED if warned[0] == recipe])
