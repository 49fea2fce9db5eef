"""Land surface temperature of arrays, in memory or in chunks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster import __version__
from lst_raster.errors import InputError, ModelError
from lst_raster.inference.contract import GRAPHS, UNCERTAIN_INPUTS, uncertainty_name
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import GIVEN, KNOWN_DIFFERENCE_UNCERTAINTY, default_uncertainty
from lst_raster.inputs.emissivity.source import UNCERTAINTY as EMISSIVITY_UNCERTAINTY
from lst_raster.inputs.emissivity.tables import relation_to_first
from lst_raster.inputs.profile_input import ON_LEVELS
from lst_raster.inputs.reanalysis.over_scene import ORIGIN
from lst_raster.inputs.reanalysis.products import ON_LEVELS as LEVEL_VARIABLES
from lst_raster.inputs.resolve import atmosphere_input_names
from lst_raster.physics.quantities import (
    AEROSOL_OPTICAL_DEPTH,
    BRIGHTNESS_TEMPERATURE,
    BRIGHTNESS_TEMPERATURE_DIFFERENCE,
    EMISSIVITY,
    EMISSIVITY_DIFFERENCE_UNCERTAINTY,
    RADIANCE,
    SPECIFIC_HUMIDITY,
    SURFACE_PRESSURE,
    TEMPERATURE,
    Quantity,
)
from lst_raster.reading import text_of
from lst_raster.resources import models_path
from lst_raster.retrieval.inversion import Sensor, both_sensors
from lst_raster.retrieval.retrieve import EQUATION, model_provenance
from lst_raster.sensors.bands import SensorBand, second_band, sensor_band
from lst_raster.xarray_api.arrays import align_arrays, as_array
from lst_raster.xarray_api.atmosphere_inputs import (
    SecondBandArrays,
    atmosphere_inputs,
    provenance,
    two_band_inputs,
)
from lst_raster.xarray_api.attributes import (
    CONVENTIONS,
    LST_ATTRIBUTES,
    TERM_ATTRIBUTES,
    UNCERTAINTY_ATTRIBUTES,
    acquisition,
    ancillary,
)
from lst_raster.xarray_api.blocks import LST, OUTSIDE_RANGE, TERMS, UNCERTAINTY, Recipe, reset_warnings, solve_block

_LOGGER = logging.getLogger(__name__)

_FROM_PROFILE = ("water_vapour", "air_temperature", *ON_LEVELS)  # inputs that can be computed from a profile
_GRID_MAPPING = "spatial_ref"  # name of the coordinate of the coordinate system, as in rioxarray
_SPREAD = Quantity(
    name="emissivity_uncertainty", units="1", low=0.0, high=0.5, accepted={"1": (1.0, 0.0)}, hint="give a fraction"
)  # fmt: skip


def retrieve_array(
    radiance: xr.DataArray, emissivity: xr.DataArray | float, water_vapour: xr.DataArray | float | None = None, *,
    sensor: str, air_temperature: xr.DataArray | float | None = None,
    surface_pressure: xr.DataArray | float | None = None, aerosol: xr.DataArray | float | None = None,
    brightness_temperature: xr.DataArray | float | None = None, profile: xr.Dataset | None = None,
    origin: str = GIVEN, uncertainties: Mapping[str, xr.DataArray | float] = MappingProxyType({}),
    emissivity_uncertainty: xr.DataArray | float = EMISSIVITY_UNCERTAINTY,
    second_radiance: xr.DataArray | None = None, second_emissivity: xr.DataArray | float | None = None,
    difference_uncertainty: xr.DataArray | float | None = None,
    brightness_temperature_difference: xr.DataArray | float | None = None, model: Model | str | Path | None = None,
    uncertainty: bool = True, terms: bool = False,
) -> xr.Dataset:  # fmt: skip
    """Retrieve the land surface temperature of an array of radiances.

    The values are those of `retrieve` with ``exact=True``: the model runs at every pixel (once where no atmosphere
    input varies), and the equation is solved in pieces of limited size. Arrays are combined by the names of their
    dimensions. If one of them has dask chunks the result is lazy; else it is in memory, and dask is not needed.

    Missing water vapour, air temperature and surface pressure are those of the climatology, with their uncertainty and
    a warning, for the centre of the array and the times of its coordinate ``time``; without a time for the mean of the
    year. The place is that of coordinates ``x`` and ``y`` with a coordinate system as in rioxarray, or of ``latitude``
    and ``longitude``. The year of the trace gases is that of the time, else the middle of the sensor's operation.

    Parameters
    ----------
    radiance : DataArray
        At-sensor radiance, NaN where missing. [W m-2 sr-1 um-1]
    emissivity : DataArray or float
        Surface emissivity in the band. [1]
    water_vapour : DataArray or float, optional
        Water vapour column, to which the humidity of a profile is scaled; by default that of the profile, else of the
        climatology. [kg m-2]
    sensor : str
        Sensor band, for example ``landsat8-b10``.
    air_temperature : DataArray or float, optional
        Air temperature 2 m above the ground; by default that of the profile, else of the climatology, and without a
        place `brightness_temperature` with a standard uncertainty of 6 K. [K]
    surface_pressure : DataArray or float, optional
        Air pressure at the ground; by default that of the climatology, and without a place that of sea level, which is
        wrong for high ground. [hPa]
    aerosol : DataArray or float, optional
        Absorption optical depth of aerosol at 11 um; by default 0.02 with a standard uncertainty of 0.015. [1]
    brightness_temperature : DataArray or float, optional
        Brightness temperature at the sensor of the clear neighbourhood of the pixels, some 30 km; by default that of
        the mean radiance over the dimensions ``y`` and ``x`` (or latitude and longitude, else the last two), and of
        each radiance in arrays of one other dimension. [K]
    profile : Dataset, optional
        Temperature ``t`` [K] and specific humidity ``q`` [kg kg-1] along a dimension of pressure [hPa], and any other
        dimensions; with it the tier is ``profile``, without it ``surface``.
    origin : str
        Origin of the given atmosphere inputs, which determines their uncertainty: ``given`` (a sounding or a station
        nearby) or ``reanalysis``.
    uncertainties : mapping of str to DataArray or float
        Standard uncertainties of given inputs instead of those of the origin, by argument, in the unit of the input:
        ``{"water_vapour": 2.0, "air_temperature": 1.5, "aerosol": 0.03}``.
    emissivity_uncertainty : DataArray or float
        Standard uncertainty of the emissivity. [1]
    second_radiance : DataArray, optional
        At-sensor radiance of the second thermal band, of Landsat 8 and 9: both bands are used, which halves the error,
        and the tier is ``dual`` or ``dual-profile``. [W m-2 sr-1 um-1]
    second_emissivity : DataArray or float, optional
        Surface emissivity in the second band; by default from that in the first, by a relation of spectra. [1]
    difference_uncertainty : DataArray or float, optional
        Standard uncertainty of the difference of both emissivities; by default 0.005 for a given `second_emissivity`,
        and 0.007 for that of the relation. [1]
    brightness_temperature_difference : DataArray or float, optional
        Brightness temperature of the first less the second band, of the clear neighbourhood of the pixels; by default
        that of the mean radiances of both. [K]
    model : Model, str or path, optional
        The model, its name or its path, instead of the shipped one.
    uncertainty : bool
        Whether to compute the uncertainty.
    terms : bool
        Whether to return the terms of the atmosphere, and a mask of inputs outside the model's valid range.

    Returns
    -------
    Dataset
        ``lst`` and ``lst_uncertainty`` [K], float32, NaN where there is no temperature; with `terms` ``transmittance``
        [1], ``upwelling_radiance`` and ``downwelling_radiance`` [W m-2 sr-1 um-1], and with both ``outside_range``.
        Coordinates and coordinate system are those of `radiance`; the attributes are the provenance.

    Raises
    ------
    InputError
        An input is impossible, or water vapour is missing and there is no place; for values in chunks when they are
        computed.
    GridMismatchError
        Arrays differ along a shared dimension, or have different coordinate systems.
    ModelError, UnknownSensorError
        There is no such model, it is for another sensor band, or there is no such band.
    """
    if not isinstance(radiance, xr.DataArray):
        raise InputError(f"radiance is of type {type(radiance).__name__}; give an xarray.DataArray")
    given = {
        "water_vapour": water_vapour, "air_temperature": air_temperature, "surface_pressure": surface_pressure,
        AEROSOL_OPTICAL_DEPTH.name: aerosol, BRIGHTNESS_TEMPERATURE.name: brightness_temperature,
    }  # fmt: skip
    levels = None if profile is None else _as_profile(profile)
    tiers = ("surface", "profile") if second_radiance is None else ("dual", "dual-profile")
    chosen = _choose_model(sensor, model, tiers[levels is not None])
    from_profile = _inputs_from_profile(chosen, given) if levels is not None else ()
    levels = levels if from_profile else None
    arrays = {
        "radiance": as_array(RADIANCE, radiance), "emissivity": as_array(EMISSIVITY, emissivity),
        _SPREAD.name: as_array(_SPREAD, emissivity_uncertainty),
    }  # fmt: skip
    second, of_second = None, (second_emissivity, difference_uncertainty, brightness_temperature_difference)
    if second_radiance is None and any(one is not None for one in of_second):
        raise InputError("values of the second band are given without its radiance; give second_radiance too")
    if chosen.contract.has_two_bands:
        second = _second_band(chosen, arrays["emissivity"], second_radiance, second_emissivity, difference_uncertainty)
        # A difference needs both bands: means are over the pixels that have them.
        first, other = align_arrays({"radiance": arrays["radiance"], "second_radiance": second.radiance})
        is_known = first.notnull() & other.notnull()
        arrays["radiance"], second = first.where(is_known), replace(second, radiance=other.where(is_known))
        arrays |= {
            "second_radiance": second.radiance, "second_emissivity": second.emissivity,
            "difference_uncertainty": second.difference_uncertainty,
        }  # fmt: skip
    elif second_radiance is not None:
        raise ModelError(f"the model {chosen.contract.name} uses one thermal band; leave out second_radiance")
    atmosphere = atmosphere_inputs(chosen, arrays["radiance"], given, uncertainties, origin, from_profile)
    if second is not None:
        given_difference = brightness_temperature_difference
        atmosphere |= two_band_inputs(
            chosen.contract.sensor, arrays["radiance"], arrays["emissivity"], second,
            None if given_difference is None else as_array(BRIGHTNESS_TEMPERATURE_DIFFERENCE, given_difference),
        )  # fmt: skip
    fields = {name: part.value for name, part in atmosphere.items()}
    known = {name: default_uncertainty(name, ORIGIN) for name in UNCERTAIN_INPUTS if name in from_profile}
    for name, part in atmosphere.items():
        if isinstance(part.uncertainty, xr.DataArray):
            fields[uncertainty_name(name)] = part.uncertainty
        elif part.uncertainty is not None:
            known[name] = part.uncertainty
    arrays |= fields
    if levels:
        arrays |= zip(("profile t", "profile q"), levels.parts, strict=True)
    aligned = align_arrays(arrays)
    outputs = (LST, *([UNCERTAINTY] if uncertainty else []), *(TERMS if terms else []))
    outputs += (OUTSIDE_RANGE,) if uncertainty and terms else ()
    band = sensor_band(chosen.contract.sensor)
    shipped = models_path() / chosen.contract.name / GRAPHS["retrieval"]  # a path differs between machines
    is_shipped = chosen.path.resolve() == shipped.resolve()
    recipe = Recipe(
        model=chosen.contract.name if is_shipped else str(chosen.path), digest=chosen.digest,
        fields=tuple(fields), uncertainties=tuple(known.items()), pressures=levels.pressures if levels else (),
        from_profile=from_profile,
        scales_humidity="water_vapour" in fields and any(name in ON_LEVELS for name in from_profile),
        checks_vapour=water_vapour is not None,
        sensors=_sensors(band, second),
        outputs=outputs,
        warns_once=any(array.chunks is not None for array in aligned),
    )  # fmt: skip
    attributes = {
        "Conventions": CONVENTIONS, "equation": EQUATION, "lst_raster_version": __version__,
        "input": str(radiance.name or "array"), "sensor": chosen.contract.sensor,
        "calibration": "none: radiance was given", **acquisition(radiance.coords), **model_provenance(chosen),
        "emissivity": provenance(EMISSIVITY, arrays["emissivity"], "given"),
        **({"profile": f"{len(levels.pressures)} levels ({ORIGIN})"} if levels else {}),
        **{name: part.text for name, part in atmosphere.items()},
    }  # fmt: skip
    return _dataset(_apply(recipe, aligned, levels), radiance, attributes)


def _choose_model(sensor: str, model: Model | str | Path | None, tier: str) -> Model:
    name = sensor_band(sensor).name
    if model is None:
        model = f"{name}/{tier}"
        if not has_model(model):
            raise ModelError(f"there is no model {model}; give one with model, or train it: lst-raster train")
    chosen = model if isinstance(model, Model) else Model.load(model)
    if chosen.contract.sensor != name:
        raise ModelError(f"the model {chosen.contract.name} is for {chosen.contract.sensor}, not for {name}")
    return chosen


def _sensors(band: SensorBand, second: SecondBandArrays | None) -> tuple[Sensor, ...]:
    if second is None:
        return both_sensors(band, band.gain)
    other = sensor_band(second.sensor)
    return both_sensors(band, band.gain, other.gain, other.stray_light)


def _second_band(
    model: Model, emissivity: xr.DataArray, radiance: xr.DataArray | None, given: xr.DataArray | float | None,
    uncertainty: xr.DataArray | float | None,
) -> SecondBandArrays:  # fmt: skip
    """Arrays of the second band; `given` is its emissivity, and `uncertainty` that of the difference."""
    other = second_band(model.contract.sensor)
    if radiance is None or other is None:
        raise ModelError(f"the model {model.contract.name} uses both thermal bands; give second_radiance")
    if not isinstance(radiance, xr.DataArray):
        raise InputError(f"second_radiance is of type {type(radiance).__name__}; give an xarray.DataArray")
    relation = relation_to_first(other.name)
    known = KNOWN_DIFFERENCE_UNCERTAINTY if given is not None else relation.uncertainty
    second = relation.second(emissivity) if given is None else as_array(EMISSIVITY, given)
    return SecondBandArrays(
        sensor=other.name,
        radiance=as_array(RADIANCE, radiance),
        emissivity=second.astype(np.float64),
        difference_uncertainty=as_array(
            EMISSIVITY_DIFFERENCE_UNCERTAINTY, known if uncertainty is None else uncertainty
        ),
    )


def _inputs_from_profile(model: Model, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the inputs of the model that the profile provides: those on levels, and others that are not given."""
    names = tuple(name for name in atmosphere_input_names(model) if name in _FROM_PROFILE and given.get(name) is None)
    if not names:
        _LOGGER.warning(f"the model {model.contract.name} has no input from the profile: not used")
    return names


