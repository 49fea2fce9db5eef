"""Contract of a model: inputs, outputs and units, stored as metadata in the ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from numpy.typing import NDArray

from lst_raster.errors import ModelError
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

CONTRACT_VERSION = 4
"""The only version of the contract that is read: with standard uncertainties of atmospheric inputs as inputs."""
METADATA_KEY = "lst_raster"
"""Key of the ONNX metadata property that holds the contract as JSON."""
GRAPHS: Mapping[str, str] = MappingProxyType({"retrieval": "model.onnx", "atmosphere": "atmosphere.onnx"})
"""Kinds of graph, with the name of the file in a model's folder."""

UNCERTAIN_INPUTS = ("water_vapour", "air_temperature", "aerosol_optical_depth")
"""Atmospheric inputs with an input for their standard uncertainty, named as `uncertainty_name` does."""
PROFILE_UNCERTAINTY = "profile_uncertainty"
"""Name of the input for the uncertainty of the inputs on sigma levels, relative to that of a reanalysis: 0 exact, 1 for
errors of 1 K common to all levels, 0.7 K and 10 % of the humidity independent at each."""


def with_unit(units: str) -> str:
    """Unit of a number after a blank, empty for dimensionless quantities."""
    return "" if units == "1" else f" {units}"


def uncertainty_name(name: str) -> str:
    """Name of the input for the standard uncertainty of another input."""
    return f"{name}_uncertainty"


TEMPERATURE_DIFFERENCE, EMISSIVITY_DIFFERENCE = "brightness_temperature_difference", "emissivity_difference"
BOTH_BANDS = (
    *(TEMPERATURE_DIFFERENCE, uncertainty_name(TEMPERATURE_DIFFERENCE), "neighbourhood_emissivity"),
    *(EMISSIVITY_DIFFERENCE, uncertainty_name(EMISSIVITY_DIFFERENCE)),
)
"""Inputs of models of two bands that describe the neighbourhood of the pixel: brightness temperature of the first less
the second band, emissivity of the first band, emissivity of the second less the first, and the standard uncertainties
of the two differences."""

UNCERTAINTIES = frozenset(
    {
        PROFILE_UNCERTAINTY,
        *map(uncertainty_name, (*UNCERTAIN_INPUTS, TEMPERATURE_DIFFERENCE, EMISSIVITY_DIFFERENCE)),
    }
)
"""Inputs that are standard uncertainties. Beyond the valid range they mean what its end means: almost nothing known."""


_RADIANCE = "W m-2 sr-1 um-1"
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "radiance": _RADIANCE, "emissivity": "1",
        "water_vapour": "kg m-2", "surface_pressure": "hPa", "air_temperature": "K",
        "brightness_temperature": "K", "aerosol_optical_depth": "1", "gas_year": "year",
        "water_vapour_uncertainty": "kg m-2", "air_temperature_uncertainty": "K",
        "aerosol_optical_depth_uncertainty": "1",
        **dict.fromkeys(TEMPERATURE_LEVELS, "K"), **dict.fromkeys(HUMIDITY_LEVELS, "kg kg-1"),
        PROFILE_UNCERTAINTY: "1",
        "second_radiance": _RADIANCE, "second_emissivity": "1",
        TEMPERATURE_DIFFERENCE: "K", uncertainty_name(TEMPERATURE_DIFFERENCE): "K", "neighbourhood_emissivity": "1",
        EMISSIVITY_DIFFERENCE: "1", uncertainty_name(EMISSIVITY_DIFFERENCE): "1",
        "lst": "K", "transmittance": "1", "upwelling_radiance": _RADIANCE, "downwelling_radiance": _RADIANCE,
        "optical_depth_uncertainty": "1", "upwelling_temperature_uncertainty": "K",
        "second_transmittance": "1", "second_upwelling_radiance": _RADIANCE, "second_downwelling_radiance": _RADIANCE,
        "second_optical_depth_uncertainty": "1", "depth_difference": "1",
    }
)  # fmt: skip
"""Unit of every quantity that may be an input or output."""
SURFACE_INPUTS = ("radiance", "emissivity")
"""Inputs that describe the pixel; all others describe the atmosphere."""
SECOND_SURFACE_INPUTS = ("second_radiance", "second_emissivity")
"""The same in the second band, of models of two bands."""

Values = NDArray[Any]


