"""Atmospheric inputs of the retrieval of an array: given values, and defaults by its place, time and radiance."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from pyproj import Transformer

from lst_raster.errors import InputError
from lst_raster.inference.contract import BOTH_BANDS, UNCERTAIN_INPUTS, uncertainty_name, with_unit
from lst_raster.inference.model import Model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, InputUncertainty, default_uncertainty
from lst_raster.inputs.climatology import climatology, days_and_years
from lst_raster.inputs.fields import QUANTITIES
from lst_raster.inputs.profile_input import ON_LEVELS
from lst_raster.inputs.resolve import BACKGROUND, CLIMATOLOGY, atmosphere_input_names, gas_year
from lst_raster.physics.constants import STANDARD_PRESSURE
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.quantities import (
    AEROSOL_OPTICAL_DEPTH,
    AIR_TEMPERATURE,
    BRIGHTNESS_TEMPERATURE,
    GAS_YEAR,
    SURFACE_PRESSURE,
    WATER_VAPOUR,
    Quantity,
)
from lst_raster.resources import require
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.gases import BACKGROUND_AEROSOL
from lst_raster.xarray_api.arrays import as_array, crs_of

_LOGGER = logging.getLogger(__name__)

Value: TypeAlias = xr.DataArray | float

AIR_FROM_BRIGHTNESS = 6.0
"""Standard uncertainty of the brightness temperature of the neighbourhood as air temperature, where there is no place
for the climatology. At clear columns of analyses the air is 2.6 K warmer, with a standard deviation of 2.7 K; over land
at the hour of the overpass about as warm, with one of 5 K (`lst_raster.profiles.sampling.LAND_AT_OVERPASS`). [K]"""
_DECIMALS = 2  # of the default brightness temperature: sums in another order give the same number [K]
_SPATIAL = ("y", "x", "latitude", "longitude", "lat", "lon")  # names of dimensions
_FROM_CLIMATOLOGY = (WATER_VAPOUR, AIR_TEMPERATURE, SURFACE_PRESSURE)
_ARGUMENTS = {AEROSOL_OPTICAL_DEPTH.name: "aerosol"}  # names of arguments that differ from those of the contract
UNCERTAINTIES: Mapping[str, Quantity] = {
    uncertainty_name(name): Quantity(
        name=uncertainty_name(name), units=quantity.units, low=0.0, high=quantity.high - quantity.low,
        accepted={unit: (factor, 0.0) for unit, (factor, _) in quantity.accepted.items()},
        hint="give the standard uncertainty in the unit of the quantity",
    )
    for name, quantity in ((name, QUANTITIES[name]) for name in UNCERTAIN_INPUTS)
}  # fmt: skip
"""Standard uncertainties of inputs, by the names of the contract."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AtmosphereInput:
    """One atmospheric input of the model."""

    value: xr.DataArray  # in the unit of the contract
    origin: str  # ``given`` or ``reanalysis``, or the name of a default
    uncertainty: xr.DataArray | InputUncertainty | None = None  # None for inputs that have none
    text: str = ""  # description for the provenance


