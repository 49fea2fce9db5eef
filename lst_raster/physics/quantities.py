"""Physical quantities in input files and arguments: units, unit conversions and valid ranges."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from lst_raster.errors import InputError
from lst_raster.physics.constants import GRAVITY

Conversions = Mapping[str, tuple[float, float]]  # factor and offset of the conversion, by unit

LENGTH_UNITS: Conversions = {
        "m": (1.0, 0.0), "km": (1000.0, 0.0), "ft": (0.3048, 0.0), "US survey foot": (1200.0 / 3937.0, 0.0),
        "gpm": (1.0, 0.0), "m2 s-2": (1.0 / GRAVITY, 0.0),
    }  # fmt: skip
"""Heights, converted to m; ``gpm`` is the geopotential metre, ``m2 s-2`` the unit of geopotential."""
COLUMN_UNITS: Conversions = {"kg m-2": (1.0, 0.0), "mm": (1.0, 0.0), "cm": (10.0, 0.0), "g cm-2": (10.0, 0.0)}
"""Water vapour columns, converted to kg m-2: mass per area, or depth of the condensed water."""
TEMPERATURE_UNITS: Conversions = {"K": (1.0, 0.0), "degC": (1.0, 273.15), "degF": (5.0 / 9.0, 459.67 * 5.0 / 9.0)}
"""Temperatures, converted to K."""
KELVIN_UNITS: Conversions = {"K": (1.0, 0.0)}  # differences of temperatures
PRESSURE_UNITS: Conversions = {"hPa": (1.0, 0.0), "mbar": (1.0, 0.0), "kPa": (10.0, 0.0), "Pa": (0.01, 0.0)}  # to hPa
MASS_FRACTION_UNITS: Conversions = {"kg kg-1": (1.0, 0.0), "g kg-1": (1e-3, 0.0), "1": (1.0, 0.0)}  # to kg kg-1
FRACTION_UNITS: Conversions = {"1": (1.0, 0.0)}  # fractions
RADIANCE_UNITS: Conversions = {"W m-2 sr-1 um-1": (1.0, 0.0), "mW cm-2 sr-1 um-1": (10.0, 0.0)}  # to W m-2 sr-1 um-1

SPELLINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "m": ("metre", "metres", "meter", "meters"),
        "km": ("kilometre", "kilometres", "kilometer", "kilometers"),
        "ft": ("foot", "feet", "international foot"),
        "US survey foot": ("US survey feet", "US foot", "us-ft", "ftUS", "foot_us", "survey foot"),
        "gpm": ("geopotential metre", "geopotential meter"),
        "m2 s-2": ("m+2 s-2", "m2/s2", "J kg-1", "J/kg"),
        "kg m-2": ("kg/m2",),
        "mm": ("millimetre", "millimetres", "millimeter", "millimeters"),
        "cm": ("centimetre", "centimetres", "centimeter", "centimeters"),
        "g cm-2": ("g/cm2",),
        "K": ("kelvin", "kelvins", "degK", "degree_kelvin", "degrees_kelvin", "°K"),
        "degC": ("C", "°C", "celsius", "degree_C", "degrees_C", "degree_celsius", "degrees_celsius"),
        "degF": ("F", "°F", "fahrenheit", "degree_F", "degrees_F", "degree_fahrenheit", "degrees_fahrenheit"),
        "hPa": ("hectopascal", "hectopascals"),
        "mbar": ("mb", "millibar", "millibars"),
        "kPa": ("kilopascal", "kilopascals"),
        "Pa": ("pascal", "pascals"),
        "kg kg-1": ("kg/kg",),
        "g kg-1": ("g/kg", "grams/kg"),
        "1": ("fraction", "ratio", "dimensionless", "unitless"),
        "%": ("percent",),
        "W m-2 sr-1 um-1": (
            "W m-2 um-1 sr-1", "W/m2/sr/um", "W/m2/um/sr", "W/(m2 sr um)", "W/(m2 um sr)", "W/(m2 srad um)",
            "Watts/(m2 srad um)",
        ),
        "mW cm-2 sr-1 um-1": ("mW cm-2 um-1 sr-1", "mW/cm2/sr/um", "mW/(cm2 sr um)"),
        "DN": ("digital number", "digital numbers", "counts"),
    }
)  # fmt: skip
"""Other spellings of units; case, blanks, brackets and exponent signs are ignored (``kg m**-2``)."""


def _plain(units: str) -> str:
    r"""Convert a unit to lower case without blanks, brackets and exponent signs.

    Examples
    --------
    >>> _plain("kg m**-2"), _plain("[kg m\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT TWO}]")
    ('kgm-2', 'kgm-2')
    """
    letters = unicodedata.normalize("NFKC", units).translate({0x3BC: "u", 0x2212: "-"})  # Greek mu, minus sign
    return re.sub(r"[\s*^._()\[\]]", "", letters).lower()


_NAMES = {_plain(spelling): name for name, others in SPELLINGS.items() for spelling in (name, *others)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """Quantity with its unit, valid range and accepted input units."""

    name: str  # name, as in the model contract
    units: str  # internal unit
    low: float  # lowest valid value
    high: float  # highest valid value
    open_below: bool = False  # True if the lowest value is excluded
    accepted: Conversions
    """Accepted units with factor and offset of the conversion to `units`; their `SPELLINGS` are accepted too."""
    hint: str  # remedy for an invalid value, for messages

    @property
    def title(self) -> str:
        """Name for messages."""
        return self.name.replace("_", " ")

    def check(self, values: Any, where: str) -> None:
        """Raise InputError, which gives the lowest and the highest value, if any value is outside the valid range.

        `values` is a number or an array without missing values; `where` is their source, for the message.
        """
        if np.size(values) == 0:
            return
        low, high = float(np.min(values)), float(np.max(values))
        above = low > self.low if self.open_below else low >= self.low
        if above and high <= self.high:
            return
        found = f"has values from {low:g} to {high:g}" if low < high else f"is {low:g}"
        limits = f"{'(' if self.open_below else '['}{self.low:g}, {self.high:g}]"
        units = "" if self.units == "1" else f" {self.units}"
        raise InputError(f"{where} {found}, outside {limits}{units}; {self.hint}")

    def conversion(self, units: str) -> tuple[float, float] | None:
        """Factor and offset of the conversion from a unit to `units`, None for unknown units.

        Examples
        --------
        >>> ELEVATION.conversion("feet"), ELEVATION.conversion("furlong")
        ((0.3048, 0.0), None)
        """
        return self.accepted.get(_NAMES.get(_plain(units), ""))

    def require_conversion(self, units: str | None, where: str) -> tuple[float, float]:
        """Factor and offset of the conversion from a declared unit to `units`; InputError for other units.

        None and an empty string mean `units`; `where` is the source of the unit, for the message.
        """
        declared = (units or "").strip()
        found = self.conversion(declared) if declared else (1.0, 0.0)
        if found is None:
            wanted = "a fraction, 0 to 1, without a unit" if self.units == "1" else self.units
            raise InputError(
                f"{where} has the unit {declared!r}, which is not one of {', '.join(self.accepted)}; "
                f"convert the values to {wanted}, or correct the unit"
            )
        return found


EMISSIVITY = Quantity(
    name="emissivity", units="1", low=0.0, high=1.0, open_below=True, accepted=FRACTION_UNITS,
    hint="give a fraction; for a raster of scaled integers set its scale, for missing pixels a nodata value",
)  # fmt: skip
WATER_VAPOUR = Quantity(
    name="water_vapour", units="kg m-2", low=0.0, high=100.0, accepted=COLUMN_UNITS,
    hint="give the total column in kg m-2 (= mm), or with its unit, such as 2.9cm",
)  # fmt: skip
AIR_TEMPERATURE = Quantity(
    name="air_temperature", units="K", low=180.0, high=340.0, accepted=TEMPERATURE_UNITS,
    hint="give the air temperature in K, or in degrees Celsius with their unit, such as 25C",
)  # fmt: skip
SURFACE_PRESSURE = Quantity(
    name="surface_pressure", units="hPa", low=300.0, high=1100.0, accepted=PRESSURE_UNITS,
    hint="give the surface pressure in hPa, or with its unit, such as 98.5kPa",
)  # fmt: skip
AEROSOL_OPTICAL_DEPTH = Quantity(
    name="aerosol_optical_depth", units="1", low=0.0, high=1.0, accepted=FRACTION_UNITS,
    hint="give the absorption optical depth at 11 um, about 0.02 in clear air and 0.1 in haze or dust",
)  # fmt: skip
GAS_YEAR = Quantity(
    name="gas_year", units="year", low=1980.0, high=2030.0, accepted={"year": (1.0, 0.0)},
    hint="the concentrations of trace gases are known from 1980 to 2030",
)  # fmt: skip
BRIGHTNESS_TEMPERATURE = Quantity(
    name="brightness_temperature", units="K", low=130.0, high=400.0, accepted=TEMPERATURE_UNITS,
    hint="give the brightness temperature at the sensor in K",
)  # fmt: skip
BRIGHTNESS_TEMPERATURE_DIFFERENCE = Quantity(
    name="brightness_temperature_difference", units="K", low=-30.0, high=30.0, accepted=KELVIN_UNITS,
    hint="give the brightness temperature of the first less the second band in K",
)  # fmt: skip
BRIGHTNESS_TEMPERATURE_DIFFERENCE_UNCERTAINTY = Quantity(
    name="brightness_temperature_difference_uncertainty", units="K", low=0.0, high=30.0, accepted=KELVIN_UNITS,
    hint="give a standard uncertainty in K",
)  # fmt: skip
NEIGHBOURHOOD_EMISSIVITY = Quantity(
    name="neighbourhood_emissivity", units="1", low=0.0, high=1.0, open_below=True, accepted=FRACTION_UNITS,
    hint="give the emissivity of the first band",
)  # fmt: skip
EMISSIVITY_DIFFERENCE = Quantity(
    name="emissivity_difference", units="1", low=-1.0, high=1.0, accepted=FRACTION_UNITS,
    hint="give the emissivity of the second less the first band",
)  # fmt: skip
EMISSIVITY_DIFFERENCE_UNCERTAINTY = Quantity(
    name="emissivity_difference_uncertainty", units="1", low=0.0, high=1.0, accepted=FRACTION_UNITS,
    hint="give a standard uncertainty",
)  # fmt: skip
NEIGHBOURHOOD = (
    BRIGHTNESS_TEMPERATURE, BRIGHTNESS_TEMPERATURE_DIFFERENCE, BRIGHTNESS_TEMPERATURE_DIFFERENCE_UNCERTAINTY,
    NEIGHBOURHOOD_EMISSIVITY, EMISSIVITY_DIFFERENCE, EMISSIVITY_DIFFERENCE_UNCERTAINTY,
)  # fmt: skip
"""Quantities of the neighbourhood of the pixels: the first of models of one band, all of models of two."""
ELEVATION = Quantity(
    name="elevation", units="m", low=-500.0, high=9000.0, accepted=LENGTH_UNITS,
    hint="give the elevation above sea level in m, or with its unit",
)  # fmt: skip
RADIANCE = Quantity(
    name="radiance", units="W m-2 sr-1 um-1", low=0.0, high=100.0, accepted=RADIANCE_UNITS,
    hint="give the at-sensor radiance: Level-1 digital numbers times gain plus offset",
)  # fmt: skip
HUMIDITY_2M = Quantity(
    # spectral models and packing cause small negative values
    name="specific_humidity_2m", units="kg kg-1", low=-1e-3, high=0.1, accepted=MASS_FRACTION_UNITS,
    hint="give the mass of water vapour per mass of moist air at 2 m in kg kg-1",
)  # fmt: skip
DEW_POINT = Quantity(
    name="dew_point", units="K", low=150.0, high=340.0, accepted=TEMPERATURE_UNITS,
    hint="give the dew point at 2 m in K",
)  # fmt: skip
PRESSURE = Quantity(
    name="pressure", units="hPa", low=0.0, high=1100.0, accepted=PRESSURE_UNITS,
    hint="give the pressure of the levels in hPa",
)  # fmt: skip
TEMPERATURE = Quantity(
    name="temperature", units="K", low=130.0, high=350.0, accepted=TEMPERATURE_UNITS,
    hint="give the air temperature on levels in K",
)  # fmt: skip
SPECIFIC_HUMIDITY = Quantity(
    # spectral models and packing cause small negative values
    name="specific_humidity", units="kg kg-1", low=-1e-3, high=0.1, accepted=MASS_FRACTION_UNITS,
    hint="give the mass of water vapour per mass of moist air in kg kg-1",
)  # fmt: skip
RELATIVE_HUMIDITY = Quantity(
    name="relative_humidity", units="1", low=-0.1, high=2.0, accepted={"1": (1.0, 0.0), "%": (0.01, 0.0)},
    hint="give the relative humidity as a fraction or in %",
)  # fmt: skip