class PredictedAtmosphere(NamedTuple):
    """Prediction of a model for an atmosphere, in the graph's order; arrays of one shape."""

    transmittance: Values  # along the view path [1]
    upwelling_radiance: Values  # at the sensor [W m-2 sr-1 um-1]
    downwelling_radiance: Values  # hemispheric mean at the surface [W m-2 sr-1 um-1]
    optical_depth_uncertainty: Values  # standard uncertainty, with that of the inputs [1]
    upwelling_temperature_uncertainty: Values  # of the effective temperature of the upwelling emission, likewise [K]
    second_transmittance: Values | None = None  # terms of the second band, None of models of one band
    second_upwelling_radiance: Values | None = None
    second_downwelling_radiance: Values | None = None
    second_optical_depth_uncertainty: Values | None = None
    """Standard uncertainty in the second band, of an error common to both. [1]"""
    depth_difference: Values | None = None
    """Further error of the optical depth of the second band, independent of the common one, as a multiple of it. [1]"""

    @property
    def terms(self) -> tuple[Values, Values, Values]:
        """Terms of the radiative transfer equation: the first three."""
        return self.transmittance, self.upwelling_radiance, self.downwelling_radiance


TWO_BAND_OUTPUTS = PredictedAtmosphere._fields
"""Outputs of models of two bands that describe the atmosphere, of both kinds of graph."""
ATMOSPHERE_OUTPUTS = TWO_BAND_OUTPUTS[:5]
"""The same of models of one band."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One input or output of a model."""

    name: str  # a key of `UNITS`
    units: str  # as in `UNITS`
    valid_range: tuple[float, float] | None = None
    """Range of the training data, None without limits. The model clips inputs to it, except that absorption increases
    with water vapour beyond it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """Graph, sensor band, inputs and outputs of a model."""

    graph: str  # a key of `GRAPHS`
    sensor: str  # sensor band, for example landsat8-b10
    tier: str  # set of atmosphere inputs, for example surface
    inputs: tuple[Variable, ...]  # in the graph's order
    outputs: tuple[Variable, ...]  # in the graph's order

    @property
    def name(self) -> str:
        """Sensor and tier, as for `Model.load`."""
        return f"{self.sensor}/{self.tier}"

    @property
    def atmosphere_inputs(self) -> tuple[Variable, ...]:
        """Inputs that describe the atmosphere."""
        pixel = (*SURFACE_INPUTS, *SECOND_SURFACE_INPUTS)
        return tuple(variable for variable in self.inputs if variable.name not in pixel)

    @property
    def has_two_bands(self) -> bool:
        """Whether the model uses both thermal bands."""
        return any(variable.name in BOTH_BANDS for variable in self.inputs)


def read_contract(text: str | None, where: str) -> tuple[Contract, dict[str, Any]]:
    """Read a contract from the JSON of the property `METADATA_KEY`, None where the ONNX file `where` has none.

    Returns the contract and the whole content of the JSON, with provenance and metrics. Raises ModelError: there is no
    contract, or its version or content is not supported.
    """
    if text is None:
        raise ModelError(f"{where} carries no lst-raster contract; use a model exported by `lst-raster train`")
    try:
        metadata = dict(json.loads(text))
    except (TypeError, ValueError):
        raise ModelError(f"the contract in {where} is not JSON; export the model again") from None
    version = metadata.get("contract")
    if version != CONTRACT_VERSION:
        raise ModelError(
            f"{where} has contract {version!r}, this version of lst-raster reads {CONTRACT_VERSION}; "
            "use the version that made the model, or train it again with `lst-raster train`"
        )
    try:
        graph = metadata["graph"]
        if graph not in GRAPHS:
            raise ValueError(f"graph {graph!r}, known are {', '.join(GRAPHS)}")
        inputs, outputs = (tuple(map(_variable, metadata[part])) for part in ("inputs", "outputs"))
        has_two_bands = any(variable.name in BOTH_BANDS for variable in inputs)
        required = {"lst"} if graph == "retrieval" else set()
        required |= set(TWO_BAND_OUTPUTS if has_two_bands else ATMOSPHERE_OUTPUTS)
        missing = required - {variable.name for variable in outputs}
        if missing:
            raise ValueError(f"no output {', '.join(sorted(missing))}")
        sensor, tier = str(metadata["sensor"]), str(metadata["tier"])
        return Contract(graph=graph, sensor=sensor, tier=tier, inputs=inputs, outputs=outputs), metadata
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the contract in {where} is not understood ({error}); export the model again") from None


def _variable(entry: Mapping[str, Any]) -> Variable:
    name, units, limits = entry["name"], entry["units"], entry.get("valid_range")
    if UNITS.get(name) != units:
        raise ValueError(f"{name} [{units}], expected {f'[{UNITS[name]}]' if name in UNITS else 'another name'}")
    if limits is not None:
        low, high = limits
        limits = float(low), float(high)
    return Variable(name=name, units=units, valid_range=limits)
