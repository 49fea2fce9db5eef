"""Synthetic tables of match-ups and station files."""

import datetime

import numpy as np

from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.profiles.profile_sets import profile_dataset, write_profiles
from lst_raster.sensors.bands import sensor_band
from tests.support.profile_air import LEVELS, humidity_at, temperature_at

HEADER = (
    "sensor", "site", "time", "brightness_temperature_K", "emissivity", "water_vapour_kg_m2", "air_temperature_K",
    "surface_pressure_hPa", "insitu_lst_K",
)  # fmt: skip
ROW = ("landsat8-b10", "bon", "2016-01-01T17:30:00Z", "290.0", "0.97", "15.0", "288.0", "980.0", "292.0")


def row(**cells):
    """`ROW` with other cells."""
    unknown = set(cells) - set(HEADER)
    assert not unknown, unknown
    return tuple(cells.get(name, cell) for name, cell in zip(HEADER, ROW, strict=True))


def write_table(path, *rows, header=HEADER, separator=",", ends="\n", encoding="utf-8"):
    """Write a table with a given text format."""
    lines = [separator.join(cells) for cells in (header, *rows)]
    path.write_bytes((ends.join(lines) + ends).encode(encoding))
    return path


def at_sensor_temperature(lst, model, emissivity, **air):
    """At-sensor brightness temperature of a surface with the atmosphere predicted by a model. [K]"""
    band = sensor_band(model.contract.sensor).planck
    terms = [np.asarray(part, np.float64) for part in model.atmosphere(brightness_temperature=290.0, **air).terms]
    return brightness_temperature(sensor_radiance(np.asarray(lst), emissivity, *terms, band), band)


def write_station_day(
    folder, day, *, station="bon", name="Bondville", step=1, up=None, down=None, air=15.0, pressure=985.0, flags=None
):
    """Write a day of a SURFRAD station; `up` and `down` are functions of the minute, `flags` marks bad minutes."""
    lines = [f" {name}", "   40.05   88.37  230 m version 1"]
    for minute in range(0, 1440, step):
        time = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(minutes=minute)
        values = dict.fromkeys(range(20), (0.0, 0))
        values[4] = ((down or (lambda _: 300.0))(minute), 0)
        values[7] = ((up or (lambda _: 400.0))(minute), int(minute in (flags or ())))
        values[12] = values[13] = (-9999.9, 1)
        values[15], values[19] = (air, 0), (pressure, 0)
        head = f" {time:%Y} {time.timetuple().tm_yday:3d} {time.month:2d} {time.day:2d} {time.hour:2d} {time.minute:2d}"
        cells = "".join(f" {value:7.1f} {flag}" for value, flag in values.values())
        lines.append(f"{head} {minute / 60.0:6.3f}  91.65{cells}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{station}{day:%y}{day.timetuple().tm_yday:03d}.dat"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_soundings(path, count):
    """A file of profiles known by formula, the last one empty."""
    where = LEVELS, 30.8, 272.5, 0.0
    levels = {
        "pressure": LEVELS, "air_temperature": temperature_at(*where), "specific_humidity": humidity_at(*where),
    }  # fmt: skip
    profiles = profile_dataset(
        {name: np.tile(np.asarray(values, float), (count, 1)) for name, values in levels.items()},
        {"surface_pressure": np.full(count, 1000.0), "latitude": np.zeros(count), "longitude": np.zeros(count)},
        time="2016-01-01", source="made",
    )  # fmt: skip
    for name in levels:
        profiles[name][-1] = np.nan
    write_profiles(profiles, path)
    return path
