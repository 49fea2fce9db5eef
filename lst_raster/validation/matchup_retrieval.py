"""Retrieval of the temperatures of match-ups."""

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
from lst_raster.validation.matchups import EXCLUDED, NUMBERS, Matchups
from lst_raster.validation.published import retrieve_published

Float = NDArray[np.float64]

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "surface": ("water_vapour", "surface_pressure", "air_temperature"),
        "column": ("water_vapour", "surface_pressure"),
    }
)
"""Tiers that a table can feed, the best first, and what a row must know of the air."""


def choose_models(
    matchups: Matchups, known: Mapping[str, Float], models: Sequence[Model], tier: str | None
) -> tuple[list[str], dict[str, Model]]:
    """Choose the model of each row.

    Parameters
    ----------
    matchups : Matchups
        The rows.
    known : mapping of str to array
        What they know of the air, by the quantities of `TIERS`; NaN where they do not.
    models : sequence of Model
        Models to take for their sensor bands.
    tier : str or None
        Tier of the shipped models; None for the best one that each row can feed.

    Returns
    -------
    tuple of list of str and dict of str to Model
        Name of each row's model, empty where the row has no sensor band; and the models by name.

    Raises
    ------
    InputError
        Two models are of one sensor band, one is of a band that no row has or takes what no table holds.
    ModelError
        There is no model of a band and tier.
    """
    own = _by_sensor(models, matchups)
    names = []
    for row, sensor in enumerate(matchups.sensor):
        fed = (name for name, needed in TIERS.items() if not any(math.isnan(known[key][row]) for key in needed))
        best = tier or next(fed, list(TIERS)[-1])
        shipped = f"{sensor}/{best}" if sensor else ""
        names.append(own[sensor].contract.name if sensor in own else shipped)
    return names, {name: own.get(name.partition("/")[0]) or Model.load(name) for name in dict.fromkeys(names) if name}


def _by_sensor(models: Sequence[Model], matchups: Matchups) -> dict[str, Model]:
    own: dict[str, Model] = {}
    for model in models:
        sensor = model.contract.sensor
        if sensor in own:
            raise InputError(f"two models for {sensor}, {own[sensor].path} and {model.path}; give one")
        if sensor not in matchups.sensor:
            there = ", ".join(sorted(set(matchups.sensor) - {""})) or "none"
            raise InputError(f"the model {model.contract.name} is for {sensor}, the match-ups are of {there}")
        own[sensor] = model
    return own


def needs(model: Model) -> list[str]:
    """List the inputs of a model that a table must hold, those of the pixel first.

    Raises
    ------
    InputError
        A table cannot hold one of them.
    """
    names = [variable.name for variable in model.contract.atmosphere_inputs if variable.name != INPUT_ERROR]
    strange = [name for name in names if name not in NUMBERS]
    if strange:
        raise InputError(
            f"the model {model.contract.name} takes {', '.join(strange)}, for which match-ups have no column; "
            f"give one of the tiers {', '.join(TIERS)}"
        )
    return ["radiance", "emissivity", *names]


Mask = NDArray[np.bool_]

BRIGHTNESS = "brightness temperature"
"""Name of the raw brightness temperature among the methods."""

