"""Retrieval of the surface temperatures of match-ups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, TRUST, retrieve_with_uncertainty
from lst_raster.inputs.emissivity.source import UNCERTAINTY as EMISSIVITY_UNCERTAINTY
from lst_raster.physics.elevation import pressure_at
from lst_raster.physics.planck import band_radiance, brightness_temperature
from lst_raster.physics.uncertainty import noise_radiance, quantisation_noise
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR, input_error_sources
from lst_raster.validation.matchups import EXCLUDED, NUMERIC_COLUMNS, Matchups
from lst_raster.validation.published import retrieve_published

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "surface": ("water_vapour", "surface_pressure", "air_temperature"),
        "column": ("water_vapour", "surface_pressure"),
    }
)
"""Tiers of models for match-ups, the most accurate first, with their atmospheric inputs."""
BRIGHTNESS = "brightness temperature"  # Name of the brightness temperature among the methods
REASON_SEPARATOR = "; "  # Text between the reasons why a row is not compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrievals:
    """Results row by row; every array of shape (match-up,), NaN where there is no value."""

    models: tuple[str, ...]  # model of each row, empty where there is none
    reasons: tuple[str, ...]  # reasons why a row is not compared; empty for compared rows
    lst: Float  # retrieved surface temperature [K]
    uncertainty: Float  # standard uncertainty of the retrieved temperature [K]
    difference: Float  # retrieved minus in-situ temperature [K]
    difference_uncertainty: Float
    """Standard uncertainty of the difference, with that of the in-situ temperature where it has one. [K]"""
    other_methods: Mapping[str, Float]
    """Temperatures of published methods and other products, and the brightness temperature. [K]"""
    atmosphere: Mapping[str, Float]  # atmospheric inputs of the models: the quantities of `TIERS`, in their units
    notes: tuple[str, ...]  # inputs outside the range of a model

    @property
    def compared(self) -> Mask:
        """Mask of the compared rows."""
        return np.array([not reason for reason in self.reasons], bool)


def retrieve_matchups(
    matchups: Matchups, *, models: Sequence[Model] = (), tier: str | None = None, air: str = "reanalysis"
) -> Retrievals:
    """Retrieve every row that has the inputs; parameters and errors as in `validate`."""
    inputs = _complete_inputs(matchups)
    names, loaded = _choose_models(matchups, inputs, models, tier)
    required = {name: _required_inputs(model) for name, model in loaded.items()}
    lst, uncertainty = (np.full(len(matchups), math.nan) for _ in range(2))
    notes = []
    for name, model in loaded.items():
        rows = np.array([other == name for other in names]) & _finite(inputs, required[name])
        if rows.any():
            chosen = {key: inputs[key][rows] for key in required[name]}
            lst[rows], uncertainty[rows] = _retrieve(model, chosen, air)
            notes += _out_of_range(model, chosen)
    reasons = []
    for row, name in enumerate(names):
        missing = [key for key in required.get(name, ()) if math.isnan(inputs[key][row])]
        reasons.append(_reason(matchups, row, missing, lst[row]))
    return Retrievals(
        models=tuple(names),
        reasons=tuple(reasons),
        lst=lst,
        uncertainty=uncertainty,
        difference=lst - matchups.values["ground_temperature"],
        difference_uncertainty=np.hypot(uncertainty, np.nan_to_num(matchups.values["ground_uncertainty"])),
        other_methods=_other_methods(matchups, inputs),
        atmosphere={name: inputs[name] for name in TIERS["surface"]},
        notes=tuple(notes),
    )


def _choose_models(
    matchups: Matchups, inputs: Mapping[str, Float], models: Sequence[Model], tier: str | None
) -> tuple[list[str], dict[str, Model]]:
    """Name of each row's model, empty without a sensor band; and the models by name.

    A given model is used for its sensor band; other rows get the shipped model of `tier`, or of the best tier for
    which the row has all inputs.
    """
    given: dict[str, Model] = {}
    for model in models:
        sensor = model.contract.sensor
        if sensor in given:
            raise InputError(f"two models for {sensor}, {given[sensor].path} and {model.path}; give one")
        if sensor not in matchups.sensor:
            found = ", ".join(sorted(set(matchups.sensor) - {""})) or "none"
            raise InputError(f"the model {model.contract.name} is for {sensor}, the match-ups are of {found}")
        given[sensor] = model
    names = []
    for row, sensor in enumerate(matchups.sensor):
        if sensor in given:
            names.append(given[sensor].contract.name)
            continue
        possible = [name for name, keys in TIERS.items() if not any(math.isnan(inputs[key][row]) for key in keys)]
        best = tier or (possible or list(TIERS))[0 if possible else -1]
        names.append(f"{sensor}/{best}" if sensor else "")
    return names, {name: given.get(name.partition("/")[0]) or Model.load(name) for name in dict.fromkeys(names) if name}


def _required_inputs(model: Model) -> list[str]:
    """Columns that a model needs, radiance and emissivity first."""
    names = [variable.name for variable in model.contract.atmosphere_inputs if variable.name != INPUT_ERROR]
    unknown = [name for name in names if name not in NUMERIC_COLUMNS]
    if unknown:
        raise InputError(
            f"the model {model.contract.name} needs {', '.join(unknown)}, for which match-ups have no column; "
            f"give one of the tiers {', '.join(TIERS)}"
        )
    return ["radiance", "emissivity", *names]


def _complete_inputs(matchups: Matchups) -> dict[str, Float]:
    """Values of the table, with radiance, brightness temperature and pressure derived where they are missing."""
    values = dict(matchups.values)
    pressure = values["surface_pressure"]
    values["surface_pressure"] = np.where(np.isnan(pressure), pressure_at(values["elevation"]), pressure)
    radiance, brightness = values["radiance"].copy(), values["brightness_temperature"].copy()
    for name, rows in _sensor_rows(matchups).items():
        planck, measured = sensor_band(name).planck, radiance[rows]
        derived = np.asarray(band_radiance(brightness[rows], planck))
        radiance[rows] = np.where(np.isnan(measured), derived, measured)
        brightness[rows] = brightness_temperature(radiance[rows], planck)
    return values | {"radiance": radiance, "brightness_temperature": brightness}


def _retrieve(model: Model, chosen: Mapping[str, Float], air: str) -> tuple[Float, Float]:
    """Temperature and its uncertainty, as `lst-raster retrieve` computes them."""
    band = sensor_band(model.contract.sensor)
    atmosphere = {name: values for name, values in chosen.items() if name not in ("radiance", "emissivity")}
    with_error = dict(atmosphere)
    if any(variable.name == INPUT_ERROR for variable in model.contract.inputs):
        with_error[INPUT_ERROR] = np.full(chosen["radiance"].shape, TRUST[air])
    found = retrieve_with_uncertainty(
        model.atmosphere,
        chosen["radiance"],
        chosen["emissivity"],
        with_error,
        error_sources=input_error_sources(atmosphere, lambda kind, values: INPUT_UNCERTAINTIES[air][kind].at(values)),
        sensor_noise=float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(band.gain))),
        emissivity_uncertainty=EMISSIVITY_UNCERTAINTY,
        band=band.planck,
    )
    return np.asarray(found.temperature, np.float64), np.asarray(found.uncertainty, np.float64)


def _other_methods(matchups: Matchups, inputs: Mapping[str, Float]) -> dict[str, Float]:
    methods: dict[str, Float] = {}
    names = ("radiance", "emissivity", "water_vapour")
    for sensor, sensor_rows in _sensor_rows(matchups).items():
        rows = sensor_rows & _finite(inputs, names)
        for method, values in retrieve_published(sensor, *(inputs[name][rows] for name in names)).items():
            methods.setdefault(method, np.full(len(matchups), math.nan))[rows] = values
    return {**methods, **matchups.products, BRIGHTNESS: inputs["brightness_temperature"]}


def _out_of_range(model: Model, chosen: Mapping[str, Float]) -> list[str]:
    notes = []
    for variable in (one for one in model.contract.atmosphere_inputs if one.name in chosen):
        low, high = variable.valid_range or (-math.inf, math.inf)
        count = int(np.count_nonzero((chosen[variable.name] < low) | (chosen[variable.name] > high)))
        if count:
            notes.append(
                f"{variable.name.replace('_', ' ')} is outside the range of {model.contract.name}, {low:g} to {high:g} "
                f"{variable.units}, in {count} rows: it is clipped to the range"
            )
    return notes


def _reason(matchups: Matchups, row: int, missing: Sequence[str], lst: float) -> str:
    """All reasons why a row is not compared; empty for a compared row."""
    excluded = matchups.excluded[row]
    if excluded:
        return excluded if excluded == EXCLUDED else f"{EXCLUDED}: {excluded}"
    reasons = [f"no {name.replace('_', ' ')}" for name in missing]
    if not matchups.sensor[row]:
        reasons.insert(0, "no sensor")
    if not reasons and math.isnan(lst):
        reasons = ["no solution: the atmospheric radiance exceeds the measured radiance"]
    if math.isnan(matchups.values["ground_temperature"][row]):
        reasons.append(matchups.insitu_reasons[row] or "no in-situ LST")
    return REASON_SEPARATOR.join(reasons)


def _sensor_rows(matchups: Matchups) -> dict[str, Mask]:
    sensors = np.array(matchups.sensor)
    return {name: sensors == name for name in dict.fromkeys(matchups.sensor) if name}


def _finite(inputs: Mapping[str, Float], names: Sequence[str]) -> Mask:
    return np.asarray(np.logical_and.reduce([np.isfinite(inputs[name]) for name in names]))
