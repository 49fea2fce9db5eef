"""Radiative terms of the atmosphere for pixels and nodes, from the model or from the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, input_changes, model_changes
from lst_raster.inputs.fields import open_field
from lst_raster.inputs.resolve import ROUNDING, Inputs, dryness
from lst_raster.io.grid import Grid
from lst_raster.io.level2_scene import Level2Atmosphere
from lst_raster.physics.uncertainty import AtmosphereVariance, atmosphere_variance
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import input_error_sources

Float32 = NDArray[np.float32]
Terms: TypeAlias = tuple[Any, Any, Any]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], or changes of them."""

DEPTHS = {False: 3, True: 7}
"""Number of layers that `solve_atmosphere` gives, without and with the uncertainty."""


def solve_atmosphere(
    model: Model, origins: Mapping[str, str], values: Mapping[str, NDArray[Any]], *, uncertainty: bool
) -> Float32:
    """Run the model, and find how sure it is.

    Parameters
    ----------
    model : Model
        The model.
    origins : mapping of str to str
        Where its inputs come from, by name: a key of `INPUT_UNCERTAINTIES`.
    values : mapping of str to array
        Inputs of the air by name, all of one shape.
    uncertainty : bool
        Whether the uncertainty is wanted, which runs the model once more for each input.

    Returns
    -------
    array of shape (3 or 7, ...)
        Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]; then the three coefficients of the
        variance (`AtmosphereVariance`), and 1 where an input leaves the model's range, else 0.
    """
    if not uncertainty:
        return np.stack(model.atmosphere(**values).terms)
    terms, changes = error_sources(model, origins, values)
    layers = [*terms, *atmosphere_variance(terms, changes.values()), _outside(model, values)]
    return np.stack(np.broadcast_arrays(*layers)).astype(np.float32)


def error_sources(
    model: Model, origins: Mapping[str, str], values: Mapping[str, NDArray[Any]]
) -> tuple[Terms, dict[str, Terms]]:
    """Run the model, and change every cause of uncertainty by one standard uncertainty.

    Parameters
    ----------
    model, origins, values
        As for `solve_atmosphere`.

    Returns
    -------
    tuple of terms and dict of str to terms
        Terms of the atmosphere, and their change for each error source: those of the inputs
        (`input_error_sources`), and ``model: optical depth`` and ``model: temperature`` of the model itself. In double
        precision, as the changes are small.
    """
    here = model.atmosphere(**values)
    predicted = PredictedAtmosphere(*(np.asarray(part, np.float64) for part in here))
    known = input_error_sources(values, lambda kind, value: _deviation(origins, kind, value))
    of_inputs = input_changes(model.atmosphere, values, known, here.terms)
    of_depth, of_temperature = model_changes(predicted, sensor_band(model.contract.sensor).planck)
    return predicted.terms, {**of_inputs, "model: optical depth": of_depth, "model: temperature": of_temperature}


def _deviation(origins: Mapping[str, str], kind: str, value: Any) -> Any:
    """How well an input is known, from where it comes; kinds that are no input's name are of a reanalysis."""
    return INPUT_UNCERTAINTIES[origins.get(kind, "reanalysis")][kind].at(value)


