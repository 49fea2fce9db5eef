"""Land surface temperature of arrays, in memory or in chunks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS

from lst_raster import __version__
from lst_raster.errors import GridMismatchError, InputError, ModelError
from lst_raster.inference.contract import GRAPHS
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import INPUT_ERROR_BY_ORIGIN, INPUT_UNCERTAINTIES
from lst_raster.inputs.emissivity.source import UNCERTAINTY as EMISSIVITY_UNCERTAINTY
from lst_raster.inputs.fields import INPUT_ERRORS, QUANTITIES
from lst_raster.inputs.profile_input import ON_LEVELS
from lst_raster.inputs.reanalysis.over_scene import ORIGIN
from lst_raster.inputs.reanalysis.products import ON_LEVELS as LEVEL_VARIABLES
from lst_raster.inputs.resolve import CLIMATOLOGY, atmosphere_input_names
from lst_raster.physics.constants import STANDARD_PRESSURE
from lst_raster.physics.quantities import (
    EMISSIVITY,
    RADIANCE,
    SPECIFIC_HUMIDITY,
    SURFACE_PRESSURE,
    TEMPERATURE,
    Quantity,
)
from lst_raster.reading import text_of
from lst_raster.resources import models_path
from lst_raster.retrieval.inversion import sensor_noise
from lst_raster.retrieval.retrieve import EQUATION, model_provenance
from lst_raster.sensors.bands import sensor_band
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
    radiance: xr.DataArray, emissivity: xr.DataArray | float, water_vapour: xr.DataArray | float | None, *, sensor: str,
    air_temperature: xr.DataArray | float | None = None, surface_pressure: xr.DataArray | float | None = None,
    profile: xr.Dataset | None = None, origin: str = "given",
    emissivity_uncertainty: xr.DataArray | float = EMISSIVITY_UNCERTAINTY, model: Model | str | Path | None = None,
    uncertainty: bool = True, terms: bool = False,
) -> xr.Dataset:  # fmt: skip
    """Retrieve the land surface temperature of an array of radiances.

    The values are those of `retrieve` with ``exact=True``: the model runs at every pixel (once where no atmosphere
    input varies), and the equation is solved in pieces of limited size. Arrays are combined by the names of their
    dimensions. If one of them has dask chunks the result is lazy; else it is in memory, and dask is not needed.

    Parameters
    ----------
    radiance : DataArray
        At-sensor radiance, NaN where missing. [W m-2 sr-1 um-1]
    emissivity : DataArray or float
        Surface emissivity in the band. [1]
    water_vapour : DataArray, float or None
        Water vapour column, to which the humidity of a profile is scaled; None uses that of the profile. [kg m-2]
    sensor : str
        Sensor band, for example ``landsat8-b10``.
    air_temperature : DataArray or float, optional
        Air temperature 2 m above the ground; with it the tier is ``surface``, without it ``column``. [K]
    surface_pressure : DataArray or float, optional
        Air pressure at the ground; by default that of sea level, which is wrong for high ground. [hPa]
    profile : Dataset, optional
        Temperature ``t`` [K] and specific humidity ``q`` [kg kg-1] along a dimension of pressure [hPa], and any other
        dimensions; with it the tier is ``profile``. It also provides the air temperature if that is not given.
    origin : str
        Origin of the atmosphere inputs, which determines their uncertainty: ``given`` (a sounding or a station nearby),
        ``reanalysis`` or ``climatology``.
    emissivity_uncertainty : DataArray or float
        Standard uncertainty of the emissivity. [1]
    model : Model, str or path, optional
        The model, its name or its path, instead of the shipped one.
    uncertainty : bool
        Whether to compute the uncertainty, for which the model runs several times.
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
        An input is impossible; for values in chunks when they are computed.
    GridMismatchError
        Arrays differ along a shared dimension, or have different coordinate systems.
    ModelError, UnknownSensorError
        There is no such model, it is for another sensor band, or there is no such band.
    """
    if not isinstance(radiance, xr.DataArray):
        raise InputError(f"radiance is of type {type(radiance).__name__}; give an xarray.DataArray")
    given = {"water_vapour": water_vapour, "air_temperature": air_temperature, "surface_pressure": surface_pressure}
    levels = None if profile is None else _as_profile(profile)
    tier = "profile" if levels else "surface" if air_temperature is not None else "column"
    chosen = _choose_model(sensor, model, tier)
    from_profile = _inputs_from_profile(chosen, given) if levels is not None else ()
    levels = levels if from_profile else None
    atmosphere, origins = _atmosphere_inputs(chosen, given, from_profile, origin)
    arrays = {
        "radiance": _as_array(RADIANCE, radiance), "emissivity": _as_array(EMISSIVITY, emissivity),
        _SPREAD.name: _as_array(_SPREAD, emissivity_uncertainty), **atmosphere,
    }  # fmt: skip
    if levels:
        arrays |= zip(("profile t", "profile q"), levels.parts, strict=True)
    aligned = _align_arrays(arrays)
    outputs = (LST, *([UNCERTAINTY] if uncertainty else []), *(TERMS if terms else []))
    outputs += (OUTSIDE_RANGE,) if uncertainty and terms else ()
    band = sensor_band(chosen.contract.sensor)
    has_input_error = any(variable.name == INPUT_ERRORS.name for variable in chosen.contract.atmosphere_inputs)
    shipped = models_path() / chosen.contract.name / GRAPHS["retrieval"]  # a path differs between machines
    is_shipped = chosen.path.resolve() == shipped.resolve()
    all_origins = [*origins.values(), *([ORIGIN] if levels else [])]
    recipe = Recipe(
        model=chosen.contract.name if is_shipped else str(chosen.path), digest=chosen.digest,
        fields=tuple(origins), origins=tuple(origins.values()), pressures=levels.pressures if levels else (),
        from_profile=from_profile,
        scales_humidity="water_vapour" in origins and any(name in ON_LEVELS for name in from_profile),
        input_error=max(INPUT_ERROR_BY_ORIGIN[name] for name in all_origins) if has_input_error else None,
        noise=sensor_noise(band, band.gain), outputs=outputs,
        warns_once=any(array.chunks is not None for array in aligned),
    )  # fmt: skip
    attributes = {
        "Conventions": CONVENTIONS, "equation": EQUATION, "lst_raster_version": __version__,
        "input": str(radiance.name or "array"), "sensor": chosen.contract.sensor,
        "calibration": "none: radiance was given", **acquisition(radiance.coords), **model_provenance(chosen),
        "emissivity": _provenance(emissivity, "given", EMISSIVITY),
    }  # fmt: skip
    if levels:
        attributes["profile"] = f"{len(levels.pressures)} levels ({ORIGIN})"
    for name, source in origins.items():
        value, text = (STANDARD_PRESSURE, "sea level") if given[name] is None else (given[name], source)
        attributes[name] = _provenance(value, text, QUANTITIES[name])
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


def _inputs_from_profile(model: Model, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the inputs of the model that the profile provides: those on levels, and others that are not given."""
    names = tuple(name for name in atmosphere_input_names(model) if name in _FROM_PROFILE and given.get(name) is None)
    if not names:
        _LOGGER.warning(f"the model {model.contract.name} has no input from the profile: not used")
    return names


