"""Published methods as baselines, with their published coefficients."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import UnknownSensorError
from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.published_retrievals import (
    mono_window_temperature,
    single_channel_temperature,
    split_window_temperature,
)
from lst_raster.resources import data_path
from lst_raster.sensors.bands import second_band, sensor_band

Float = NDArray[np.float64]

SINGLE_CHANNEL = "single-channel"
MONO_WINDOW = "mono-window"
SPLIT_WINDOW = "split-window"


@cache
def _table() -> dict[str, Any]:
    with data_path("baselines", "published.toml").open("rb") as file:
        return tomllib.load(file)


def published_methods(sensor: str) -> list[str]:
    """List the published methods of one band that have coefficients for a sensor band.

    Examples
    --------
    >>> published_methods("landsat8-b10")
    ['single-channel', 'mono-window']
    >>> published_methods("landsat8-b11")
    []
    """
    tables = {SINGLE_CHANNEL: _table()["single_channel"], MONO_WINDOW: _table()["mono_window"]["coefficients"]}
    return [name for name, table in tables.items() if sensor in table]


def _coefficients(table: dict[str, Any], method: str, sensor: str) -> Any:
    if sensor not in table:
        sensors = ", ".join(table)
        raise UnknownSensorError(f"the {method} method has no published coefficients for {sensor}; it has {sensors}")
    return table[sensor]


def single_channel(sensor: str, radiance: Float, emissivity: Float, water_vapour: Float) -> Float:
    """Land surface temperature [K] by the single-channel method with its published coefficients.

    Takes radiance at the sensor [W m-2 sr-1 um-1], emissivity [1] and water vapour column [kg m-2] of any shape. Raises
    UnknownSensorError where the method has no coefficients for the band.
    """
    entry = _coefficients(_table()["single_channel"], SINGLE_CHANNEL, sensor)
    temperature = brightness_temperature(radiance, sensor_band(sensor).planck)
    return np.asarray(
        single_channel_temperature(radiance, temperature, emissivity, water_vapour, entry["psi"], entry["b_gamma"])
    )


def mono_window(sensor: str, radiance: Float, emissivity: Float, water_vapour: Float) -> Float:
    """Land surface temperature [K] by the statistical mono-window method; parameters as in `single_channel`.

    The coefficients step from class to class of water vapour, as published. NaN where the water vapour is NaN.
    """
    coefficients = np.array(_coefficients(_table()["mono_window"]["coefficients"], MONO_WINDOW, sensor))
    slope, emissivity_term, constant = np.moveaxis(coefficients[mono_window_class(water_vapour)], -1, 0)
    temperature = brightness_temperature(radiance, sensor_band(sensor).planck)
    retrieved = mono_window_temperature(temperature, emissivity, slope, emissivity_term, constant)
    return np.asarray(np.where(np.isnan(water_vapour), np.nan, retrieved))


def has_split_window(sensor: str) -> bool:
    """Whether the split-window method has published coefficients for a sensor band and the second of its satellite."""
    return sensor in _table()["split_window"]


def split_window(
    sensor: str, radiances: tuple[Float, Float], emissivities: tuple[Float, Float], water_vapour: Float
) -> Float:
    """Land surface temperature [K] by the split-window method with its published coefficients.

    `sensor` is the first band; radiances [W m-2 sr-1 um-1] and emissivities [1] are those of both bands. Other
    parameters and errors as in `single_channel`.
    """
    coefficients = _coefficients(_table()["split_window"], SPLIT_WINDOW, sensor)["coefficients"]
    second = second_band(sensor)
    assert second is not None
    bands = sensor_band(sensor).planck, second.planck
    first, other = (brightness_temperature(*pair) for pair in zip(radiances, bands, strict=True))
    return np.asarray(split_window_temperature(first, other, *emissivities, water_vapour, coefficients))


def mono_window_class(water_vapour: Float) -> NDArray[np.intp]:
    """Return the mono-window class of a water vapour column [kg m-2], from 0; an edge belongs to the class below."""
    return np.searchsorted(_table()["mono_window"]["upper_edges"], water_vapour, side="left")


def retrieve_published(sensor: str, radiance: Float, emissivity: Float, water_vapour: Float) -> dict[str, Float]:
    """Land surface temperature [K] by every method of `published_methods`; parameters as in `single_channel`."""
    functions = {SINGLE_CHANNEL: single_channel, MONO_WINDOW: mono_window}
    return {name: functions[name](sensor, radiance, emissivity, water_vapour) for name in published_methods(sensor)}