def _apply(recipe: Recipe, arrays: list[xr.DataArray], levels: _Profile | None) -> dict[str, xr.DataArray]:
    reset_warnings(recipe)
    dimension = levels.dimension if levels else None
    found = xr.apply_ufunc(
        partial(solve_block, recipe),
        *arrays,
        input_core_dims=[(dimension,) if levels and dimension in array.dims else () for array in arrays],
        output_core_dims=[()] * len(recipe.outputs),
        output_dtypes=[np.bool_ if name == OUTSIDE_RANGE else np.float32 for name in recipe.outputs],
        dask="parallelized",
        join="exact",
        keep_attrs="override",  # also of coordinates: the coordinate system is in attributes
    )
    return dict(zip(recipe.outputs, found if len(recipe.outputs) > 1 else (found,), strict=True))


def _dataset(found: Mapping[str, xr.DataArray], radiance: xr.DataArray, attributes: Mapping[str, str]) -> xr.Dataset:
    """Add attributes, and the coordinates and the name of the coordinate system of the radiance."""
    of_variables = {
        LST: {**LST_ATTRIBUTES, **(ancillary(UNCERTAINTY) if UNCERTAINTY in found else {})},
        UNCERTAINTY: UNCERTAINTY_ATTRIBUTES,
        **TERM_ATTRIBUTES,
    }
    mapping = radiance.encoding.get("grid_mapping", radiance.attrs.get("grid_mapping", _GRID_MAPPING))
    variables = {}
    for name, array in found.items():
        variables[name] = array.copy(deep=False)
        variables[name].attrs = dict(of_variables[name])
        variables[name].encoding = {"grid_mapping": mapping} if mapping in radiance.coords else {}
    return xr.Dataset(variables, attrs=attributes).assign_coords(radiance.coords)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Profile:
    """Temperature and humidity on pressure levels."""

    dimension: Any  # of the levels
    pressures: tuple[float, ...]  # levels, increasing [hPa]
    parts: list[xr.DataArray]  # temperature [K] and specific humidity [kg kg-1] in the order of the levels


