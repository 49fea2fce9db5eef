"""Small simulated sets with a known, plausible atmosphere of grey layers, without spectroscopy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.physics.error_metrics import summarise_by_water_vapour
from lst_raster.physics.planck import band_radiance
from lst_raster.profiles.sampling import observe
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.sigma_levels import SIGMA
from lst_raster.validation.published import retrieve_published

LAYERS = 24
DATES = np.array(["2011-01-15T12", "2011-10-11T00"], "datetime64[ns]")
SOURCES = ("GFS 2011-01-15", "GFS 2011-10-11")


SECOND_BAND: dict[str, Any] = {"sensor": "landsat8-b11", "absorption": 1.4}
"""Arguments of `make_simulated_set` for the second band of the same columns."""


def make_simulated_set(
    path: Path, *, profiles: int = 600, seed: int = 0, sensor: str = "landsat8-b10", sources: Sequence[str] = (),
    absorption: float = 1.0,
) -> Path:  # fmt: skip
    """Write a simulated set of random columns with grey absorption; returns the path.

    The columns differ in inputs of the models (water vapour, pressure, air temperature) and in unknowns: lapse rate,
    inversion, humidity scale height and aerosol. The sources of the profiles alternate; without `sources` they have
    none. `absorption` is a factor on that of water vapour.
    """
    rng = np.random.default_rng(seed)
    band = sensor_band(sensor).planck
    air = rng.uniform(245.0, 312.0, profiles)
    limit = 65.0 * np.exp((air - 308.0) / 14.0)  # saturation
    vapour = np.clip(limit * rng.uniform(0.15, 1.0, profiles), 0.5, 65.0)
    pressure = 1015.0 - 350.0 * rng.beta(1.0, 4.0, profiles)
    aerosol = np.clip(rng.normal(0.02, 0.01, profiles), 0.0, 0.06)

    edges = np.linspace(0.0, 12_000.0, LAYERS + 1)  # height above ground [m]
    middle = 0.5 * (edges[1:] + edges[:-1])
    lapse = rng.normal(6.3e-3, 0.6e-3, (profiles, 1))
    warmer = rng.exponential(3.0, (profiles, 1)) * (air[:, None] < 285.0)

    def temperature_at(height: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(air[:, None] + warmer * (1.0 - np.exp(-height / 300.0)) - lapse * height, 205.0)

    temperature = temperature_at(middle)
    scale = rng.normal(2000.0, 200.0, (profiles, 1))
    share = np.exp(-edges[:-1] / scale) - np.exp(-edges[1:] / scale)
    amount = vapour[:, None] * share / share.sum(axis=1, keepdims=True)
    humidity = amount / amount[:, :1] * vapour[:, None] / 40.0
    dry = np.exp(-edges[:-1] / 8000.0) - np.exp(-edges[1:] / 8000.0)
    depth = absorption * amount * (0.004 + 0.012 * humidity) * (296.0 / temperature) ** 4
    depth = depth + dry * (0.04 * (pressure[:, None] / 1013.0) ** 2 + aerosol[:, None])

    emitted = band_radiance(temperature, band)
    below = np.cumsum(depth, axis=1) - depth
    above = depth.sum(axis=1, keepdims=True) - below - depth
    values = {
        "transmittance": (np.exp(-depth.sum(axis=1)), "1"),
        "upwelling_radiance": ((emitted * -np.expm1(-depth) * np.exp(-above)).sum(axis=1), "W m-2 sr-1 um-1"),
        "downwelling_radiance": (
            (emitted * -np.expm1(-1.66 * depth) * np.exp(-1.66 * below)).sum(axis=1),
            "W m-2 sr-1 um-1",
        ),
        "water_vapour": (vapour, "kg m-2"),
        "surface_pressure": (pressure, "hPa"),
        "air_temperature_2m": (air, "K"),
        "surface_temperature": (air + rng.normal(1.0, 3.0, profiles), "K"),
        "latitude": (rng.uniform(-60.0, 60.0, profiles), "degree"),
        "longitude": (rng.uniform(-180.0, 180.0, profiles), "degree"),
        "aerosol_optical_depth": (aerosol, "1"),
        "continuum_scaling": (np.ones(profiles), "1"),
        "gas_year": (rng.uniform(1985.0, 2028.0, profiles), "1"),
    }
    dataset = xr.Dataset(
        {name: ("profile", array, {"units": units}) for name, (array, units) in values.items()},
        attrs={"sensor": sensor, "source": "grey columns made for tests", "lst_raster_version": "0"},
    )
    height = -8000.0 * np.log(np.array(SIGMA))  # [m]
    levels = {
        "air_temperature_sigma": (temperature_at(height), "K"),
        "specific_humidity_sigma": (2e-4 * vapour[:, None] * np.exp(-height / scale), "kg kg-1"),
    }
    for name, (array, units) in levels.items():
        dataset[name] = (("profile", "sigma"), array, {"units": units})
    if sources:
        number = (np.arange(profiles) % len(sources)).astype(np.int16)
        flags = {"flag_values": np.arange(len(sources), dtype=np.int16)}
        flags |= {"flag_meanings": " ".join(name.replace(" ", "_") for name in sources)}
        dataset["profile_source"] = ("profile", number, flags)
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def made_set(path: Path, *, sources: Sequence[str] = SOURCES, **facts: Any) -> SimulatedSet:
    """Create and read such a set, with two dates and sources, land, and a tenth of perturbed columns, as real ones."""
    simulated = read_simulated(make_simulated_set(path, sources=sources, **facts))
    number = np.arange(len(simulated))
    return replace(
        simulated,
        time=DATES[number % 2],
        land=(number % 3 > 0).astype(np.int8),
        perturbation=(number % 10 == 9).astype(np.int8),
    )


def made_two_band_set(path: Path, **facts: Any) -> SimulatedSet:
    """Create and read the sets of both bands, as `made_set`; that of the second is in `second_` and the name."""
    second = made_set(path.with_name(f"second_{path.name}"), **SECOND_BAND, **facts)
    return replace(made_set(path, **facts), second_band=second)


def published_errors(simulated, surfaces):
    """Errors of the published methods for given surfaces, by method and class of water vapour. [K]"""
    samples = observe(simulated, surfaces)
    retrieved = retrieve_published(simulated.sensor, samples.radiance, samples.emissivity, samples.water_vapour)
    return {
        method: summarise_by_water_vapour(values - samples.surface_temperature, samples.water_vapour)
        for method, values in retrieved.items()
    }
