"""The contract of a model: what goes in, what comes out, in which units. It travels inside the ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from numpy.typing import NDArray

from lst_raster.errors import ModelError
from lst_raster.simulator.input_errors import INPUT_ERROR
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

CONTRACT_VERSION = 3
"""The one version of the contract that this package reads. Version 1 lacked the uncertainties among the outputs,
version 2 the error of the inputs among these."""

METADATA_KEY = "lst_raster"
"""Key of the ONNX metadata property that holds the contract as JSON."""

GRAPHS: Mapping[str, str] = MappingProxyType({"retrieval": "model.onnx", "atmosphere": "atmosphere.onnx"})
"""Kinds of graph, each with its file's name in a model's folder."""

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "radiance": "W m-2 sr-1 um-1",
        "emissivity": "1",
        "water_vapour": "kg m-2",
        "surface_pressure": "hPa",
        "air_temperature": "K",
        **dict.fromkeys(TEMPERATURE_LEVELS, "K"),
        **dict.fromkeys(HUMIDITY_LEVELS, "kg kg-1"),
        INPUT_ERROR: "1",
        "lst": "K",
        "transmittance": "1",
        "upwelling_radiance": "W m-2 sr-1 um-1",
        "downwelling_radiance": "W m-2 sr-1 um-1",
        "optical_depth_uncertainty": "1",
        "upwelling_temperature_uncertainty": "K",
    }
)
"""Unit of every quantity that a model may take or give."""

DEFAULTS: Mapping[str, float] = MappingProxyType({INPUT_ERROR: 1.0})
"""Values of inputs that need not be given."""

SURFACE_INPUTS = ("radiance", "emissivity")
"""Inputs that describe the pixel; every other input describes the atmosphere."""

Values = NDArray[Any]


class PredictedAtmosphere(NamedTuple):
    """What a model says of an atmosphere, in the graph's order; all of one shape."""

    transmittance: Values
    """Transmittance along the view path. [1]"""
    upwelling_radiance: Values
    """Radiance emitted towards the sensor. [W m-2 sr-1 um-1]"""
    downwelling_radiance: Values
    """Hemispheric mean radiance sent down. [W m-2 sr-1 um-1]"""
    optical_depth_uncertainty: Values
    """Standard uncertainty of the optical depth where the inputs are exact. [1]"""
    upwelling_temperature_uncertainty: Values
    """Standard uncertainty of the temperature of the emission towards the sensor, likewise. [K]"""

    @property
    def terms(self) -> tuple[Values, Values, Values]:
        """The terms of the radiative transfer equation: the first three."""
        return self.transmittance, self.upwelling_radiance, self.downwelling_radiance


ATMOSPHERE_OUTPUTS = PredictedAtmosphere._fields
"""Outputs that describe the atmosphere; both kinds of graph give them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One input or output of a model."""

    name: str
    """Name, one of `UNITS`."""
    units: str
    """Unit, always that of `UNITS`."""
    valid_range: tuple[float, float] | None = None
    """Lowest and highest value the model was made for; beyond it the model takes the nearer end, but that more water
    vapour absorbs more. None: unlimited."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What a model promises."""

    graph: str
    """Kind of graph, a key of `GRAPHS`."""
    sensor: str
    """Sensor band, for example ``landsat8-b10``."""
    tier: str
    """What must be known of the atmosphere, for example ``surface``."""
    inputs: tuple[Variable, ...]
    """Inputs in the graph's order."""
    outputs: tuple[Variable, ...]
    """Outputs in the graph's order."""

    @property
    def name(self) -> str:
        """Sensor and tier, as `Model.load` takes them."""
        return f"{self.sensor}/{self.tier}"

    @property
    def atmosphere_inputs(self) -> tuple[Variable, ...]:
        """The inputs that describe the atmosphere."""
        return tuple(variable for variable in self.inputs if variable.name not in SURFACE_INPUTS)


def read_contract(text: str | None, where: str) -> tuple[Contract, dict[str, Any]]:
    """Read a contract from the metadata of an ONNX file.

    Parameters
    ----------
    text : str or None
        The JSON of the property `METADATA_KEY`; None where the file has no such property.
    where : str
        Name of the file, for the error's message.

    Returns
    -------
    tuple of Contract and dict
        The contract, and everything the JSON holds: provenance and metrics too.

    Raises
    ------
    ModelError
        There is no contract, it is of another version, or its content is not understood.
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
            "use the version that made the model, or make it again with `lst-raster train`"
        )
    try:
        return _contract(metadata), metadata
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the contract in {where} is not understood ({error}); export the model again") from None


def _contract(metadata: Mapping[str, Any]) -> Contract:
    if metadata["graph"] not in GRAPHS:
        raise ValueError(f"graph {metadata['graph']!r}, known are {', '.join(GRAPHS)}")
    contract = Contract(
        graph=metadata["graph"],
        sensor=str(metadata["sensor"]),
        tier=str(metadata["tier"]),
        inputs=tuple(_variable(entry) for entry in metadata["inputs"]),
        outputs=tuple(_variable(entry) for entry in metadata["outputs"]),
    )
    required = ATMOSPHERE_OUTPUTS if contract.graph == "atmosphere" else ("lst", *ATMOSPHERE_OUTPUTS)
    missing = set(required) - {variable.name for variable in contract.outputs}
    if missing:
        raise ValueError(f"no output {', '.join(sorted(missing))}")
    return contract


def _variable(entry: Mapping[str, Any]) -> Variable:
    name, units = entry["name"], entry["units"]
    if UNITS.get(name) != units:
        raise ValueError(f"{name} [{units}], expected {f'[{UNITS[name]}]' if name in UNITS else 'another name'}")
    limits = entry.get("valid_range")
    if limits is None:
        return Variable(name=name, units=units)
    low, high = limits
    return Variable(name=name, units=units, valid_range=(float(low), float(high)))
