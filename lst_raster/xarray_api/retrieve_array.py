"""Land surface temperature of arrays, in memory or in chunks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lst_raster import __version__
from lst_raster.errors import InputError, ModelError
from lst_raster.inference.contract import GRAPHS
from lst_raster.inference.model import Model, has_model
from lst_raster.inference.uncertainty import INPUT_UNCERTAINTIES, TRUST
from lst_raster.inputs.emissivity.source import UNCERTAINTY as EMISSIVITY_UNCERTAINTY
from lst_raster.inputs.fields import INPUT_ERRORS, QUANTITIES
from lst_raster.inputs.profile_input import ON_LEVELS
from lst_raster.inputs.reanalysis.over_scene import ORIGIN
from lst_raster.inputs.resolve import STANDARD, names_of
from lst_raster.physics.constants import STANDARD_PRESSURE
from lst_raster.physics.quantities import EMISSIVITY, RADIANCE, Quantity
from lst_raster.resources import models_path
from lst_raster.retrieval.inversion import sensor_noise
from lst_raster.retrieval.retrieve import EQUATION, model_provenance
from lst_raster.sensors.bands import sensor_band
from lst_raster.xarray_api.arguments import ArrayProfile, as_array, as_profile, line_up
from lst_raster.xarray_api.attributes import (
    CONVENTIONS,
    GRID_MAPPING,
    LST_ATTRIBUTES,
    TERM_ATTRIBUTES,
    UNCERTAINTY_ATTRIBUTES,
    acquisition,
    ancillary,
)
from lst_raster.xarray_api.blocks import LST, OUTSIDE, TERMS, UNCERTAINTY, Recipe, begin, solve_block

_LOGGER = logging.getLogger(__name__)

FROM_PROFILE = ("water_vapour", "air_temperature", *ON_LEVELS)
"""Inputs that a profile can tell."""

_SPREAD = Quantity(
    name="emissivity_uncertainty", units="1", low=0.0, high=0.5, accepted={"1": (1.0, 0.0)}, hint="give a fraction"
)  # fmt: skip


def retrieve_array(
    radiance: xr.DataArray,
    emissivity: xr.DataArray | float,
    water_vapour: xr.DataArray | float | None,
    *,
    sensor: str,
    air_temperature: xr.DataArray | float | None = None,
    surface_pressure: xr.DataArray | float | None = None,
    profile: xr.Dataset | None = None,
    origin: str = "given",
    emissivity_uncertainty: xr.DataArray | float = EMISSIVITY_UNCERTAINTY,
    model: Model | str | Path | None = None,
    uncertainty: bool = True,
    terms: bool = False,
) -> xr.Dataset:
    """Retrieve the land surface temperature of an array of radiances.

    The numbers are those of `retrieve` with ``exact=True``: the model runs at every pixel (once where the air is the
    same for all), and the equation is solved in pieces that are small whatever the size of the arrays. Arrays are put
    together by the names of their dimensions. Where one of them is in dask's chunks the result is, and nothing is
    computed yet; else it is in memory, and dask is not needed.

    Parameters
    ----------
    radiance : DataArray
        Radiance at the sensor, NaN where there is none. [W m-2 sr-1 um-1]
    emissivity : DataArray or float
        Surface emissivity in the band. [1]
    water_vapour : DataArray, float or None
        Water vapour column; None takes the profile's, else the profile's humidity is brought to it. [kg m-2]
    sensor : str
        Sensor band, for example ``landsat8-b10``.
    air_temperature : DataArray or float, optional
        Air temperature 2 m above the ground; with it the tier is ``surface``, without it ``column``. [K]
    surface_pressure : DataArray or float, optional
        Air pressure at the ground; by default that of the sea, which high ground should not be left to. [hPa]
    profile : Dataset, optional
        Temperature ``t`` [K] and specific humidity ``q`` [kg kg-1] along a dimension of pressure [hPa], and any others;
        with it the tier is ``profile``. It tells the air temperature, too, where that is not given.
    origin : str
        How sure the air is: ``given`` (a sounding or a station nearby), ``reanalysis`` or ``standard atmosphere``.
    emissivity_uncertainty : DataArray or float
        Standard uncertainty of the emissivity. [1]
    model : Model, str or path, optional
        The model, its name or its path, instead of the shipped one.
    uncertainty : bool
        Whether the uncertainty is wanted, for which the model runs several times more.
    terms : bool
        Whether the terms of the air are wanted too, and where inputs are outside the model's range.

    Returns
    -------
    Dataset
        ``lst`` and ``lst_uncertainty`` [K], float32, NaN where there is no temperature; with `terms` ``transmittance``
        [1], ``upwelling_radiance`` and ``downwelling_radiance`` [W m-2 sr-1 um-1], and with both ``outside_range``. The
        coordinates are those of `radiance`, its coordinate system among them; the attributes tell how it was made.

    Raises
    ------
    InputError
        Something is not possible; of values in chunks when they are computed.
    GridMismatchError
        Arrays differ along a dimension that they share, or lie in different coordinate systems.
    ModelError, UnknownSensorError
        There is no such model, it is for another sensor band, or there is no such band.
    """
    if not isinstance(radiance, xr.DataArray):
        raise InputError(f"radiance is of type {type(radiance).__name__}; give an xarray.DataArray")
    given = {"water_vapour": water_vapour, "air_temperature": air_temperature, "surface_pressure": surface_pressure}
    levels = None if profile is None else as_profile(profile)
    chosen = _choose_model(sensor, model, _tier(given, levels))
    told = _told(chosen, given, levels)
    air, origins = _air(chosen, given, told, origin)
    arrays = {
        "radiance": as_array(RADIANCE, radiance),
        "emissivity": as_array(EMISSIVITY, emissivity),
        _SPREAD.name: as_array(_SPREAD, emissivity_uncertainty),
        **air,
        **({"profile t": levels.temperature, "profile q": levels.specific_humidity} if told and levels else {}),
    }
    outputs = (LST, *((UNCERTAINTY,) if uncertainty else ()), *(TERMS if terms else ()))
    outputs += (OUTSIDE,) if uncertainty and terms else ()
    lined = line_up(arrays)
    lazy = any(array.chunks is not None for array in lined)
    recipe = _recipe(chosen, origins, outputs, told, levels, lazy=lazy)
    found = _apply(recipe, lined, levels.dimension if told and levels else None)
    texts = {"emissivity": _text(emissivity, "given", EMISSIVITY)}
    if told and levels is not None:
        texts["profile"] = f"{len(levels.pressures)} levels ({ORIGIN})"
    for name in air:
        texts[name] = _text(STANDARD_PRESSURE if given[name] is None else given[name], origins[name], QUANTITIES[name])
    return _described(found, radiance, {**_origin(radiance, chosen), **model_provenance(chosen), **texts})


def _tier(given: Mapping[str, Any], levels: ArrayProfile | None) -> str:
    if levels is not None:
        return "profile"
    return "surface" if given["air_temperature"] is not None else "column"


def _told(model: Model, given: Mapping[str, Any], levels: ArrayProfile | None) -> tuple[str, ...]:
    """Name the inputs of the model that the profile tells: those on levels, and what of the others is not given."""
    if levels is None:
        return ()
    told = tuple(name for name in names_of(model) if name in FROM_PROFILE and given.get(name) is None)
    if not told:
        _LOGGER.warning(f"the model {model.contract.name} takes nothing of the profile: not used")
    return told


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


def _air(
    model: Model, given: Mapping[str, Any], told: tuple[str, ...], origin: str
) -> tuple[dict[str, xr.DataArray], dict[str, str]]:
    """Choose what the model takes of the air, and tell where it comes from; warn of what is assumed or not used."""
    if origin not in INPUT_UNCERTAINTIES:
        raise InputError(f"origin {origin!r} is not known; give one of {', '.join(INPUT_UNCERTAINTIES)}")
    takes = [name for name in names_of(model) if name not in told]
    missing = [name.replace("_", " ") for name in takes if given.get(name) is None and name != "surface_pressure"]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise InputError(f"the model {model.contract.name} takes {some} too; give it, or another model")
    for name in given:
        if given[name] is not None and name not in takes:
            _LOGGER.warning(f"the model {model.contract.name} takes no {name.replace('_', ' ')}: not used")
    values = {name: given[name] for name in takes}
    if values.get("surface_pressure", 0) is None:
        _LOGGER.warning(f"no surface pressure given: {STANDARD_PRESSURE:g} hPa, that of the sea")
        values["surface_pressure"] = STANDARD_PRESSURE
    origins = {name: STANDARD if given[name] is None else origin for name in takes}
    return {name: as_array(QUANTITIES[name], value) for name, value in values.items()}, origins


def _recipe(
    model: Model, origins: Mapping[str, str], outputs: tuple[str, ...], told: tuple[str, ...],
    levels: ArrayProfile | None, *, lazy: bool,
) -> Recipe:  # fmt: skip
    band = sensor_band(model.contract.sensor)
    asks = any(variable.name == INPUT_ERRORS.name for variable in model.contract.atmosphere_inputs)
    return Recipe(
        model=_reference(model),
        digest=model.digest,
        names=tuple(origins),
        origins=tuple(origins.values()),
        pressures=levels.pressures if told and levels else (),
        told=told,
        is_scaled=bool(told) and "water_vapour" in origins and any(name in ON_LEVELS for name in told),
        trust=max(TRUST[origin] for origin in (*origins.values(), *([ORIGIN] if told else []))) if asks else None,
        noise=sensor_noise(band, band.gain),
        outputs=outputs,
        once=lazy,
    )


def _reference(model: Model) -> str:
    """Name a shipped model by its name: other machines have it elsewhere."""
    shipped = models_path() / model.contract.name / GRAPHS["retrieval"]
    return model.contract.name if model.path.resolve() == shipped.resolve() else str(model.path)


def _apply(recipe: Recipe, arrays: list[xr.DataArray], levels: Any) -> dict[str, xr.DataArray]:
    begin(recipe)
    found = xr.apply_ufunc(
        partial(solve_block, recipe),
        *arrays,
        input_core_dims=[() if levels is None or levels not in array.dims else (levels,) for array in arrays],
        output_core_dims=[()] * len(recipe.outputs),
        output_dtypes=[np.bool_ if name == OUTSIDE else np.float32 for name in recipe.outputs],
        dask="parallelized",
        join="exact",
        keep_attrs="override",  # of coordinates, too: that of the coordinate system is its attributes
    )
    return dict(zip(recipe.outputs, found if len(recipe.outputs) > 1 else (found,), strict=True))


def _described(found: Mapping[str, xr.DataArray], radiance: xr.DataArray, made: Mapping[str, str]) -> xr.Dataset:
    """Give the variables their names and attributes, and the coordinates of the radiance."""
    attributes = {
        LST: {**LST_ATTRIBUTES, **ancillary(*(name for name in (UNCERTAINTY,) if name in found))},
        UNCERTAINTY: UNCERTAINTY_ATTRIBUTES,
        **TERM_ATTRIBUTES,
    }
    variables = {}
    for name, array in found.items():
        variables[name] = array.copy(deep=False)
        variables[name].attrs, variables[name].encoding = dict(attributes[name]), _place(radiance)
    general = {"Conventions": CONVENTIONS, "equation": EQUATION, "lst_raster_version": __version__, **made}
    return xr.Dataset(variables, attrs=general).assign_coords(radiance.coords)


def _origin(radiance: xr.DataArray, model: Model) -> dict[str, str]:
    """Tell what the radiance was, for the provenance."""
    return {
        "input": str(radiance.name or "array"),
        "sensor": model.contract.sensor,
        "calibration": "none: radiance was given",
        **acquisition(radiance.coords),
    }


def _place(radiance: xr.DataArray) -> dict[str, Any]:
    """Name the coordinate with the coordinate system, as the radiance does."""
    named = radiance.encoding.get("grid_mapping", radiance.attrs.get("grid_mapping", GRID_MAPPING))
    return {"grid_mapping": named} if named in radiance.coords else {}


def _text(value: Any, origin: str, quantity: Quantity) -> str:
    """Say what an input is, for the provenance."""
    units = "" if quantity.units == "1" else f" {quantity.units}"
    what = (value.name or "array") if isinstance(value, xr.DataArray) else f"{float(value):g}{units}"
    return f"{what} ({origin})"
