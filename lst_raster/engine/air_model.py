"""The model over many places at once: the terms of the air, and what makes them uncertain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.inputs import ROUNDING
from lst_raster.inference.contract import PredictedAtmosphere
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, input_changes, model_changes
from lst_raster.physics.band import sensor_band
from lst_raster.physics.uncertainty import air_variance
from lst_raster.transfer.causes import input_causes

Float32 = NDArray[np.float32]
Terms: TypeAlias = tuple[Any, Any, Any]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], or changes of them."""

DEPTHS = {False: 3, True: 7}
"""Number of layers that `solve_air` gives, without and with the uncertainty."""


def solve_air(
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
        variance (`AirVariance`), and 1 where an input leaves the model's range, else 0.
    """
    if not uncertainty:
        return np.stack(model.atmosphere(**values).terms)
    terms, changes = causes(model, origins, values)
    layers = [*terms, *air_variance(terms, changes.values()), _outside(model, values)]
    return np.stack(np.broadcast_arrays(*layers)).astype(np.float32)


def causes(
    model: Model, origins: Mapping[str, str], values: Mapping[str, NDArray[Any]]
) -> tuple[Terms, dict[str, Terms]]:
    """Run the model, and change every cause of uncertainty by one standard uncertainty.

    Parameters
    ----------
    model, origins, values
        As for `solve_air`.

    Returns
    -------
    tuple of terms and dict of str to terms
        The terms of the air, and by how much each cause alone changes them: those of the inputs (`input_causes`), and
        what the model itself is unsure of, ``model: optical depth`` and ``model: temperature``. In double precision:
        the changes are small beside the terms.
    """
    here = model.atmosphere(**values)
    predicted = PredictedAtmosphere(*(np.asarray(part, np.float64) for part in here))
    known = input_causes(values, lambda kind, value: _deviation(origins, kind, value))
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
