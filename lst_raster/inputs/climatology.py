"""Climatological atmosphere by place and day of the year, the default for missing atmospheric inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lst_raster.errors import InputError
from lst_raster.physics.elevation import (
    air_temperature_between,
    elevation_at,
    surface_pressure_between,
    water_vapour_between,
)
from lst_raster.physics.humidity import column_from_vapour_pressure, mole_fraction
from lst_raster.resources import data_path

Float: TypeAlias = NDArray[np.float64]

YEAR = 365.25  # [day]
CELL = 5.0  # side of a cell of the table; values are those of the centres. [degree]
SCALES: Mapping[str, float] = {
    "surface_pressure": 0.1,  # [hPa]
    "air_temperature": 0.1,  # [K]
    "specific_humidity": 1e-5,  # [kg kg-1]
    "decrease_factor": 1e-3,  # exponent of vapour pressure over pressure, less one [1]
    "elevation": 1.0,  # of the surface to which the others belong [m]
}
"""Units of the integers of the table, by quantity. All but the elevation have five coefficients: mean, and cosine and
sine of the annual and the semiannual variation."""
BANDS = np.arange(0.0, 91.0, 15.0)  # absolute latitudes of the table of uncertainties [degree]
UNCERTAIN = ("water_vapour", "air_temperature", "surface_pressure")  # quantities with an uncertainty
_MIDSUMMER = 197.0  # middle of the northern summer [day of the year]
_TROPICS = 15.0  # latitude from which the seasons have their full weight [degree]
# Uncertainty of the elevation [m]: that of flat land, and a fraction [1] of the variance of the elevation between the
# cells around the place. The land columns of five analyses with cells of 2.5 to 4.5 degrees differ by 190 m where the
# cells are even, and by 290, 590 and 1,210 m where their standard deviation is 180, 690 and 1,540 m.
_FLAT_LAND, _RUGGED_LAND = 200.0, 0.64
# Lower limits: the harmonics of the driest and coldest places have zeros.
_DRIEST = 2e-5  # specific humidity [kg kg-1]
_SLOWEST = 0.0  # decrease factor [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClimatologicalAtmosphere:
    """Means of a place and day of the year and their standard uncertainties for a single day; arrays of one shape."""

    water_vapour: Float  # water vapour column above the elevation [kg m-2]
    air_temperature: Float  # air temperature 2 m above the surface, mean of the day [K]
    surface_pressure: Float  # air pressure at the elevation [hPa]
    elevation: Float  # elevation of the surface to which the values belong [m]
    water_vapour_uncertainty: Float  # [kg m-2]
    air_temperature_uncertainty: Float  # [K]
    surface_pressure_uncertainty: Float  # [hPa]
    # Uncertainty of the elevation of a place, which is not part of the others; 0 where the elevation was given [m]
    elevation_uncertainty: Float

    def at_elevation(self, elevation: ArrayLike) -> ClimatologicalAtmosphere:
        """Adjust to another surface elevation [m], as fields of a retrieval are (`lst_raster.physics.elevation`)."""
        end = np.asarray(elevation, float)
        vapour = water_vapour_between(self.water_vapour, self.elevation, end)
        return ClimatologicalAtmosphere(
            water_vapour=vapour,
            air_temperature=air_temperature_between(self.air_temperature, self.elevation, end),
            surface_pressure=surface_pressure_between(self.surface_pressure, self.elevation, end),
            elevation=end + np.zeros_like(vapour),
            water_vapour_uncertainty=vapour * (self.water_vapour_uncertainty / self.water_vapour),
            air_temperature_uncertainty=self.air_temperature_uncertainty + np.zeros_like(vapour),
            surface_pressure_uncertainty=self.surface_pressure_uncertainty + np.zeros_like(vapour),
            elevation_uncertainty=np.zeros_like(vapour),
        )

    def at_unknown_elevation(self) -> ClimatologicalAtmosphere:
        """Include the changes over `elevation_uncertainty` in the others, for a surface of unknown elevation."""
        above = self.at_elevation(self.elevation + self.elevation_uncertainty)
        changes = {name: getattr(above, name) - getattr(self, name) for name in UNCERTAIN}
        names = {name: f"{name}_uncertainty" for name in UNCERTAIN}
        known = {names[name]: np.hypot(getattr(self, names[name]), changes[name]) for name in UNCERTAIN}
        return replace(self, elevation_uncertainty=np.zeros_like(self.elevation), **known)

    def at_pressure(self, surface_pressure: ArrayLike) -> ClimatologicalAtmosphere:
        """Adjust to the elevation at which the climatological pressure is `surface_pressure`. [hPa]"""
        at_sea_level = surface_pressure_between(self.surface_pressure, self.elevation, 0.0)
        return self.at_elevation(elevation_at(np.asarray(surface_pressure, float), at_sea_level))


@dataclass(frozen=True, slots=True)
class ClimatologyTable:
    """Climatology of the globe: coefficients on a grid, and uncertainties by latitude and season."""

    coefficients: Mapping[str, Float]
    """Quantities of `SCALES` in their units, (rows, columns, 5), elevation (rows, columns). Rows are the south pole,
    the cells northwards, and the north pole; the first column is repeated as the last."""
    uncertainties: Mapping[str, Float]
    """Standard uncertainties of water vapour (as fraction), air temperature and surface pressure in winter and summer,
    (2, bands), at the absolute latitudes `BANDS`."""

    @classmethod
    def from_packed(cls, packed: Mapping[str, NDArray[Any]]) -> ClimatologyTable:
        """Unpack the arrays of the file: integers of the cells, and uncertainties."""
        coefficients = {}
        for name, scale in SCALES.items():
            cells = packed[name] * scale
            south, north = (np.broadcast_to(row.mean(axis=0), row.shape)[None] for row in (cells[0], cells[-1]))
            rows = np.concatenate([south, cells, north])
            coefficients[name] = np.concatenate([rows, rows[:, :1]], axis=1)
        return cls(coefficients, {name: packed[f"{name}_uncertainty"].astype(float) for name in UNCERTAIN})

    def at(
        self, latitude: ArrayLike, longitude: ArrayLike, day_of_year: ArrayLike | None = None
    ) -> ClimatologicalAtmosphere:
        """Atmosphere at places and days; parameters, result and errors as in `climatology`."""
        place = np.broadcast_arrays(latitude, longitude, 0.0 if day_of_year is None else day_of_year)
        lat, lon, day = (np.asarray(values, float) for values in place)
        if not (valid := np.abs(lat) <= 90.0).all():
            raise InputError(
                f"latitude {lat[~valid].flat[0]:g} is outside -90 to 90 degrees; check the scene's coordinate system"
            )
        at = {name: _interpolate(values, lat, lon) for name, values in self.coefficients.items()}
        relief = _interpolate(self.coefficients["elevation"] ** 2, lat, lon) - at["elevation"] ** 2
        harmonics = np.eye(5)[0] if day_of_year is None else _harmonics(day)
        mean = {name: (at[name] * harmonics).sum(axis=-1) for name in SCALES if name != "elevation"}
        humidity = np.maximum(mean["specific_humidity"], _DRIEST)
        vapour_pressure = mole_fraction(humidity) * mean["surface_pressure"]
        vapour = column_from_vapour_pressure(vapour_pressure, np.maximum(mean["decrease_factor"], _SLOWEST))
        summer = summer_weight(lat, None if day_of_year is None else day)

        def uncertainty(name: str, quantity: str, scale: Any = 1.0) -> Any:
            variance = self._variance(name, lat, summer)
            if day_of_year is None:  # the variation over the year
                variance = variance + 0.5 * (at[quantity][..., 1:] ** 2).sum(axis=-1) / scale**2
            return np.sqrt(variance)

        return ClimatologicalAtmosphere(
            water_vapour=vapour,
            air_temperature=mean["air_temperature"],
            surface_pressure=mean["surface_pressure"],
            elevation=at["elevation"],
            water_vapour_uncertainty=vapour * uncertainty("water_vapour", "specific_humidity", humidity),
            air_temperature_uncertainty=uncertainty("air_temperature", "air_temperature"),
            surface_pressure_uncertainty=uncertainty("surface_pressure", "surface_pressure"),
            elevation_uncertainty=np.sqrt(_FLAT_LAND**2 + _RUGGED_LAND * np.maximum(relief, 0.0)),
        )

    def _variance(self, name: str, latitude: Float, summer: Float) -> Float:
        """Variance of a quantity, of the water vapour relative to its square, linear in latitude and season."""
        winter, of_summer = (np.interp(np.abs(latitude), BANDS, row) for row in self.uncertainties[name] ** 2)
        return np.asarray(winter + summer * (of_summer - winter))


def climatology(
    latitude: ArrayLike, longitude: ArrayLike, day_of_year: ArrayLike | None = None
) -> ClimatologicalAtmosphere:
    """Climatological atmosphere at places [degree] and days of the year (None: mean of the year).

    Arguments broadcast against each other. Pressure, temperature, humidity and vapour decrease factor of GPT3, on a
    grid of 5 degrees, have an annual and a semiannual variation and are linear in latitude and longitude between the
    centres of the cells. The water vapour column is that of a vapour pressure that is a power of pressure.

    The standard uncertainties are root mean square differences of clear land columns of five days from the climatology,
    by latitude and season (``docs/science/climatology.md``); without a day they include the variation over the year.
    Raises InputError for a latitude outside -90 to 90.

    References
    ----------
    D. Landskron, J. Boehm, J. Geodesy 92, 349 (2018), doi:10.1007/s00190-017-1066-2 (GPT3)
    J. Askne, H. Nordius, Radio Sci. 22, 379 (1987), doi:10.1029/RS022i003p00379 (vapour decrease factor)
    """
    return _packaged().at(latitude, longitude, day_of_year)


def climatology_at_pressure(
    latitude: ArrayLike, longitude: ArrayLike, day_of_year: ArrayLike | None, surface_pressure: ArrayLike
) -> ClimatologicalAtmosphere:
    """Climatological atmosphere, as `climatology`, adjusted to surfaces of a known pressure [hPa] but no elevation."""
    return climatology(latitude, longitude, day_of_year).at_pressure(surface_pressure)


def days_and_years(time: NDArray[np.datetime64]) -> tuple[Float, Float]:
    """Days of the year, from 1, and decimal years of times, NaN where unknown (NaT).

    Examples
    --------
    >>> days_and_years(np.array("2018-07-02T17:00", "datetime64[s]"))
    (array(183.), array(2018.49863388))
    """
    date, year = time.astype("datetime64[D]"), time.astype("datetime64[Y]")
    day = np.asarray((date - year.astype("datetime64[D]")) / np.timedelta64(1, "D") + 1.0)
    return day, np.asarray(np.where(np.isnat(time), np.nan, 1970.0 + year.astype(float)) + (day - 0.5) / 366.0)


def summer_weight(latitude: Float, day_of_year: Float | None) -> Float:
    """Weight of the local summer [1]: 1 in mid-summer, 0 in mid-winter, 0.5 at the equator and without a day."""
    season = np.zeros(()) if day_of_year is None else np.cos(2.0 * np.pi * (day_of_year - _MIDSUMMER) / YEAR)
    return np.asarray(0.5 + 0.5 * season * np.clip(latitude / _TROPICS, -1.0, 1.0))


def _harmonics(day: Float) -> Float:
    """Factors of the coefficients, (..., 5)."""
    angle = 2.0 * np.pi * day / YEAR
    return np.stack([np.ones_like(angle), *(wave(n * angle) for n in (1, 2) for wave in (np.cos, np.sin))], axis=-1)


def _interpolate(table: Float, latitude: Float, longitude: Float) -> Float:
    """Interpolate a quantity to places, (...) or (..., 5)."""
    rows, columns = len(table), table.shape[1] - 1
    centres = np.concatenate([[-90.0], (np.arange(rows - 2) + 0.5) * CELL - 90.0, [90.0]])
    row, column = np.interp(latitude, centres, np.arange(rows)), (longitude / CELL - 0.5) % columns
    i, j = np.minimum(row.astype(int), rows - 2), np.minimum(column.astype(int), columns - 1)
    y, x = (np.reshape(part, row.shape + (1,) * (table.ndim - 2)) for part in (row - i, column - j))
    south = table[i, j] * (1.0 - x) + table[i, j + 1] * x
    north = table[i + 1, j] * (1.0 - x) + table[i + 1, j + 1] * x
    return np.asarray(south * (1.0 - y) + north * y)


@cache
def _packaged() -> ClimatologyTable:
    with np.load(data_path("climatology", "climatology.npz"), allow_pickle=False) as packed:
        return ClimatologyTable.from_packed(packed)
