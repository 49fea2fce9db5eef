"""A profile known by formula, as reanalyses have it: temperature is linear and humidity a power law in pressure."""

import numpy as np
import rasterio
from pyproj import Transformer

from lst_raster import Scene
from lst_raster.physics.constants import GRAVITY
from lst_raster.retrieval.atmosphere import CoarseAtmosphere
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, SIGMA, TEMPERATURE_LEVELS
from tests.support.factories import make_scene
from tests.support.linear_air import START, linear
from tests.support.reanalysis_files import TIMES, write_levels, write_reanalysis

SHAPE = (300, 560)

DATE = "2015-07-19T16:20"

HOURS = 1.0 / 3.0

LEVELS = np.array(
    [1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 125, 150, 175, 200, 225, 250, *range(300, 751, 50), *range(775, 1001, 25)],
    float,
)  # of ERA5 [hPa]
LATITUDE = np.arange(32.0, 29.9, -0.25)
LONGITUDE = np.arange(270.0, 275.1, 0.25)
SLOPE = 20.0
"""Temperature over the logarithm of pressure. [K]"""
POWER = 3.0
"""Of pressure, in humidity. [1]"""


def temperature_at(pressure, latitude, longitude, hours):
    """Temperature at a pressure [hPa], linear in place and time. [K]"""
    return 289.0 - 2.0 * (latitude - 30.8) + 1.5 * (longitude - 272.5) + 0.5 * hours + SLOPE * np.log(pressure / 1000.0)


def humidity_at(pressure, latitude, longitude, hours):
    """Specific humidity, likewise. [kg kg-1]"""
    at_1000 = 0.012 + 2e-3 * (latitude - 30.8) - 3e-3 * (longitude - 272.5) + 2e-4 * hours
    return at_1000 * (pressure / 1000.0) ** POWER


def column(surface_pressure, *where):
    """Water vapour above the ground: the integral of `humidity_at`. [kg m-2]"""
    at_ground = humidity_at(surface_pressure, *where)
    return at_ground * surface_pressure * 100.0 / GRAVITY / (POWER + 1.0)


def inputs_of_profile(surface_pressure, *where):
    """All inputs of a model of the tier `profile`, by name."""
    return {
        "water_vapour": column(surface_pressure, *where),
        "surface_pressure": surface_pressure,
        "air_temperature": temperature_at(surface_pressure, *where),
        **{
            name: temperature_at(sigma * surface_pressure, *where)
            for name, sigma in zip(TEMPERATURE_LEVELS, SIGMA, strict=True)
        },
        **{
            name: humidity_at(sigma * surface_pressure, *where)
            for name, sigma in zip(HUMIDITY_LEVELS, SIGMA, strict=True)
        },
    }


def write_profile(path, *, levels=LEVELS, names=("t", "q"), times=TIMES, rough=None):
    """Write the profile on levels of pressure; `rough` is added to the temperature, and multiplies the humidity."""
    hours = ((np.asarray(times, "datetime64[s]") - START) / np.timedelta64(1, "h"))[:, None, None, None]
    where = levels[:, None, None], LATITUDE[:, None], LONGITUDE, hours
    made = {"t": temperature_at(*where), "q": humidity_at(*where)}
    if rough is not None:
        made = {"t": made["t"] + rough["t"], "q": made["q"] * rough["q"]}
    chosen = {name: made[name] for name in names}
    return write_levels(path, chosen, levels=levels, times=times, latitude=LATITUDE, longitude=LONGITUDE)


def write_surface(path, surface_pressure=None, *, names=("sp", "t2m", "tcwv", "QV2M"), times=TIMES, **more):
    """Write what is at the ground: pressure [hPa], by default linear in place, and the profile's air there."""
    hours = ((np.asarray(times, "datetime64[s]") - START) / np.timedelta64(1, "h"))[:, None, None]
    where = LATITUDE[:, None], LONGITUDE, hours
    pressure = linear("sp", *where) / 100.0 if surface_pressure is None else surface_pressure + 0.0 * sum(where)
    made = {
        "sp": 100.0 * pressure,
        "t2m": temperature_at(pressure, *where),
        "tcwv": column(pressure, *where),
        "QV2M": humidity_at(pressure, *where),
    }
    chosen = {name: made[name] for name in names} | {
        name: np.broadcast_to(v, pressure.shape) for name, v in more.items()
    }
    return write_reanalysis(path, chosen, times=times, latitude=LATITUDE, longitude=LONGITUDE)


def places(shape=SHAPE):
    """Row, column, latitude and longitude of every pixel of the tests' scene."""
    row, column = np.mgrid[: shape[0], : shape[1]] + 0.5
    turn = Transformer.from_crs("EPSG:32616", "EPSG:4326", always_xy=True)
    longitude, latitude = turn.transform(452475 + 30.0 * column, 3408645 - 30.0 * row)
    return row, column, latitude, longitude % 360.0


def opened(folder, shape=SHAPE):
    return Scene.open(make_scene(folder / "scene", lst=np.full(shape, 300.0)), date=DATE)


def values_of(inputs, scene, elevation=0.0):
    """What reaches the model at every pixel, by way of the coarse grid's inputs."""
    row, column, _, _ = places((scene.grid.height, scene.grid.width))
    return CoarseAtmosphere.over(inputs, scene.grid, uncertainty=False).values(row, column, elevation)


def read(product):
    with rasterio.open(product.path) as dataset:
        return dataset.read(1)


def by_hand(pressure, warm, moist, ground):
    """Temperature and humidity at sigma of one profile with its ground, by numpy's own interpolation."""
    above = pressure < ground[0]
    known = np.log(np.append(pressure[above], ground[0]))
    at = np.log(np.array(SIGMA) * ground[0])
    humid = np.log(np.append(moist[above], ground[2]))
    return np.interp(at, known, np.append(warm[above], ground[1])), np.exp(np.interp(at, known, humid))