def _as_profile(given: xr.Dataset) -> _Profile:
    """Read a profile from a dataset.

    It has temperature (``t``, ``temperature``) and specific humidity (``q``, ``specific_humidity``), with a common
    dimension of pressure, in hPa unless it has units; InputError where something is missing.
    """
    if not isinstance(given, xr.Dataset):
        raise InputError(f"profile is of type {type(given).__name__}; give an xarray.Dataset with t and q")
    arrays = []
    for quantity in (TEMPERATURE, SPECIFIC_HUMIDITY):
        found = [name for name in given.data_vars if LEVEL_VARIABLES.get(str(name).lower()) is quantity]
        if len(found) != 1:
            names = ", ".join(map(str, given.data_vars)) or "nothing"
            raise InputError(f"profile holds {names}; give a dataset with t and q, temperature and specific humidity")
        arrays.append(given[found[0]])
    dimension, pressures = _find_levels(*arrays)
    order = np.argsort(pressures)
    parts = []
    for quantity, array in zip((TEMPERATURE, SPECIFIC_HUMIDITY), arrays, strict=True):
        part = as_array(quantity, array).isel({dimension: order})
        parts.append(part if part.chunks is None else part.chunk({dimension: -1}))
    return _Profile(dimension=dimension, pressures=tuple(map(float, pressures[order])), parts=parts)