def atmosphere_inputs(
    model: Model, radiance: xr.DataArray, given: Mapping[str, Value | None], uncertainties: Mapping[str, Value],
    origin: str, from_profile: tuple[str, ...] = (),
) -> dict[str, AtmosphereInput]:  # fmt: skip
    """Atmospheric inputs of the model by name, except those from a profile; log warnings of assumed and unused ones.

    `given` has the values of the user by name, and `uncertainties` their standard uncertainties by argument; others are
    those of the `origin`, a key of `INPUT_UNCERTAINTIES`. `radiance` [W m-2 sr-1 um-1] has NaN where it is missing.
    Missing inputs are as in `retrieve_array`. Raises InputError for an impossible or missing value.
    """
    if origin not in INPUT_UNCERTAINTIES:
        raise InputError(f"origin {origin!r} is not known; give one of {', '.join(INPUT_UNCERTAINTIES)}")
    needed = [name for name in atmosphere_input_names(model) if name not in from_profile]
    if any(name in ON_LEVELS for name in needed):
        raise InputError(f"the model {model.contract.name} takes temperature and humidity on levels too; give profile")
    known = {name: value for name, value in given.items() if value is not None}
    for name in known:
        if name not in needed:
            _LOGGER.warning(f"the model {model.contract.name} takes no {name.replace('_', ' ')}: not used")
    spreads = _given_uncertainties(known, uncertainties)
    inputs = {name: _given_input(name, value, spreads.get(name), origin) for name, value in known.items()}
    time = time_of(radiance)
    if BRIGHTNESS_TEMPERATURE.name not in inputs:
        inputs[BRIGHTNESS_TEMPERATURE.name] = _neighbourhood(radiance, model.contract.sensor)
    missing = [quantity.name for quantity in _FROM_CLIMATOLOGY if quantity.name in needed]
    inputs |= _assumed([name for name in missing if name not in inputs], radiance, time, inputs)
    aerosol, spread = BACKGROUND_AEROSOL
    defaults = {
        AEROSOL_OPTICAL_DEPTH.name: _default(
            AEROSOL_OPTICAL_DEPTH, xr.DataArray(aerosol), BACKGROUND, xr.DataArray(spread)
        ),
        GAS_YEAR.name: _default(
            GAS_YEAR, _year(time, model.contract.sensor), "sensor" if time is None else "acquisition"
        ),
    }
    return {name: inputs.get(name) or defaults[name] for name in needed}


def _given_uncertainties(known: Mapping[str, Value], uncertainties: Mapping[str, Value]) -> dict[str, xr.DataArray]:
    """Standard uncertainties of given values by name, in the unit of the value."""
    if not isinstance(uncertainties, Mapping):
        raise InputError(
            f"uncertainties is of type {type(uncertainties).__name__}; give a dictionary, such as "
            "{'water_vapour': 2.0}"
        )
    names = {_ARGUMENTS.get(name, name): name for name in UNCERTAIN_INPUTS}
    for argument in uncertainties:
        if argument not in names:
            raise InputError(f"uncertainties has {argument!r}; give those of {', '.join(names)}")
        if names[argument] not in known:
            raise InputError(f"uncertainties has {argument}, but no {argument} is given; give both, or neither")
    return {
        names[argument]: as_array(UNCERTAINTIES[uncertainty_name(names[argument])], value)
        for argument, value in uncertainties.items()
    }


def _given_input(name: str, value: Value, spread: xr.DataArray | None, origin: str) -> AtmosphereInput:
    quantity, array = QUANTITIES[name], as_array(QUANTITIES[name], value)
    text = provenance(quantity, array, origin, spread)
    if name not in UNCERTAIN_INPUTS or spread is not None:
        return AtmosphereInput(value=array, origin=origin, uncertainty=spread, text=text)
    return AtmosphereInput(value=array, origin=origin, uncertainty=default_uncertainty(name, origin), text=text)


def _default(
    quantity: Quantity, value: xr.DataArray, origin: str, spread: xr.DataArray | None = None, label: str = ""
) -> AtmosphereInput:
    text = f"{label} ({origin})" if label else provenance(quantity, value, origin, spread)
    return AtmosphereInput(value=value, origin=origin, uncertainty=spread, text=text)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SecondBandArrays:
    """Arrays of the second band, as `retrieve_array` takes them."""

    sensor: str  # second sensor band
    radiance: xr.DataArray  # [W m-2 sr-1 um-1]
    emissivity: xr.DataArray  # [1]
    difference_uncertainty: xr.DataArray  # standard uncertainty of the difference of the emissivities [1]


def two_band_inputs(
    sensor: str, radiance: xr.DataArray, emissivity: xr.DataArray, second: SecondBandArrays,
    difference: xr.DataArray | None,
) -> dict[str, AtmosphereInput]:  # fmt: skip
    """Inputs of models of two bands (`BOTH_BANDS`), from means over the spatial dimensions of the radiance.

    `sensor` is the first band; `difference` is that of the brightness temperatures, None for that of the mean radiances
    of both bands. [K]
    """
    dimensions = _spatial_dimensions(radiance)
    if difference is None:
        both = _neighbourhood(radiance, sensor), _neighbourhood(second.radiance, second.sensor)
        difference = both[0].value - both[1].value
    values = (
        difference, xr.DataArray(sensor_band(second.sensor).stray_light), _mean(emissivity, dimensions),
        _mean(second.emissivity - emissivity, dimensions), _mean(second.difference_uncertainty, dimensions),
    )  # fmt: skip
    return {
        name: _default(QUANTITIES[name], value, "scene", label="" if _is_number(value) else "mean of the array")
        for name, value in zip(BOTH_BANDS, values, strict=True)
    }