def _outside(model: Model, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    outside = np.asarray(0.0)
    for variable in model.contract.inputs:
        if variable.name in values and variable.valid_range is not None:
            low, high = variable.valid_range
            value = values[variable.name]
            outside = np.where((value < low - ROUNDING * high) | (value > high * (1.0 + ROUNDING)), 1.0, outside)
    return outside


Mask = NDArray[np.bool_]

_AT_ONCE = 16_384  # pixels whose profiles are in memory, each of dozens of levels


@dataclass(frozen=True, kw_only=True, slots=True)
class AtmosphereTerms:
    """The air over a window; every array of shape (rows, columns), or one number for all."""

    terms: Terms
    """Terms of the equation, NaN where something is not known."""
    variance: AtmosphereVariance | None = None
    """What their uncertainty comes to, None where that is not told."""
    outside: Float32 | None = None
    """Above 0 where an input is outside the range that the model was made for."""
    extremes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every input of the model, where it was used."""
    inputs_at: Callable[[Any, Any], dict[str, Any]] | None = None
    """Tells the inputs of the model at rows and columns of the window; None where there is no model."""


def atmosphere_terms(layers: Float32, **more: Any) -> AtmosphereTerms:
    """Name the layers that `solve_atmosphere` gives."""
    terms: Terms = (layers[0], layers[1], layers[2])
    if len(layers) == DEPTHS[False]:
        return AtmosphereTerms(terms=terms, **more)
    return AtmosphereTerms(terms=terms, variance=AtmosphereVariance(*layers[3:6]), outside=layers[6], **more)


AtmosphereReader: TypeAlias = Callable[[Any, Mask], AtmosphereTerms]
"""Takes a window of the scene, and where in it the air is needed."""


@contextmanager
def open_exact_atmosphere(inputs: Inputs, grid: Grid, *, uncertainty: bool) -> Iterator[AtmosphereReader]:
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
    AtmosphereReader
        Runs the model for the pixels of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid, or a value is not possible (also raised by the reader).
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(open_field(field, grid)) for name, field in inputs.fields.items()}
        yield lambda window, wanted: _exact(
            inputs, {name: read(window) for name, read in readers.items()}, window, wanted, uncertainty
        )


@contextmanager
def open_level2_atmosphere(level2: Level2Atmosphere) -> Iterator[AtmosphereReader]:
    """Open the terms of a Level-2 product.

    Parameters
    ----------
    level2 : Level2Atmosphere
        The air of the product.

    Yields
    ------
    AtmosphereReader
        Reads the terms of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid (also raised by the reader).
    """
    with level2.open() as read:
        yield lambda window, wanted: AtmosphereTerms(terms=read(window), extremes={})


def _exact(
    inputs: Inputs, fields: Mapping[str, Float32], window: Any, wanted: Mask, uncertainty: bool
) -> AtmosphereTerms:
    """Run the model at every pixel that is wanted and of which everything is known."""
    known = wanted.copy()
    for array in fields.values():
        known &= np.isfinite(array)
    values = _inputs_at_pixels(inputs, fields, window, known)
    extremes = extremes_of(inputs, values) if known.any() else {}
    whole = dict(zip(values, np.broadcast_arrays(*values.values()), strict=True))
    layers = solve_atmosphere(inputs.network, inputs.origins, whole, uncertainty=uncertainty)
    if layers.ndim > 1:
        layers = np.stack([_scatter(layer, known) for layer in layers])
    return atmosphere_terms(layers, extremes=extremes, inputs_at=_picker(inputs, fields, window))


def _inputs_at_pixels(inputs: Inputs, fields: Mapping[str, Float32], window: Any, known: Mask) -> dict[str, Any]:
    """Find the inputs of the model at the pixels that are known; one number for what is the same at all of them."""
    if inputs.profile is None:
        return {name: array[known] if array.ndim else array for name, array in fields.items()}
    pick = _picker(inputs, fields, window)
    row, column = np.nonzero(known)
    parts = [pick(row[start:][:_AT_ONCE], column[start:][:_AT_ONCE]) for start in range(0, max(row.size, 1), _AT_ONCE)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _picker(inputs: Inputs, fields: Mapping[str, Float32], window: Any) -> Callable[[Any, Any], dict[str, Any]]:
    def values(row: Any, column: Any) -> dict[str, Any]:
        known = {
            name: np.broadcast_to(array[row, column] if array.ndim else array, np.shape(row))
            for name, array in fields.items()
        }
        return all_inputs(inputs, known, window.row_off + row + 0.5, window.col_off + column + 0.5)

    return values


def all_inputs(inputs: Inputs, known: dict[str, Any], row: Any, column: Any) -> dict[str, Any]:
    """Put the values of the fields at places of the scene [pixel] together with what the profile tells there."""
    if inputs.profile is None:
        return known
    return inputs.profile.inputs(known, inputs.profile.over(row, column))


def extremes_of(inputs: Inputs, values: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of every input, and `dryness`; fields with impossible ones are refused.

    Raises
    ------
    InputError
        One is not possible.
    """
    found = {}
    for name, array in values.items():
        known = array[np.isfinite(array)]
        if not known.size:
            continue
        if np.ndim(array) and name in inputs.atmosphere:
            given = inputs.atmosphere[name]
            given.quantity.check(known, f"{given.quantity.title} {given.source}")
        found[name] = (float(known.min()), float(known.max()))
    vapour = inputs.atmosphere.get("water_vapour")
    return found | (dryness(values, inputs.usual_temperature) if vapour and vapour.origin == "given" else {})


def _scatter(values: Float32, known: Mask) -> Float32:
    array = np.full(known.shape, np.nan, np.float32)
    array[known] = values
    return array