def _atmosphere_inputs(
    model: Model, given: Mapping[str, Any], from_profile: tuple[str, ...], origin: str
) -> tuple[dict[str, xr.DataArray], dict[str, str]]:
    """Select the model's other atmosphere inputs and their origins; warn of assumed and of unused ones."""
    if origin not in INPUT_UNCERTAINTIES:
        raise InputError(f"origin {origin!r} is not known; give one of {', '.join(INPUT_UNCERTAINTIES)}")
    needed = [name for name in atmosphere_input_names(model) if name not in from_profile]
    missing = [name.replace("_", " ") for name in needed if given.get(name) is None and name != "surface_pressure"]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise InputError(f"the model {model.contract.name} takes {some} too; give it, or another model")
    for name, value in given.items():
        if value is not None and name not in needed:
            _LOGGER.warning(f"the model {model.contract.name} takes no {name.replace('_', ' ')}: not used")
    values = {name: given[name] for name in needed}
    if values.get("surface_pressure", 0) is None:
        _LOGGER.warning(f"no surface pressure given: {STANDARD_PRESSURE:g} hPa, that of sea level, is assumed")
        values["surface_pressure"] = STANDARD_PRESSURE
    origins = {name: CLIMATOLOGY if given[name] is None else origin for name in needed}
    return {name: _as_array(QUANTITIES[name], value) for name, value in values.items()}, origins


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


def _provenance(value: Any, origin: str, quantity: Quantity) -> str:
    """Name of an array, or the number with its unit, and its origin."""
    units = "" if quantity.units == "1" else f" {quantity.units}"
    label = (value.name or "array") if isinstance(value, xr.DataArray) else f"{float(value):g}{units}"
    return f"{label} ({origin})"