def _mean(array: xr.DataArray, dimensions: list[Any]) -> xr.DataArray:
    return array.mean([name for name in dimensions if name in array.dims], dtype=np.float64)


def _spatial_dimensions(radiance: xr.DataArray) -> list[Any]:
    dimensions = [name for name in radiance.dims if str(name).lower() in _SPATIAL]
    return dimensions or list(radiance.dims[-2:] if radiance.ndim > 1 else ())


def _neighbourhood(radiance: xr.DataArray, sensor: str) -> AtmosphereInput:
    """Brightness temperature of the mean radiance over the spatial dimensions, lazy where the radiance is."""
    dimensions = _spatial_dimensions(radiance)
    mean = xr.DataArray(radiance.variable)
    if dimensions:
        if radiance.chunks is not None:
            empty = np.empty((0,) * radiance.ndim, radiance.dtype)
            mean.data = require("dask.array", "dask").from_array(
                _Recomputed(radiance.data), radiance.chunks, meta=empty
            )
        mean = mean.where((mean > 0.0) & (mean < np.inf)).mean(dimensions, dtype=np.float64)
    temperature = xr.apply_ufunc(
        partial(_rounded_temperature, sensor), mean, dask="parallelized", output_dtypes=[np.float64]
    )
    label = "of the mean radiance" if dimensions else "of the radiance"
    return _default(BRIGHTNESS_TEMPERATURE, temperature, "scene", label=label)


