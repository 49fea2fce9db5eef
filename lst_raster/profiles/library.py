"""Profile library: selection of clear columns of several sources, synthetic extremes, weights, and held-out sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.physics.humidity import relative_humidity, specific_humidity
from lst_raster.profiles.profile_sets import Float, join, water_vapour
from lst_raster.profiles.readers import read_source

CLEAR = 0.95  # largest relative humidity of a clear column [1]
CLOUD_COVER = 0.2  # largest cloud cover of a layer of a clear column, where the source has it [1]
HUMIDITY_CAP = 0.95  # largest relative humidity of a modified column, so that it remains clear [1]
FULL_BELOW, NONE_ABOVE = 300.0, 100.0
"""Changes are uniform below the first level (about 9 km) and zero above the second (tropopause). [hPa]"""
HOT, HUMID = 300, 300  # perturbed columns in the library
SEED = 2011

HUMID_ABOVE = 50.0  # water vapour of extreme humidity, which is rare among clear columns [kg m-2]
HUMID_RANGE = (62.0, 80.0)  # water vapour of perturbed humid columns; real ones become rare at the lower limit [kg m-2]

_DRAWS_PER_COLUMN = 8  # draws per synthetic column; at least a third of them are within the limits
_SCALE_TEMPERATURE = 8.0  # [K]; the three scales make distances in the features comparable
_SCALE_VAPOUR = 0.6  # [(kg m-2)**0.5]; about 1 kg m-2 in dry atmospheres, 8 kg m-2 in the tropics
_SCALE_LATITUDE = 15.0  # [degree]


class SyntheticExtreme(IntEnum):
    """Modification of a column: values of the variable `perturbation`."""

    NONE = 0  # unmodified column of the source
    HOT = 1
    """Warmed to 2 m temperatures of 315 to 328 K, humidity scaled by 0.6 to 1.6; the column stays under 65 kg m-2."""
    HUMID = 2  # humidity scaled by 1 to 1.8 and warmed by 0 to 5 K, to a column of 62 to 80 kg m-2


def perturb(profiles: xr.Dataset, temperature_change: Float, humidity_factor: Float) -> xr.Dataset:
    """Change temperature and humidity of columns, up to the relative humidity `HUMIDITY_CAP`.

    `temperature_change` [K] is added to the temperatures of atmosphere and surface, `humidity_factor` [1] multiplies
    specific humidity; both have the shape (profile,). The change is uniform below 300 hPa, which keeps the lapse rate
    of the column, and decreases linearly in pressure to zero at 100 hPa.
    """
    modified = profiles.copy()
    pressure = profiles["pressure"].values
    fraction = np.clip((pressure - NONE_ABOVE) / (FULL_BELOW - NONE_ABOVE), 0.0, 1.0)
    temperature = profiles["air_temperature"].values + fraction * temperature_change[:, None]
    factor = 1.0 + fraction * (humidity_factor[:, None] - 1.0)
    humidity = _scale_humidity(profiles["specific_humidity"].values, factor, temperature, pressure)
    temperature_2m = profiles["air_temperature_2m"].values + temperature_change
    humidity_2m = profiles["specific_humidity_2m"].values
    humidity_2m = _scale_humidity(humidity_2m, humidity_factor, temperature_2m, profiles["surface_pressure"].values)
    values = {
        "air_temperature": temperature,
        "specific_humidity": humidity,
        "surface_temperature": profiles["surface_temperature"].values + temperature_change,
        "air_temperature_2m": temperature_2m,
        "specific_humidity_2m": humidity_2m,
        "largest_relative_humidity": np.nan_to_num(relative_humidity(humidity, temperature, pressure)).max(axis=1),
    }
    return modified.assign({name: profiles[name].copy(data=data) for name, data in values.items()})


def _scale_humidity(humidity: Float, factor: Float, temperature: Float, pressure: Float) -> Float:
    """Scale specific humidity up to the cap; values that exceed the cap already are unchanged."""
    cap = specific_humidity(np.full_like(temperature, HUMIDITY_CAP), temperature, pressure)
    return np.asarray(np.minimum(humidity * factor, np.maximum(cap, humidity)))


def make_hot_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Warm land columns with 2 m temperatures above 303 K to 315 to 328 K, beyond the range of the sources.

    The highest air temperature on record is 329.9 K (Furnace Creek, 1913; 327 K is undisputed).
    """
    warm = (profiles["air_temperature_2m"].values > 303.0) & (profiles["land"].values == 1)
    base = _draw(profiles.isel(profile=warm), count, random)
    draws = base.sizes["profile"]
    warming = random.uniform(315.0, 328.0, draws) - base["air_temperature_2m"].values
    hot = perturb(base, np.maximum(warming, 0.0), random.uniform(0.6, 1.6, draws))
    return _first_within(hot, (0.0, 65.0), count, SyntheticExtreme.HOT)


