"""The air over the scene: transmittance and path radiances for every pixel, from the model or a Level-2 product.

Where every input is a number or smooth, the model runs on a coarse grid (`coarse`); else at every pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.inputs import ROUNDING, Inputs
from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, input_changes, model_changes
from lst_raster.physics.band import sensor_band
from lst_raster.physics.uncertainty import AirVariance, air_variance
from lst_raster.scene.fields import Field, open_field
from lst_raster.scene.grid import Grid
from lst_raster.scene.level2_terms import Level2Air

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Terms: TypeAlias = tuple[Float32, Float32, Float32]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]."""


DEPTHS = {False: 3, True: 7}
"""Number of layers that `solve_air` gives, without and with the uncertainty."""
_VARIANCE, _OUTSIDE = slice(3, 6), 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Air:
    """The air over a window; every array of shape (rows, columns), or one number for all."""

    terms: Terms
    """Terms of the equation, NaN where something is not known."""
    variance: AirVariance | None = None
    """What their uncertainty comes to, None where that is not told."""
    outside: Float32 | None = None
    """Above 0 where an input is outside the range that the model was made for."""
    extremes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every input of the model, where it was used."""
    exact: Callable[[Any, Any], Terms] | None = None
    """Runs the model at rows and columns of the window, where `terms` are interpolated; None where they are exact."""


def air_of(layers: Float32, **more: Any) -> Air:
    """Name the layers that `solve_air` gives."""
    terms: Terms = (layers[0], layers[1], layers[2])
    if len(layers) == DEPTHS[False]:
        return Air(terms=terms, **more)
    return Air(terms=terms, variance=AirVariance(*layers[_VARIANCE]), outside=layers[_OUTSIDE], **more)


def solve_air(inputs: Inputs, values: Mapping[str, NDArray[Any]], *, uncertainty: bool) -> Float32:
    """Run the model, and find how sure it is.

    Parameters
    ----------
    inputs : Inputs
        The model, and where its inputs come from.
    values : mapping of str to array
        Inputs of the air by name, all of one shape.
    uncertainty : bool
        Whether the uncertainty is wanted, which runs the model once more for each input.

    Returns
    -------
    array of shape (3 or 7, ...)
        Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]; then the three coefficients of the
        variance (`AirVariance`), and 1 where an input leaves the model's range, else 0.
    """
    model = inputs.network
    if not uncertainty:
        return np.stack(model.atmosphere(**values).terms)
    predicted = PredictedAtmosphere(*(np.asarray(part, np.float64) for part in model.atmosphere(**values)))
    deviations = {
        name: INPUT_UNCERTAINTIES[inputs.atmosphere[name].origin][name].at(value) for name, value in values.items()
    }
    band = sensor_band(model.contract.sensor).planck
    changes = [*input_changes(model.atmosphere, values, deviations), *model_changes(predicted, band)]
    variance = air_variance(predicted.terms, changes)
    layers = [*predicted.terms, *variance, _outside(inputs, values)]
    return np.stack(np.broadcast_arrays(*layers)).astype(np.float32)


def _outside(inputs: Inputs, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    outside = np.asarray(0.0)
    for variable in inputs.network.contract.inputs:
        if variable.name in values and variable.valid_range is not None:
            low, high = variable.valid_range
            value = values[variable.name]
            outside = np.where((value < low - ROUNDING * high) | (value > high * (1.0 + ROUNDING)), 1.0, outside)
    return outside


AirReader: TypeAlias = Callable[[Any, Mask], Air]
"""Takes a window of the scene, and where in it the air is needed."""


@contextmanager
def open_exact_air(inputs: Inputs, grid: Grid, *, uncertainty: bool) -> Iterator[AirReader]:
    """Open what the model is fed with, to run it at every pixel; once, where the air is the same for all.

    Parameters
    ----------
    inputs : Inputs
        The model and its inputs.
    grid : Grid
        The scene's grid.
    uncertainty : bool
        Whether the uncertainty is wanted.

    Yields
    ------
    AirReader
        Runs the model for the pixels of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid, or a value is not possible (also raised by the reader).
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(open_field(field, grid)) for name, field in inputs.atmosphere.items()}
        yield lambda window, wanted: _exact(
            inputs, {name: read(window) for name, read in readers.items()}, wanted, uncertainty
        )


@contextmanager
def open_level2_air(level2: Level2Air) -> Iterator[AirReader]:
    """Open the terms of a Level-2 product.

    Parameters
    ----------
    level2 : Level2Air
        The air of the product.

    Yields
    ------
    AirReader
        Reads the terms of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid (also raised by the reader).
    """
    with level2.open() as read:
        yield lambda window, wanted: Air(terms=read(window), extremes={})


def _exact(inputs: Inputs, values: Mapping[str, Float32], wanted: Mask, uncertainty: bool) -> Air:
    """Run the model at every pixel that is wanted and of which everything is known."""
    known = wanted.copy()
    for array in values.values():
        known &= np.isfinite(array)
    kept = {name: array[known] if array.ndim else array for name, array in values.items()}
    extremes = {name: checked(inputs.atmosphere[name], array) for name, array in kept.items() if known.any()}
    layers = solve_air(
        inputs, dict(zip(kept, np.broadcast_arrays(*kept.values()), strict=True)), uncertainty=uncertainty
    )
    if layers.ndim > 1:
        layers = np.stack([_scatter(layer, known) for layer in layers])
    return air_of(layers, extremes=extremes)


def checked(given: Field, values: Any) -> tuple[float, float]:
    """Refuse impossible values of an input; the lowest and the highest of them.

    Raises
    ------
    InputError
        One is not possible.
    """
    if np.ndim(values):
        given.quantity.check(values, f"{given.quantity.title} {given.source}")
    return float(np.min(values)), float(np.max(values))


def _scatter(values: Float32, known: Mask) -> Float32:
    array = np.full(known.shape, np.nan, np.float32)
    array[known] = values
    return array