class _Recomputed:
    """Dask array whose parts are computed on access: chunks of which others wait for the mean would stay in memory."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> Any:
        return self._array[key].compute(scheduler="synchronous")


def _rounded_temperature(sensor: str, radiance: Any) -> Any:
    with np.errstate(all="ignore"):  # values without radiance
        return np.round(brightness_temperature(radiance, sensor_band(sensor).planck), _DECIMALS)


def _assumed(
    names: list[str], radiance: xr.DataArray, time: xr.DataArray | None, inputs: Mapping[str, AtmosphereInput]
) -> dict[str, AtmosphereInput]:
    """Missing inputs from the climatology, or without a place by assumption."""
    if not names:
        return {}
    place = place_of(radiance)
    if place is not None:
        return _from_climatology(names, place, time, inputs)
    if WATER_VAPOUR.name in names:
        raise InputError(
            "no water vapour is given, and the radiance has no coordinates for a climatology; give water_vapour, or a "
            "radiance with x, y and a coordinate system, or latitude and longitude"
        )
    assumed = {}
    if SURFACE_PRESSURE.name in names:
        _LOGGER.warning(f"no surface pressure given: {STANDARD_PRESSURE:g} hPa, that of sea level, is assumed")
        assumed[SURFACE_PRESSURE.name] = _default(SURFACE_PRESSURE, xr.DataArray(STANDARD_PRESSURE), "sea level")
    if AIR_TEMPERATURE.name in names:
        around = inputs[BRIGHTNESS_TEMPERATURE.name].value
        plus_minus = f"± {AIR_FROM_BRIGHTNESS:g} K"
        _LOGGER.warning(
            f"no air temperature given, and the radiance has no coordinates for a climatology: its brightness "
            f"temperature {plus_minus} is assumed"
        )
        assumed[AIR_TEMPERATURE.name] = _default(
            AIR_TEMPERATURE, around.clip(AIR_TEMPERATURE.low, AIR_TEMPERATURE.high), "brightness temperature",
            xr.DataArray(AIR_FROM_BRIGHTNESS), f"of the neighbourhood {plus_minus}",
        )  # fmt: skip
    return assumed


def _from_climatology(
    names: list[str], place: tuple[float, float], time: xr.DataArray | None, inputs: Mapping[str, AtmosphereInput]
) -> dict[str, AtmosphereInput]:
    """Climatology of a place [degree] and of each time, adjusted to the surface pressure if that is one number."""
    mean = climatology(*place)
    if time is not None:
        by_day = climatology(*place, days_and_years(time.values)[0])
        known = ~np.isnat(time.values)  # elsewhere the mean of the year
        mean = replace(
            mean,
            **{one.name: np.where(known, getattr(by_day, one.name), getattr(mean, one.name)) for one in fields(mean)},
        )
    pressure = inputs.get(SURFACE_PRESSURE.name)
    if pressure is not None and _is_number(pressure.value):
        mean = mean.at_pressure(float(pressure.value))
    else:
        mean = mean.at_unknown_elevation()
    found, values = {}, []
    for quantity in (QUANTITIES[name] for name in names):
        value = np.maximum(np.round(getattr(mean, quantity.name), 1), 0.1)  # as in a retrieval of a scene
        spread = getattr(mean, uncertainty_name(quantity.name)) if quantity.name in UNCERTAIN_INPUTS else None
        found[quantity.name] = _default(
            quantity, _along(time, value), CLIMATOLOGY, None if spread is None else _along(time, spread)
        )
        span = f"{value:g}" if not value.ndim else f"{value.min():g} to {value.max():g}"
        values.append(f"{quantity.title} {span} {quantity.units}")
    unknown = "an unknown date (annual mean)"
    season = unknown if time is None else str(np.nanmin(time.values).astype("datetime64[D]"))
    season += f" and {time.size - 1} other times" if time is not None and time.size > 1 else ""
    if time is not None and (missing := np.isnat(time.values).sum()):
        season += f", {missing} of them {unknown}"
    _LOGGER.warning(
        f"no {', '.join(QUANTITIES[name].title for name in names)} given: climatology of latitude {place[0]:.1f}, "
        f"longitude {place[1]:.1f} and {season}: {', '.join(values)}"
    )
    return found


def _along(time: xr.DataArray | None, values: Any) -> xr.DataArray:
    """Array of the dimensions of the time, without coordinates."""
    return xr.DataArray(values, dims=() if time is None else time.dims)


def _year(time: xr.DataArray | None, sensor: str) -> xr.DataArray:
    return _along(time, gas_year(sensor, np.nan if time is None else days_and_years(time.values)[1]))


def time_of(radiance: xr.DataArray) -> xr.DataArray | None:
    """Times of acquisition by the coordinate ``time``, NaT for unknown ones; None if all are."""
    time = radiance.coords.get("time")
    known = time is not None and time.dtype.kind == "M" and not np.isnat(time.values).all()
    return time if known else None


def place_of(radiance: xr.DataArray) -> tuple[float, float] | None:
    """Latitude and longitude of the centre of an array [degree], None where its coordinates are unknown."""

    def centre(name: str) -> float | None:
        values = radiance.coords.get(name)
        if values is None or values.dims not in ((), (name,)) or values.dtype.kind not in "fiu" or not values.size:
            return None
        numbers = values.values
        if name in ("longitude", "lon"):  # nearer together across the date line, or across the meridian of Greenwich
            numbers = min(numbers, numbers % 360.0, key=np.ptp)
        return 0.5 * (float(numbers.min()) + float(numbers.max()))

    for names in (("latitude", "longitude"), ("lat", "lon")):
        latitude, longitude = map(centre, names)
        if latitude is not None and longitude is not None:
            return latitude, (longitude + 180.0) % 360.0 - 180.0
    crs, x, y = crs_of(radiance), centre("x"), centre("y")
    if crs is None or x is None or y is None:
        return None
    longitude, latitude = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    return (latitude, longitude) if np.isfinite([latitude, longitude]).all() else None


def provenance(quantity: Quantity, value: xr.DataArray, origin: str, spread: xr.DataArray | None = None) -> str:
    """Name of an array, or the number, with its uncertainty if that is a number, and its origin."""
    units = with_unit(quantity.units)
    label = f"{float(value):g}{units}" if _is_number(value) else value.name or "array"
    plus_minus = f" ± {float(spread):.2g}{units}" if spread is not None and _is_number(spread) else ""
    return f"{label}{plus_minus} ({origin})"


def _is_number(value: xr.DataArray) -> bool:
    return not value.ndim and value.chunks is None