def _as_array(quantity: Quantity, value: Any) -> xr.DataArray:
    """Convert a number or an array to the quantity's unit; lazy arrays stay lazy.

    The attribute ``units`` of an array is applied, and its ``_FillValue`` becomes NaN. Raises InputError: the value is
    neither, its unit is unknown, the array is not decoded, or the number is impossible.
    """
    if not isinstance(value, xr.DataArray):
        number = _number(quantity, value)
        quantity.check(number, quantity.title)
        return xr.DataArray(np.float32(number))
    if value.dtype.kind not in "fiu":
        raise InputError(f"{quantity.title} holds {value.dtype} values; give an array of real numbers")
    scale, offset = value.attrs.get("scale_factor", 1.0), value.attrs.get("add_offset", 0.0)
    if (scale, offset) != (1.0, 0.0):
        raise InputError(
            f"{quantity.title} has the attributes scale_factor {scale:g} and add_offset {offset:g}, so its numbers are "
            "not decoded; open it with mask_and_scale=True, or delete the attributes if they are"
        )
    fill = value.attrs.get("_FillValue", value.attrs.get("missing_value"))
    if fill is not None and np.ndim(fill) == 0 and np.isfinite(fill):
        value = value.where(value != fill)
    units = text_of(value.attrs.get("units"))
    factor, offset = quantity.require_conversion(None if units is None else str(units), quantity.title)
    converted: xr.DataArray = value if (factor, offset) == (1.0, 0.0) else value * factor + offset
    return converted


def _number(quantity: Quantity, value: Any) -> float:
    given = "a text" if isinstance(value, str) else f"of type {type(value).__name__}"
    if isinstance(value, str) or np.ndim(value):
        units = "" if quantity.units == "1" else f" in {quantity.units}"
        raise InputError(
            f"{quantity.title} is {given}; give a number{units}, or an xarray.DataArray with named dimensions"
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{quantity.title} is {given}; give a number or an xarray.DataArray") from None


def _align_arrays(arrays: Mapping[str, xr.DataArray]) -> list[xr.DataArray]:
    """Require that named arrays share a grid, the first being the reference, and unify their chunks if any has some.

    Raises GridMismatchError: along a shared dimension two differ in size or coordinates, or their coordinate systems
    differ.
    """
    (first, reference), *others = arrays.items()
    expected_crs = _crs(reference)
    seen = dict.fromkeys(reference.dims, (first, reference))
    for name, array in others:
        for dimension in array.dims:
            seen_name, seen_array = seen.setdefault(dimension, (name, array))
            same = seen_array.sizes[dimension] == array.sizes[dimension]
            if same and dimension in seen_array.indexes and dimension in array.indexes:
                same = seen_array.indexes[dimension].equals(array.indexes[dimension])
            if not same:
                raise GridMismatchError(
                    f"{name} has along {dimension} {_extent(array, dimension)}, {seen_name} "
                    f"{_extent(seen_array, dimension)}; regrid it with {name}.rio.reproject_match({seen_name}) or "
                    f"{name}.interp_like({seen_name})"
                )
        crs = _crs(array)
        if expected_crs is not None and crs is not None and expected_crs != crs:
            raise GridMismatchError(
                f"{name} is in {crs.name}, {first} in {expected_crs.name}; regrid it with "
                f"{name}.rio.reproject_match({first})"
            )
    return _same_chunks(list(arrays.values()))


def _extent(array: xr.DataArray, dimension: Any) -> str:
    count = array.sizes[dimension]
    if dimension not in array.indexes or not count:
        return f"{count} values"
    values = array.indexes[dimension]
    return f"{count} values from {values[0]} to {values[-1]}"


def _crs(array: xr.DataArray) -> CRS | None:
    """Coordinate system as rioxarray stores it, without loading rioxarray."""
    for coordinate in array.coords.values():
        if not coordinate.ndim and coordinate.attrs.get("crs_wkt"):
            return CRS.from_user_input(coordinate.attrs["crs_wkt"])
    return None


def _same_chunks(arrays: list[xr.DataArray]) -> list[xr.DataArray]:
    """Cut arrays in memory into the chunks of the others: else work on them would be done at once."""
    chunks: dict[Any, tuple[int, ...]] = {}
    for array in arrays:
        chunks = {**array.chunksizes, **chunks}
    if not chunks:
        return arrays
    cut = []
    for array in arrays:
        if array.ndim and array.chunks is None:
            array = array.chunk({dimension: chunks[dimension] for dimension in array.dims if dimension in chunks})
        cut.append(array)
    return [array for array in xr.unify_chunks(*cut) if isinstance(array, xr.DataArray)]


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
        part = _as_array(quantity, array).isel({dimension: order})
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
