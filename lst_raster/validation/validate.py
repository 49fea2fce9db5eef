"""Validation: retrieval of match-ups, agreement with in-situ temperatures and of the predicted uncertainty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.contract import (
    PROFILE_UNCERTAINTY,
    UNCERTAIN_INPUTS,
    UNCERTAINTIES,
    uncertainty_name,
    with_unit,
)
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import REANALYSIS, PixelValues, default_uncertainty, retrieve_with_uncertainty
from lst_raster.inputs.climatology import climatology, days_and_years
from lst_raster.inputs.emissivity.source import UNCERTAINTY as EMISSIVITY_UNCERTAINTY
from lst_raster.inputs.profile_input import ON_LEVELS
from lst_raster.inputs.resolve import gas_year
from lst_raster.physics.elevation import pressure_at
from lst_raster.physics.error_metrics import Agreement, agreement
from lst_raster.physics.planck import band_radiance, brightness_temperature
from lst_raster.physics.quantities import AEROSOL_OPTICAL_DEPTH, BRIGHTNESS_TEMPERATURE, GAS_YEAR
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.retrieval.inversion import sensor_noise
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.gases import BACKGROUND_AEROSOL
from lst_raster.validation.compare import without_nan
from lst_raster.validation.groups import Group, agreement_of_groups, group_masks, masks_by_name
from lst_raster.validation.matchups import BRIGHTNESS, EXCLUDED, GIVEN_TERMS, LST_RASTER, NUMERIC_COLUMNS, Matchups
from lst_raster.validation.published import retrieve_published

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SURFACE = ("water_vapour", "surface_pressure", "air_temperature")
TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"profile": (*_SURFACE, *ON_LEVELS), "surface": _SURFACE})
"""Tiers of models for match-ups, the most accurate first, with the atmospheric inputs that have no other default."""
_WITHOUT_DEFAULT = ("radiance", "emissivity", *TIERS["profile"])
_UNCERTAINTIES = tuple(map(uncertainty_name, UNCERTAIN_INPUTS))
_NEIGHBOURHOOD = "neighbourhood_temperature"  # column of the model's input `BRIGHTNESS_TEMPERATURE`
_TERMS = ("transmittance", "upwelling_radiance", "downwelling_radiance")
REASON_SEPARATOR = "; "  # text between the reasons why a row is not compared


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrievals:
    """Results row by row; every array of shape (match-up,), NaN where there is no value."""

    models: tuple[str, ...]  # model of each row, empty where there is none
    reasons: tuple[str, ...]  # reasons why a row is not compared; empty for compared rows
    lst: Float  # retrieved surface temperature [K]
    uncertainty: Float  # standard uncertainty of the retrieved temperature [K]
    difference: Float  # retrieved minus in-situ temperature [K]
    difference_uncertainty: Float
    """Standard uncertainty of the difference, with those of the in-situ temperature and of the site where known. [K]"""
    other_methods: Mapping[str, Float]
    """Temperatures of published methods and other products, and the brightness temperature. [K]"""
    atmosphere: Mapping[str, Float]
    """Atmospheric inputs of the models with their standard uncertainties, by quantity of `NUMERIC_COLUMNS`."""
    climatology: tuple[str, ...]  # names of the inputs of each row that are those of the climatology
    notes: tuple[str, ...]  # inputs outside the range of a model

    @property
    def compared(self) -> Mask:
        """Mask of the compared rows."""
        return np.array([not reason for reason in self.reasons], bool)


def retrieve_matchups(
    matchups: Matchups, *, models: Sequence[Model] = (), tier: str | None = None, air: str = REANALYSIS
) -> Retrievals:
    """Retrieve every row that has the inputs; parameters and errors as in `validate`."""
    inputs, climatological = _complete_inputs(matchups, air)
    names, loaded = _choose_models(matchups, inputs, models, tier)
    required = {name: _required_inputs(model) for name, model in loaded.items()}
    lst, uncertainty = (np.full(len(matchups), math.nan) for _ in range(2))
    notes = []
    for name, model in loaded.items():
        rows = np.array([other == name for other in names]) & _finite(inputs, map(_column, required[name]))
        if rows.any():
            chosen = {key: inputs[_column(key)][rows] for key in required[name]}
            lst[rows], uncertainty[rows] = _retrieve(model, chosen)
            notes += _out_of_range(model, chosen)
    reasons = []
    has_radiance = np.isfinite(matchups.values["radiance"]) | np.isfinite(matchups.values["brightness_temperature"])
    has_product = np.logical_or.reduce([np.zeros(len(matchups), bool), *map(np.isfinite, matchups.products.values())])
    for row, name in enumerate(names):
        if matchups.products and not has_radiance.any():
            reasons.append(_reason(matchups, row, [] if has_product[row] else ["product temperature"]))
        elif has_product[row] and not has_radiance[row]:
            reasons.append(_reason(matchups, row, []))
        else:
            keys = [key for key in required.get(name, ()) if key in _WITHOUT_DEFAULT]
            missing = [_title(key) for key in keys if math.isnan(inputs[key][row])]
            missing = missing if name else ["sensor", *missing]
            reasons.append(_reason(matchups, row, missing, lst[row]))
    for key, mask in climatological.items():
        if count := int(np.count_nonzero(mask & np.isfinite(lst))):
            notes.append(f"{_title(key)} is that of the climatology in {_rows(count)}")
    return Retrievals(
        models=tuple(names),
        reasons=tuple(reasons),
        lst=lst,
        uncertainty=uncertainty,
        difference=lst - matchups.values["ground_temperature"],
        difference_uncertainty=np.hypot(
            np.hypot(uncertainty, np.nan_to_num(matchups.values["ground_uncertainty"])),
            np.nan_to_num(matchups.values["site_deviation"]),
        ),
        other_methods=_other_methods(matchups, inputs),
        atmosphere={
            name: inputs[name] for name in (*_SURFACE, AEROSOL_OPTICAL_DEPTH.name, _NEIGHBOURHOOD, *_UNCERTAINTIES)
        },
        climatology=tuple(
            REASON_SEPARATOR.join(_title(key) for key, mask in climatological.items() if mask[row])
            for row in range(len(matchups))
        ),
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
        possible = [
            name for name, keys in TIERS.items()
            if not any(math.isnan(inputs[key][row]) for key in keys) and has_model(f"{sensor}/{name}")
        ]  # fmt: skip
        best = tier or (possible or list(TIERS))[0 if possible else -1]
        names.append(f"{sensor}/{best}" if sensor else "")
    return names, {name: given.get(name.partition("/")[0]) or Model.load(name) for name in dict.fromkeys(names) if name}


def _required_inputs(model: Model) -> list[str]:
    """Inputs of a model, radiance and emissivity first."""
    names = [variable.name for variable in model.contract.atmosphere_inputs]
    known = (*NUMERIC_COLUMNS, *ON_LEVELS, GAS_YEAR.name, PROFILE_UNCERTAINTY)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"the model {model.contract.name} needs {', '.join(unknown)}, for which match-ups have no column; "
            f"give one of the tiers {', '.join(TIERS)}"
        )
    return ["radiance", "emissivity", *names]


def _column(name: str) -> str:
    """Quantity of the match-ups for an input of a model."""
    return _NEIGHBOURHOOD if name == BRIGHTNESS_TEMPERATURE.name else name


def _title(name: str) -> str:
    return "profile" if name in ON_LEVELS else name.replace("_", " ")


def _complete_inputs(matchups: Matchups, air: str) -> tuple[dict[str, Float], dict[str, Mask]]:
    """Values of the table with defaults for missing ones, and the masks of those of the climatology, by quantity."""
    values = {name: array.copy() for name, array in matchups.values.items()}
    for name in UNCERTAIN_INPUTS:  # the uncertainty of a value that is not given says nothing about the default
        values[uncertainty_name(name)][np.isnan(values[name])] = math.nan
    none = np.full(len(matchups), math.nan)
    _fill(values, "surface_pressure", pressure_at(values["elevation"]))
    values |= {name: values.get(name, none) for name in ON_LEVELS}
    values |= {GAS_YEAR.name: none.copy(), PROFILE_UNCERTAINTY: np.ones(len(matchups))}
    year = days_and_years(matchups.date)[1]
    for name, rows in _sensor_rows(matchups).items():
        planck, measured = sensor_band(name).planck, values["radiance"][rows]
        derived = np.asarray(band_radiance(values["brightness_temperature"][rows], planck))
        values["radiance"][rows] = np.where(np.isnan(measured), derived, measured)
        values["brightness_temperature"][rows] = brightness_temperature(values["radiance"][rows], planck)
        values[GAS_YEAR.name][rows] = gas_year(name, year[rows])
    _fill(values, _NEIGHBOURHOOD, values["brightness_temperature"])
    climatological = _fill_from_climatology(matchups, values)
    aerosol, spread = BACKGROUND_AEROSOL
    is_background = _fill(values, AEROSOL_OPTICAL_DEPTH.name, aerosol)
    _fill(values, uncertainty_name(AEROSOL_OPTICAL_DEPTH.name), np.where(is_background, spread, math.nan))
    for name in UNCERTAIN_INPUTS:
        _fill(values, uncertainty_name(name), default_uncertainty(name, air).at(values[name]))
    return values, climatological


def _fill(values: dict[str, Float], name: str, default: Float | float) -> Mask:
    """Replace missing values of a quantity; returns the mask of those replaced."""
    missing = np.isnan(values[name])
    values[name] = np.where(missing, default, values[name])
    return np.asarray(missing & np.isfinite(values[name]))


def _fill_from_climatology(matchups: Matchups, values: dict[str, Float]) -> dict[str, Mask]:
    """Fill in missing inputs, with their uncertainties, of rows with a place and a date; returns the masks."""
    day = days_and_years(matchups.date)[0]
    has_place = _finite(values, ("latitude", "longitude")) & np.isfinite(day)
    latitude, longitude, day = (
        np.where(has_place, part, 0.0) for part in (values["latitude"], values["longitude"], day)
    )
    mean = climatology(latitude, longitude, day)
    elevation, pressure = values["elevation"], values["surface_pressure"]
    at_elevation, at_pressure, elsewhere = (
        mean.at_elevation(elevation),
        mean.at_pressure(pressure),
        mean.at_unknown_elevation(),
    )
    masks = {}
    for name in _SURFACE:
        for part in (uncertainty_name(name), name) if name in UNCERTAIN_INPUTS else (name,):
            choices = [getattr(one, part) for one in (at_elevation, at_pressure, elsewhere)]
            known = np.where(np.isfinite(elevation), choices[0], np.where(np.isfinite(pressure), *choices[1:]))
            masks[name] = _fill(values, part, np.where(has_place & np.isnan(values[name]), known, math.nan))
    return masks


def _retrieve(model: Model, chosen: Mapping[str, Float]) -> tuple[Float, Float]:
    """Temperature and its uncertainty, as `lst-raster retrieve` computes them."""
    band = sensor_band(model.contract.sensor)
    pixels = PixelValues(chosen["radiance"], chosen["emissivity"], sensor_noise(band, band.gain), band.planck)
    inputs = {name: values for name, values in chosen.items() if name not in ("radiance", "emissivity")}
    found = retrieve_with_uncertainty(model.atmosphere, pixels, inputs, EMISSIVITY_UNCERTAINTY)
    return np.asarray(found.temperature, np.float64), np.asarray(found.uncertainty, np.float64)


def _other_methods(matchups: Matchups, inputs: Mapping[str, Float]) -> dict[str, Float]:
    methods: dict[str, Float] = {}
    names = ("radiance", "emissivity", "water_vapour")
    for sensor, sensor_rows in _sensor_rows(matchups).items():
        rows = sensor_rows & _finite(inputs, names)
        for method, values in retrieve_published(sensor, *(inputs[name][rows] for name in names)).items():
            methods.setdefault(method, np.full(len(matchups), math.nan))[rows] = values
    return {
        **methods,
        **matchups.products,
        **_given_terms(matchups, inputs),
        BRIGHTNESS: inputs["brightness_temperature"],
    }


def _given_terms(matchups: Matchups, inputs: Mapping[str, Float]) -> dict[str, Float]:
    """Temperatures by the equation with the terms of the table, such as those of USGS; empty without any. [K]"""
    names = ("radiance", "emissivity", *_TERMS)
    lst = np.full(len(matchups), math.nan)
    for sensor, sensor_rows in _sensor_rows(matchups).items():
        rows = sensor_rows & _finite(inputs, names)
        radiance, emissivity, transmittance, upwelling, downwelling = (inputs[name][rows] for name in names)
        planck = sensor_band(sensor).planck
        lst[rows] = surface_temperature(radiance, emissivity, transmittance, upwelling, downwelling, planck)
    return {GIVEN_TERMS: lst} if np.isfinite(lst).any() else {}


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _out_of_range(model: Model, chosen: Mapping[str, Float]) -> list[str]:
    notes = []
    for variable in model.contract.atmosphere_inputs:
        if variable.name not in chosen or variable.name in UNCERTAINTIES:
            continue
        low, high = variable.valid_range or (-math.inf, math.inf)
        count = int(np.count_nonzero((chosen[variable.name] < low) | (chosen[variable.name] > high)))
        if count:
            notes.append(
                f"{variable.name.replace('_', ' ')} is outside the range of {model.contract.name}, {low:g} to "
                f"{high:g}{with_unit(variable.units)}, in {_rows(count)}: it is clipped to the range"
            )
    return notes


def _reason(matchups: Matchups, row: int, missing: Sequence[str], lst: float = 0.0) -> str:
    """All reasons why a row is not compared, with the retrieved temperature if there should be one; else empty."""
    excluded = matchups.excluded[row]
    if excluded:
        return excluded if excluded == EXCLUDED else f"{EXCLUDED}: {excluded}"
    reasons = list(dict.fromkeys(f"no {name}" for name in missing))
    if not reasons and math.isnan(lst):
        reasons = ["no solution: the atmospheric radiance exceeds the measured radiance"]
    if math.isnan(matchups.values["ground_temperature"][row]):
        reasons.append(matchups.insitu_reasons[row] or "no in-situ LST")
    return REASON_SEPARATOR.join(reasons)


def _sensor_rows(matchups: Matchups) -> dict[str, Mask]:
    sensors = np.array(matchups.sensor)
    return {name: sensors == name for name in dict.fromkeys(matchups.sensor) if name}


def _finite(inputs: Mapping[str, Float], names: Iterable[str]) -> Mask:
    return np.asarray(np.logical_and.reduce([np.isfinite(inputs[name]) for name in names]))


_PLACE = "for the climatology latitude, longitude and time"
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "no sensor": "column sensor, or --sensor",
        "no radiance": "column brightness_temperature_K or radiance_W_m2_sr_um",
        "no emissivity": "column emissivity, or --emissivity",
        "no water vapour": f"column water_vapour_kg_m2, --profiles, or {_PLACE}",
        "no surface pressure": f"column surface_pressure_hPa or elevation_m, --elevation, --stations, or {_PLACE}",
        "no air temperature": f"column air_temperature_K, --stations, --profiles, or {_PLACE}",
        "no profile": "--profiles, or --tier surface",
        "no product temperature": "column usgs_lst_K or other_NAME_K",
        "no in-situ LST": "column insitu_lst_K, or --stations",
        "no UTC offset of the station": "column utc_offset_h, or --utc-offset",
        "no broadband emissivity": "column broadband_emissivity, or --broadband-emissivity",
    }
)
"""Remedies for the reasons why a row is not compared."""

_DRIEST, _MANY = 7.0, 5  # [kg m-2], rows: the largest column in cm, and the rows that are unlikely to be all so dry


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """Agreement of retrieved and in-situ temperatures."""

    table: str  # name of the table
    models: Mapping[str, int]  # number of compared rows by model
    total: int  # number of rows of the table
    compared: int
    """Number of rows with an in-situ temperature that are not excluded, and a retrieved temperature, or in rows without
    radiance that of another product."""
    left_out: Mapping[str, int]  # number of rows that are not compared by reason; a row may have several
    with_ground_uncertainty: int  # number of compared rows with an uncertainty of the in-situ temperature
    common: int  # number of compared rows for which every method has a temperature: those of `methods`
    available: Mapping[str, int]  # number of compared rows by method
    methods: Mapping[str, Agreement]
    """Agreement of the retrieval, published methods and other products with in-situ data on the common rows. [K]"""
    groups: Mapping[str, Mapping[str, Group]]
    """Agreement of the retrieval in all compared rows, by sensor, tier, inputs, site, surface type, day or night,
    season, and class of water vapour [kg m-2]; every table is empty without radiances."""
    products: Mapping[str, Mapping[str, Mapping[str, Group]]]
    """Agreement of each other product in all rows that have it, by the same groups without tier and inputs."""
    notes: tuple[str, ...]  # warnings about the table and the models

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries and numbers for JSON, None for NaN."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain


def validate(
    matchups: Matchups,
    *,
    models: Sequence[Model] = (),
    tier: str | None = None,
    air: str = REANALYSIS,
    without: Sequence[str] = (),
) -> tuple[Validation, Retrievals]:
    """Compare retrieved with in-situ temperatures; returns the statistics, and the results row by row.

    `models` are retrieval graphs, at most one for each sensor band; rows of other bands use the shipped model of
    `tier`, by default of the best tier for which they have the inputs. Rows without water vapour, air temperature or
    surface pressure have those of the climatology if they have a place and a date. `air` is the origin of the given
    ones, a key of `lst_raster.inference.uncertainty.INPUT_UNCERTAINTIES`: their uncertainty where the table has none.
    `without` are methods to omit, so that rows without their value are common rows.

    Raises InputError where no row can be compared, a method is unknown, or a model does not fit the table; ModelError
    where there is no model for a sensor band and tier.
    """
    rows = retrieve_matchups(matchups, models=models, tier=tier, air=air)
    compared = rows.compared
    reasons = _count_reasons(rows)
    if not compared.any():
        raise InputError(f"{matchups.name}: no row can be compared; {_explained(reasons, matchups)}")
    for name in without:
        if name not in rows.other_methods:
            raise InputError(f"--without {name}: there is no such method; use one of {', '.join(rows.other_methods)}")
    methods = {
        name: values
        for name, values in {LST_RASTER: rows.lst, **rows.other_methods}.items()
        if name not in without and np.isfinite(values[compared]).any()
    }
    if not methods:
        raise InputError(f"{matchups.name}: --without leaves no method to compare; leave out one of them")
    available = {name: np.isfinite(values) & compared for name, values in methods.items()}
    common = np.logical_and.reduce(list(available.values()))
    ground = matchups.values["ground_temperature"]
    return Validation(
        table=matchups.name,
        models=_count(name for name, one in zip(rows.models, compared & np.isfinite(rows.lst), strict=True) if one),
        total=len(matchups),
        compared=int(np.count_nonzero(compared)),
        left_out=reasons,
        with_ground_uncertainty=int(np.isfinite(matchups.values["ground_uncertainty"][compared]).sum()),
        common=int(np.count_nonzero(common)),
        available={name: int(np.count_nonzero(mask)) for name, mask in available.items()},
        methods={name: agreement(values[common] - ground[common]) for name, values in methods.items()},
        groups=_groups(matchups, rows),
        products=_product_groups(matchups, without),
        notes=(*rows.notes, *_warnings(matchups)),
    ), rows


def _groups(matchups: Matchups, rows: Retrievals) -> dict[str, dict[str, Group]]:
    masks = group_masks(matchups)
    tiers = [name.partition("/")[2] for name in rows.models]
    inputs = ["climatology" if names else "given" for names in rows.climatology]
    masks = {
        "all": masks.pop("all"), "sensor": masks.pop("sensor"),
        "tier": masks_by_name(tiers), "inputs": masks_by_name(inputs), **masks,
    }  # fmt: skip
    return agreement_of_groups(masks, matchups, rows.compared, rows.lst, rows.uncertainty)


def _product_groups(matchups: Matchups, without: Sequence[str]) -> dict[str, dict[str, dict[str, Group]]]:
    """Agreement of other products by name, on all rows that are not excluded."""
    masks, included = group_masks(matchups), np.array([not reason for reason in matchups.excluded], bool)
    groups = {
        name: agreement_of_groups(masks, matchups, included, lst, matchups.product_uncertainties.get(name))
        for name, lst in matchups.products.items()
        if name not in without
    }
    return {name: found for name, found in groups.items() if found["all"]}


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _count_reasons(rows: Retrievals) -> dict[str, int]:
    """Count the reasons why rows are not compared; all exclusions count as one reason."""
    reasons: list[str] = []
    for text in filter(None, rows.reasons):
        reasons += [EXCLUDED] if text.startswith(EXCLUDED) else text.split(REASON_SEPARATOR)
    return _count(reasons)


def _explained(reasons: Mapping[str, int], matchups: Matchups) -> str:
    """Reasons with their remedies, for a message."""
    parts = [
        f"{reason} in {count} of {len(matchups)} rows{f' ({REMEDIES[reason]})' if reason in REMEDIES else ''}"
        for reason, count in reasons.items()
    ]
    unknown = ", ".join(matchups.extra_columns)
    hint = f"; for unknown columns ({unknown}) add --column NAME=HEADER" if unknown else ""
    return ", ".join(parts) + hint


def _warnings(matchups: Matchups) -> list[str]:
    """Warn about unknown columns, and about water vapour that may be in centimetres."""
    notes = []
    column = matchups.values["water_vapour"]
    known = column[np.isfinite(column)]
    if known.size >= _MANY and known.max() < _DRIEST:
        notes.append(
            f"water vapour is at most {known.max():g} kg m-2 in all {known.size} rows: a very dry atmosphere, or "
            "centimetres? 1 cm is 10 kg m-2"
        )
    if matchups.extra_columns:
        notes.append(f"other columns are copied into rows.csv: {', '.join(matchups.extra_columns)}")
    return notes