def _find_levels(temperature: xr.DataArray, humidity: xr.DataArray) -> tuple[Any, NDArray[np.float64]]:
    """Find the dimension of the levels and their pressures. [hPa]"""
    for dimension in temperature.dims:
        if dimension in humidity.dims and dimension in temperature.coords:
            pressures = _pressures(temperature.coords[dimension])
            if pressures is not None:
                return dimension, pressures
    raise InputError(
        f"temperature and humidity of the profile have the dimensions {', '.join(map(str, temperature.dims))} and "
        f"{', '.join(map(str, humidity.dims))}; one must be levels of pressure, with a coordinate in hPa or Pa"
    )


def _pressures(levels: xr.DataArray) -> NDArray[np.float64] | None:
    """Convert a dimension's coordinate to pressures [hPa]; None where it is another quantity."""
    if levels.dtype.kind not in "iuf" or levels.size < 2:
        return None
    units = str(text_of(levels.attrs.get("units", ""))).strip()
    named = any(part in str(levels.name).lower() for part in ("pres", "level", "lev", "isobaric"))
    conversion = SURFACE_PRESSURE.conversion(units or "hPa")
    if conversion is None or not (units or named):
        return None
    pressures = np.asarray(levels.values * conversion[0], np.float64)
    possible = (pressures > 0.0).all() and pressures.max() <= SURFACE_PRESSURE.high
    return pressures if possible and np.unique(pressures).size == pressures.size else None
