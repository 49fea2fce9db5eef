"""Radiative terms of the atmosphere at pixels and nodes, from the model or from a Level-2 product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, perturbed_terms
from lst_raster.inputs.fields import open_field
from lst_raster.inputs.resolve import RANGE_TOLERANCE, Inputs, saturation_ratio
from lst_raster.io.grid import Grid
from lst_raster.io.level2_scene import Level2Atmosphere
from lst_raster.physics.uncertainty import AtmosphereVariance, atmosphere_variance
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import input_error_sources

Float32: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Terms: TypeAlias = tuple[Any, Any, Any]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], or changes of them."""
Ranges: TypeAlias = dict[str, tuple[float, float]]
"""Lowest and highest value by input, and `saturation_ratio`."""

LAYER_COUNT = {False: 3, True: 7}
"""Number of layers of `solve_atmosphere`, without and with the uncertainty."""
_PROFILES_PER_CALL = 16_384  # pixels; each profile has dozens of levels in memory


def solve_atmosphere(
    model: Model, origins: Mapping[str, str], values: Mapping[str, NDArray[Any]], *, uncertainty: bool
) -> Float32:
    """Run the model for inputs of one shape; with the uncertainty it runs once more for each error source.

    Parameters
    ----------
    model : Model
        The model.
    origins : mapping of str to str
        Origin of each input, a key of `INPUT_UNCERTAINTIES`.
    values : mapping of str to array
        Atmosphere inputs by name.
    uncertainty : bool
        Whether to add the layers of the uncertainty.

    Returns
    -------
    array of shape (3 or 7, ...)
        Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]; then the three coefficients of the
        variance (`AtmosphereVariance`), and 1 where an input is outside the model's valid range, else 0.
    """
    if not uncertainty:
        return np.stack(model.atmosphere(**values).terms)
    terms, changes = terms_and_changes(model, origins, values)
    layers = [*terms, *atmosphere_variance(terms, changes.values()), _outside_range(model, values)]
    return np.stack(np.broadcast_arrays(*layers)).astype(np.float32)


def terms_and_changes(
    model: Model, origins: Mapping[str, str], values: Mapping[str, NDArray[Any]]
) -> tuple[Terms, dict[str, Terms]]:
    """Terms, and their change by one standard uncertainty of each error source of inputs and model."""

    def deviation(kind: str, value: Any) -> Any:
        # Kinds of error that are not the name of an input are those of a reanalysis.
        return INPUT_UNCERTAINTIES[origins.get(kind, "reanalysis")][kind].at(value)

    sources = input_error_sources(values, deviation)
    band = sensor_band(model.contract.sensor).planck
    terms, by_inputs, by_model = perturbed_terms(model.atmosphere, values, sources, band)
    return terms, by_inputs | by_model


def _outside_range(model: Model, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    outside = np.asarray(0.0)
    for variable in model.contract.inputs:
        if variable.name in values and variable.valid_range is not None:
            low, high = variable.valid_range
            value = values[variable.name]
            outside = np.where(
                (value < low - RANGE_TOLERANCE * high) | (value > high * (1.0 + RANGE_TOLERANCE)), 1.0, outside
            )
    return outside


@dataclass(frozen=True, kw_only=True, slots=True)
class AtmosphereTerms:
    """The atmosphere over a window; every array of shape (rows, columns), or one number for all pixels."""

    terms: Terms
    """Terms of the radiative transfer equation, NaN where an input is missing."""
    variance: AtmosphereVariance | None = None
    """Coefficients of their variance, None without uncertainty."""
    outside_range: Float32 | None = None
    """Above 0 where an input is outside the model's valid range."""
    input_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of every model input."""
    inputs_at: Callable[[Any, Any], dict[str, Any]] | None = None
    """Returns the model inputs at rows and columns of the window; None without a model."""

    @classmethod
    def from_layers(cls, layers: Float32, **more: Any) -> AtmosphereTerms:
        """Name the layers of `solve_atmosphere`."""
        terms: Terms = (layers[0], layers[1], layers[2])
        if len(layers) == LAYER_COUNT[False]:
            return cls(terms=terms, **more)
        return cls(terms=terms, variance=AtmosphereVariance(*layers[3:6]), outside_range=layers[6], **more)


AtmosphereReader: TypeAlias = Callable[[Any, Mask], AtmosphereTerms]
"""Takes a window of the scene, and the mask of its pixels for which the atmosphere is needed."""


@contextmanager
def open_exact_atmosphere(inputs: Inputs, grid: Grid, *, uncertainty: bool) -> Iterator[AtmosphereReader]:
    """Open the model's inputs; the reader runs the model at every pixel, or once where no input varies.

    Raises LstRasterError, from the reader too: a file is missing, damaged or on another grid, or a value is impossible.
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(open_field(field, grid)) for name, field in inputs.fields.items()}

        def read(window: Any, needed: Mask) -> AtmosphereTerms:
            fields = {name: reader(window) for name, reader in readers.items()}
            return _exact_terms(inputs, fields, window, needed, uncertainty)

        yield read