BETWEEN_REASONS = "; "
"""Stands between the reasons why a row is not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrievals:
    """What was found, row by row; every array of shape (match-up,), NaN where there is nothing."""

    models: tuple[str, ...]
    """Model of each row, empty where there is none."""
    reasons: tuple[str, ...]
    """Why a row is not compared, all that it lacks; empty where it is."""
    lst: Float
    """Our surface temperature. [K]"""
    uncertainty: Float
    """Its standard uncertainty. [K]"""
    difference: Float
    """Our temperature less that of the ground. [K]"""
    expected: Float
    """Standard uncertainty of that difference: ours, and that of the ground where it has one. [K]"""
    others: Mapping[str, Float]
    """Temperatures by the published methods, of other products, and the brightness temperature. [K]"""
    air: Mapping[str, Float]
    """What the models were told of the air: the quantities of `TIERS`, in their units."""
    notes: tuple[str, ...]
    """What should be known."""

    @property
    def compared(self) -> Mask:
        """Rows that are compared."""
        return np.array([not reason for reason in self.reasons], bool)


def retrieve_matchups(
    matchups: Matchups, *, models: Sequence[Model] = (), tier: str | None = None, air: str = "reanalysis"
) -> Retrievals:
    """Retrieve every row that can be.

    Parameters and errors as in `lst_raster.validation.validate.validate`.

    Returns
    -------
    Retrievals
        What was found.
    """
    known = _known(matchups)
    names, found = choose_models(matchups, known, models, tier)
    needed = {name: needs(model) for name, model in found.items()}
    lst, uncertainty = (np.full(len(matchups), math.nan) for _ in range(2))
    notes = []
    for name, model in found.items():
        rows = np.array([other == name for other in names]) & _finite(known, needed[name])
        if rows.any():
            told = {key: known[key][rows] for key in needed[name]}
            lst[rows], uncertainty[rows] = _retrieve(model, told, air)
            notes += _outside(model, told)
    return Retrievals(
        models=tuple(names),
        reasons=tuple(
            _reason(matchups, row, [key for key in needed.get(name, ()) if math.isnan(known[key][row])], lst[row])
            for row, name in enumerate(names)
        ),
        lst=lst,
        uncertainty=uncertainty,
        difference=lst - matchups.values["ground_temperature"],
        expected=np.hypot(uncertainty, np.nan_to_num(matchups.values["ground_uncertainty"])),
        others=_others(matchups, known),
        air={name: known[name] for name in TIERS["surface"]},
        notes=tuple(notes),
    )


def _known(matchups: Matchups) -> dict[str, Float]:
    """Find radiance, brightness temperature and pressure of all rows beside what the table has as it stands."""
    values = dict(matchups.values)
    values["surface_pressure"] = _first(values["surface_pressure"], np.asarray(pressure_at(values["elevation"])))
    for name, rows in _sensor_rows(matchups).items():
        planck = sensor_band(name).planck
        own, kelvin = values["radiance"][rows], values["brightness_temperature"][rows]
        radiance = _first(own, np.asarray(band_radiance(kelvin, planck)))
        values["radiance"] = _placed(values["radiance"], rows, radiance)
        values["brightness_temperature"] = _placed(
            values["brightness_temperature"], rows, np.asarray(brightness_temperature(radiance, planck))
        )
    return values


def _retrieve(model: Model, told: Mapping[str, Float], air: str) -> tuple[Float, Float]:
    """Temperature and its uncertainty, as `lst-raster retrieve` finds them."""
    band = sensor_band(model.contract.sensor)
    inputs = {name: values for name, values in told.items() if name not in ("radiance", "emissivity")}
    takes_error = any(variable.name == INPUT_ERROR for variable in model.contract.inputs)
    found = retrieve_with_uncertainty(
        model.atmosphere,
        told["radiance"],
        told["emissivity"],
        {**inputs, **({INPUT_ERROR: np.full(told["radiance"].shape, TRUST[air])} if takes_error else {})},
        error_sources=input_error_sources(inputs, lambda kind, values: INPUT_UNCERTAINTIES[air][kind].at(values)),
        sensor_noise=float(np.hypot(noise_radiance(band.noise, band.planck), quantisation_noise(band.gain))),
        emissivity_uncertainty=EMISSIVITY_UNCERTAINTY,
        band=band.planck,
    )
    return np.asarray(found.temperature, np.float64), np.asarray(found.uncertainty, np.float64)


def _others(matchups: Matchups, known: Mapping[str, Float]) -> dict[str, Float]:
    """Temperatures that ours is compared with: published methods, products, and the raw brightness temperature."""
    found: dict[str, Float] = {}
    inputs = ("radiance", "emissivity", "water_vapour")
    for sensor, rows in _sensor_rows(matchups).items():
        rows = rows & _finite(known, inputs)
        for name, values in retrieve_published(sensor, *(known[key][rows] for key in inputs)).items():
            found[name] = _placed(found.get(name, np.full(len(matchups), math.nan)), rows, values)
    return {**found, **matchups.products, BRIGHTNESS: known["brightness_temperature"]}


def _outside(model: Model, told: Mapping[str, Float]) -> list[str]:
    """Say in how many rows the model takes the nearer end of its range."""
    notes = []
    for variable in (one for one in model.contract.atmosphere_inputs if one.name in told):
        low, high = variable.valid_range or (-math.inf, math.inf)
        count = int(np.count_nonzero((told[variable.name] < low) | (told[variable.name] > high)))
        if count:
            notes.append(
                f"{variable.name.replace('_', ' ')} leaves the {low:g} to {high:g} {variable.units} that "
                f"{model.contract.name} was made for in {count} rows: the nearer end is taken"
            )
    return notes


def _reason(matchups: Matchups, row: int, lacking: Sequence[str], lst: float) -> str:
    """Why a row is not compared, all that it lacks; empty where it is."""
    if matchups.excluded[row]:
        text = matchups.excluded[row]
        return text if text == EXCLUDED else f"{EXCLUDED}: {text}"
    reasons = [f"no {name.replace('_', ' ')}" for name in ("sensor",) * (not matchups.sensor[row]) + tuple(lacking)]
    if not reasons and math.isnan(lst):
        reasons = ["no solution: the air alone exceeds the radiance"]
    if math.isnan(matchups.values["ground_temperature"][row]):
        reasons.append(matchups.remarks[row] or "no in-situ LST")
    return BETWEEN_REASONS.join(reasons)


def _sensor_rows(matchups: Matchups) -> dict[str, Mask]:
    sensors = np.array(matchups.sensor)
    return {name: sensors == name for name in dict.fromkeys(matchups.sensor) if name}


def _finite(known: Mapping[str, Float], names: Sequence[str]) -> Mask:
    return np.asarray(np.logical_and.reduce([np.isfinite(known[name]) for name in names]))


def _first(values: Float, others: Float) -> Float:
    return np.where(np.isnan(values), others, values)


def _placed(values: Float, rows: Mask, new: Float) -> Float:
    """Values with others in some rows."""
    changed = values.copy()
    changed[rows] = new
    return changed