def make_humid_columns(profiles: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    """Increase water vapour columns above 35 kg m-2 to `HUMID_RANGE`, beyond most of the real columns."""
    base = _draw(profiles.isel(profile=water_vapour(profiles) > 35.0), count, random)
    draws = base.sizes["profile"]
    humid = perturb(base, random.uniform(0.0, 5.0, draws), random.uniform(1.0, 1.8, draws))
    return _first_within(humid, HUMID_RANGE, count, SyntheticExtreme.HUMID)


def _draw(pool: xr.Dataset, count: int, random: np.random.Generator) -> xr.Dataset:
    draws = _DRAWS_PER_COLUMN * count if pool.sizes["profile"] else 0
    return pool.isel(profile=random.integers(max(pool.sizes["profile"], 1), size=draws))


def _first_within(profiles: xr.Dataset, limits: tuple[float, float], count: int, kind: SyntheticExtreme) -> xr.Dataset:
    """Select and mark the first columns with a water vapour column between the limits. [kg m-2]"""
    column = water_vapour(profiles)
    chosen = np.flatnonzero((column > limits[0]) & (column < limits[1]))[:count]
    selected = profiles.isel(profile=chosen)
    selected["perturbation"] = "profile", np.full(chosen.size, kind, dtype=np.int8)
    return selected


def select_clear(profiles: xr.Dataset, limit: float) -> xr.Dataset:
    """Select the columns whose relative humidity [1] is below a limit at all levels.

    Where the source has a `cloud_cover` [1], columns with less than `CLOUD_COVER` are clear, regardless of the limit.
    """
    if "cloud_cover" in profiles:
        return profiles.isel(profile=profiles["cloud_cover"].values < CLOUD_COVER)
    return profiles.isel(profile=profiles["largest_relative_humidity"].values < limit)


def farthest_points(points: Float, count: int, seed: int) -> NDArray[np.intp]:
    """Select points by farthest-point sampling: each is the farthest from those before; the first is random (`seed`).

    `points` is (point, dimension), scaled so that distances are comparable. Returns indices in the order of choice.

    References
    ----------
    T. F. Gonzalez, Theor. Comput. Sci. 38, 293 (1985), doi:10.1016/0304-3975(85)90224-5
    """
    chosen = np.empty(max(min(count, len(points)), 0), dtype=np.intp)
    if chosen.size == 0:
        return chosen
    chosen[0] = np.random.default_rng(seed).integers(len(points))
    distance = np.full(len(points), np.inf)
    for step in range(1, len(chosen)):
        to_latest = np.sum((points - points[chosen[step - 1]]) ** 2, axis=1)
        distance = np.minimum(distance, to_latest)
        chosen[step] = np.argmax(distance)
    return chosen


def select_diverse(profiles: xr.Dataset, count: int) -> xr.Dataset:
    """Select columns that cover 2 m temperature, water vapour and latitude evenly."""
    return profiles.isel(profile=np.sort(farthest_points(_features(profiles), count, SEED)))


def _features(profiles: xr.Dataset) -> Float:
    features = [
        profiles["air_temperature_2m"].values / _SCALE_TEMPERATURE,
        np.sqrt(water_vapour(profiles)) / _SCALE_VAPOUR,
        profiles["latitude"].values / _SCALE_LATITUDE,
    ]
    return np.stack(features, axis=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class LibrarySource:
    """Columns of a source in the library."""

    columns: int = 1500  # number of columns
    land: float | None = 0.6  # fraction of land columns; None selects without regard to land
    weight: float = 1.0  # weight of a column in training [1]
    hourly: bool = True  # columns of one time; False for means and for unknown times


SOURCES: Mapping[str, LibrarySource] = MappingProxyType(
    {
        "GFS 2011-01-15": LibrarySource(),
        "GFS 2011-10-11": LibrarySource(),
        "GFS 2015-09-12": LibrarySource(),
        "GFS 2004-12-12": LibrarySource(columns=1200),
        "ERA-Interim 2011-06-05": LibrarySource(),
        "NCEP mean June": LibrarySource(columns=700, land=None, weight=0.3, hourly=False),
        "ERA5 1959-01-02": LibrarySource(columns=300, land=None),
        "ERA5 West Antarctic sea": LibrarySource(columns=200, land=None, hourly=False),
    }
)
"""Sources of the packaged library by the names of the variable `source`; others have the defaults."""
PERTURBED_WEIGHT = 0.1
"""Weight of perturbed columns, which cover the ends of the range, but must not outnumber real humid columns. [1]"""
OVERPASS, OVERPASS_WINDOW, OVERPASS_WEIGHT = (10.0, 22.0), 3.0, 1.5
"""Local solar times of Landsat overpasses by day and night [h], and the weight of columns within the window [h]. [1]"""


def overpass_weight(time: NDArray[np.datetime64], longitude: Float) -> Float:
    """Weight of columns by the local mean solar time, (profile,). [1]"""
    hours = (time - time.astype("datetime64[D]")) / np.timedelta64(1, "h")
    local = (hours + longitude / 15.0) % 24.0
    away = np.min([np.abs((local - overpass + 12.0) % 24.0 - 12.0) for overpass in OVERPASS], axis=0)
    return np.where(away <= OVERPASS_WINDOW, OVERPASS_WEIGHT, 1.0)


def select_columns(profiles: xr.Dataset, source: LibrarySource) -> xr.Dataset:
    """Select diverse columns of a source and add their `weight`.

    A tenth of the columns, as far as there are so many, has more than `HUMID_ABOVE` water vapour; land columns fill the
    fraction `source.land`, the others the rest. Within each of these the choice is that of `select_diverse`.
    """
    features, chosen = _features(profiles), np.zeros(profiles.sizes["profile"], bool)

    def add(candidates: NDArray[np.bool_], count: int) -> None:
        pool = np.flatnonzero(candidates & ~chosen)
        chosen[pool[farthest_points(features[pool], count, SEED)]] = True

    add(water_vapour(profiles) > HUMID_ABOVE, source.columns // 10)
    if source.land is not None:
        land = profiles["land"].values == 1
        add(land, round(source.land * source.columns) - int((chosen & land).sum()))
        add(~land, source.columns - int(chosen.sum()))
    add(~chosen, source.columns - int(chosen.sum()))
    selected = profiles.isel(profile=chosen)
    factor = overpass_weight(selected["time"].values, selected["longitude"].values) if source.hourly else 1.0
    weight = np.broadcast_to(source.weight * factor, selected.sizes["profile"])
    return selected.assign(weight=("profile", weight, {"units": "1", "long_name": "weight of the column in training"}))


def make_library(paths: Sequence[Path]) -> xr.Dataset:
    """Make the training library from files of `lst_raster.profiles.readers.READERS`.

    Clear columns of each source are selected as `SOURCES` says; 300 hot and 300 humid columns beyond their range are
    derived from those of single times. The variables `weight` and `perturbation` (`SyntheticExtreme`) are added. Values
    are rounded: temperatures to 1/64 K, mass fractions to 14 bits (6e-5 of the value).

    Raises InputNotFoundError, or InputError for an unknown or damaged file, one for testing only, or without clear
    columns.
    """
    selected = []
    for path in paths:
        clear = select_clear(read_source(path, for_training=True), CLEAR).drop_vars(_FOR_SCREENING, errors="ignore")
        if clear.sizes["profile"] == 0:
            raise InputError(f"{path} has no clear column; leave it out")
        selected.append(select_columns(clear, SOURCES.get(source_of(clear), LibrarySource())))
    real = join(selected)
    real["perturbation"] = "profile", np.full(real.sizes["profile"], SyntheticExtreme.NONE, dtype=np.int8)
    single_times = real.isel(profile=real["weight"].values >= 1.0)  # means have less
    random = np.random.default_rng(SEED)
    perturbed = [make_hot_columns(single_times, HOT, random), make_humid_columns(single_times, HUMID, random)]
    for columns in perturbed:
        columns["weight"] = columns["weight"] * PERTURBED_WEIGHT
    library = _rounded(join([real, *perturbed]))
    library["perturbation"].attrs = {
        "long_name": "what was done to the column",
        "flag_values": np.array([int(kind) for kind in SyntheticExtreme], dtype=np.int8),
        "flag_meanings": " ".join(kind.name.lower() for kind in SyntheticExtreme),
    }
    library.attrs = {
        "title": "Clear atmospheric columns for training land surface temperature retrievals",
        "source": ", ".join(source_of(one) for one in selected),
        "license": "GFS and NCEP reanalysis: public domain; ERA-Interim: European Centre for Medium-Range Weather "
        "Forecasts (ECMWF); ERA5: contains modified Copernicus Climate Change Service information; the European "
        "Commission and ECMWF are not responsible for any use of it",
        "history": "lst-raster build profiles",
        "Conventions": "CF-1.11",
    }
    return library


_FOR_SCREENING = ("precipitable_water", "cloud_cover")  # variables of a source that are not in profile files


def source_of(profiles: xr.Dataset) -> str:
    """Name of the source of profiles that were read from one file."""
    return str(profiles["source"].values[0])


def _rounded(profiles: xr.Dataset) -> xr.Dataset:
    """Round the values on levels, so that they compress: temperature to 1/64 K, mass fractions to 14 bits."""

    def to_bits(values: Float) -> Float:
        fraction, exponent = np.frexp(values)
        return np.ldexp(np.round(fraction * 2.0**14) / 2.0**14, exponent)

    changes = {name: to_bits(profiles[name].values) for name in ("specific_humidity", "ozone", "specific_humidity_2m")}
    names = ("air_temperature", "air_temperature_2m", "surface_temperature")
    changes |= {name: np.round(profiles[name].values * 64.0) / 64.0 for name in names}
    return profiles.assign({name: profiles[name].copy(data=values) for name, values in changes.items()})


def make_held_out(paths: Sequence[Path], limit: float = CLEAR) -> xr.Dataset:
    """Read every clear column of test files, without selection or modification.

    The files are of `lst_raster.profiles.readers.READERS`. A lower `limit` of the relative humidity [1] excludes clouds
    more reliably, but also more of the humid clear columns.
    """
    held_out = join(
        [select_clear(read_source(path), limit).drop_vars(_FOR_SCREENING, errors="ignore") for path in paths]
    )
    held_out.attrs = {
        "title": "Clear atmospheric columns, held out for testing",
        "source": ", ".join(np.unique(held_out["source"].values.astype(str))),
        "history": f"lst-raster build profiles --held-out --clear-below {limit:g}",
    }
    return held_out