@contextmanager
def open_level2_atmosphere(level2: Level2Atmosphere) -> Iterator[AtmosphereReader]:
    """Open the terms of a Level-2 product; errors as `open_exact_atmosphere`."""
    with level2.open() as read:
        yield lambda window, needed: AtmosphereTerms(terms=read(window))


def _exact_terms(
    inputs: Inputs, fields: Mapping[str, Float32], window: Any, needed: Mask, uncertainty: bool
) -> AtmosphereTerms:
    """Run the model at every pixel that is needed and has all inputs."""
    valid = needed.copy()
    for array in fields.values():
        valid &= np.isfinite(array)
    inputs_at = partial(_inputs_at, inputs, fields, window)
    if inputs.profile is None:
        values = {name: array[valid] if array.ndim else array for name, array in fields.items()}
    else:
        row, column = np.nonzero(valid)
        starts = range(0, max(row.size, 1), _PROFILES_PER_CALL)
        parts = [inputs_at(row[start:][:_PROFILES_PER_CALL], column[start:][:_PROFILES_PER_CALL]) for start in starts]
        values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    ranges = checked_ranges(inputs, values) if valid.any() else {}
    pixels = dict(zip(values, np.broadcast_arrays(*values.values()), strict=True))
    layers = solve_atmosphere(inputs.network, inputs.origins, pixels, uncertainty=uncertainty)
    if layers.ndim > 1:
        layers = scatter(layers, valid)
    return AtmosphereTerms.from_layers(layers, input_ranges=ranges, inputs_at=inputs_at)


def _inputs_at(inputs: Inputs, fields: Mapping[str, Float32], window: Any, row: Any, column: Any) -> dict[str, Any]:
    """Model inputs at rows and columns of a window."""
    values = {
        name: np.broadcast_to(array[row, column] if array.ndim else array, np.shape(row))
        for name, array in fields.items()
    }
    return with_profile(inputs, values, window.row_off + row + 0.5, window.col_off + column + 0.5)


def with_profile(inputs: Inputs, values: dict[str, Any], row: Any, column: Any) -> dict[str, Any]:
    """Add the inputs that the profile provides at places of the scene [pixel] to the values of the fields."""
    if inputs.profile is None:
        return values
    return inputs.profile.inputs(values, inputs.profile.over(row, column))


def checked_ranges(inputs: Inputs, values: Mapping[str, Any]) -> Ranges:
    """Range of every input, and `saturation_ratio` of a given water vapour; raises InputError for impossible values."""
    ranges = value_ranges(values)
    for name, given in inputs.atmosphere.items():
        if name in ranges and np.ndim(values[name]):
            given.quantity.check(ranges[name], f"{given.quantity.title} {given.source}")
    vapour = inputs.atmosphere.get("water_vapour")
    return ranges | (
        saturation_ratio(values, inputs.reference_temperature) if vapour and vapour.origin == "given" else {}
    )


def value_ranges(values: Mapping[str, Any]) -> Ranges:
    """Lowest and highest finite value of every input that has one."""
    finite = {name: array[np.isfinite(array)] for name, array in values.items()}
    return {name: (float(array.min()), float(array.max())) for name, array in finite.items() if array.size}


def widen_ranges(ranges: Ranges, others: Mapping[str, tuple[float, float]]) -> None:
    """Extend ranges, in place, so that they include others."""
    for name, (low, high) in others.items():
        before = ranges.get(name, (np.inf, -np.inf))
        ranges[name] = (min(before[0], low), max(before[1], high))


def scatter(layers: Float32, valid: Mask) -> Float32:
    """Put layers of shape (layers, pixels) at the valid pixels of an array, NaN elsewhere."""
    scattered = np.full((len(layers), *valid.shape), np.nan, np.float32)
    scattered[:, valid] = layers
    return scattered
