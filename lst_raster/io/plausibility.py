"""Plausibility checks of scene values against their stated quantity, place and season."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, SceneError
from lst_raster.io.landsat import Calibration
from lst_raster.physics.calibration import radiance_from_digital_number
from lst_raster.physics.planck import brightness_temperature
from lst_raster.sensors.bands import sensor_band

LEVEL_2_SCALE, LEVEL_2_OFFSET = 0.00341802, 149.0
"""Of the digital numbers in `ST_B10` and `ST_B6` of Collection 2. [K]  USGS LSDS-1619, LSDS-1618"""
TEMPERATURE_RANGE = 150.0, 400.0
"""Range of the surface temperatures of pixels; other values are fill, or have another unit. [K]"""
FILL_VALUES = 3  # largest number of different values out of range that are taken as fill, such as -9999 and -32768
HOTTEST_GROUND = 343.0  # highest temperature of natural land surfaces other than lava and fire. [K]
HOT_FRACTION = 0.5  # fraction of a product's temperatures above `HOTTEST_GROUND` that marks the product as wrong. [1]

_OTHER_READINGS = {
    "Level-2 surface temperature": (LEVEL_2_SCALE, LEVEL_2_OFFSET),
    "kelvin": (1.0, 0.0),
    "tenths of a kelvin": (0.1, 0.0),
    "hundredths of a kelvin": (0.01, 0.0),
    "degrees Celsius": (1.0, 273.15),
    "tenths of a degree Celsius": (0.1, 273.15),
    "hundredths of a degree Celsius": (0.01, 273.15),
}  # quantities that may be mistaken for digital numbers, with scale and offset [K]
_WARM = 95.0  # percentile of a scene's warm end: ground, where there is some between clouds
_BELOW_AIR, _ABOVE_AIR = 15.0, 34.0  # [K], usual warm ends relative to the air temperature of place and season
_ANYWHERE = 250.0, 332.0  # [K], usual warm ends where the latitude is unknown
_CLOUD_TOPS = 205.0  # [K], warm ends below are cold clouds or polar night, or another quantity
_POLAR = 66.5  # [degree], latitude beyond which the ground is as cold in winter: 200 K on the Antarctic plateau
_COLDEST, _HOTTEST = 180.0, 360.0  # [K], medians of scenes: from the coldest cloud tops to the hottest deserts
# Largest excess of the warm end over the air temperature of season and latitude: in deserts at ten in the morning up to
# 30 K. Level-2 numbers read as Level-1 are 35 to 50 K too warm.
_ABOVE_SEASON, _ABOVE_YEAR = 34.0, 35.0  # [K], with and without a date
_ABOVE_ALL = 332.0  # [K], largest warm end where the latitude is unknown

# Air temperature at sea level in July and January [K] at the latitudes [degree] of the tropical, mid-latitude and
# sub-arctic atmospheres of G. P. Anderson et al., AFGL Atmospheric Constituent Profiles (0-120 km), AFGL-TR-86-0110
# (1986). The limits above are relative to these: ground in the sun on high plateaus is much warmer than their climate.
_LATITUDES, _JULY, _JANUARY = (15.0, 45.0, 60.0), (299.7, 294.2, 287.2), (299.7, 272.2, 257.2)
_MID_JULY, _YEAR = 197, 365.25  # [day]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """Expected temperatures of a scene from its place and season."""

    latitude: float | None  # latitude. [degree]
    day_of_year: int | None  # day of the year

    @property
    def hottest(self) -> float:
        """Largest plausible brightness temperature of the scene's warm end. [K]"""
        if self.latitude is None:
            return _ABOVE_ALL
        air = usual_air_temperature(self.latitude, self.day_of_year)
        return air + (_ABOVE_YEAR if self.day_of_year is None else _ABOVE_SEASON)

    def other_quantities(self, value: float) -> str:
        """Quantities other than digital numbers as which a scene's warm end would be a usual temperature."""
        low, high = _ANYWHERE
        if self.latitude is not None:
            air = usual_air_temperature(self.latitude, self.day_of_year)
            low, high = air - _BELOW_AIR, air + _ABOVE_AIR
        kelvin = {name: value * scale + offset for name, (scale, offset) in _OTHER_READINGS.items()}
        return " or ".join(f"{name} ({found:.0f} K)" for name, found in kelvin.items() if low <= found <= high)


def usual_air_temperature(latitude: float, day_of_year: int | None) -> float:
    """Air temperature of lowlands [K] by latitude [degree] and day of the year (None: mean of summer and winter).

    Examples
    --------
    >>> usual_air_temperature(45.0, 197)
    294.2
    """
    season = 0.0 if day_of_year is None else math.cos(2.0 * math.pi * (day_of_year - _MID_JULY) / _YEAR)
    summer = 0.5 + 0.5 * (season if latitude >= 0.0 else -season)
    warm, cold = (float(np.interp(abs(latitude), _LATITUDES, ends)) for ends in (_JULY, _JANUARY))
    return summer * warm + (1.0 - summer) * cold


def check_values(values: NDArray[Any], sensor: str, calibration: Calibration, expected: Expectation) -> str:
    """Raise SceneError for a sample of valid values that cannot be Level-1 digital numbers of a thermal band.

    Returns other quantities that they may be, empty where digital numbers are the only plausible one.
    """
    if values.size == 0:
        return ""
    largest = sensor_band(sensor).largest_digital_number
    if values.max() > largest:
        raise SceneError(
            f"the scene has values up to {values.max():g}, a Level-1 file of {sensor} at most {largest}; "
            "give the Level-1 thermal band, or correct --sensor"
        )
    median, warm = (float(value) for value in np.percentile(values, (50.0, _WARM)))
    radiance = radiance_from_digital_number(np.array([median, warm]), calibration.gain, calibration.offset)
    middle, warmest = (float(value) for value in brightness_temperature(radiance, sensor_band(sensor).planck))
    if not _COLDEST <= middle <= _HOTTEST:
        reading = f"a brightness temperature of {middle:.0f} K" if middle > 0.0 else "a radiance below 0"
        raise SceneError(
            f"the scene's median value {median:g} is {reading}, outside the range of scenes; "
            f"{_advice_on_number(median, expected)}"
        )
    if largest <= 255:
        return ""
    may_be_ground = abs(expected.latitude or 0.0) >= _POLAR and calibration.source != "default"
    if warmest < _CLOUD_TOPS and not may_be_ground and (others := expected.other_quantities(warm)):
        raise SceneError(
            f"the scene's warm end, value {warm:.0f}, is a brightness temperature of {warmest:.0f} K, that of the "
            f"highest clouds; the values may be in {others}; give the Level-1 digital numbers, or specify the quantity "
            "with --quantity"
        )
    if warmest > expected.hottest:
        level_2 = warm * LEVEL_2_SCALE + LEVEL_2_OFFSET
        dated = "" if expected.day_of_year else ", or give the date with --date"
        raise SceneError(
            f"the scene's warm end, value {warm:.0f}, is a brightness temperature of {warmest:.0f} K, too hot for the "
            f"place and season; as Level-2 surface temperature it is {level_2:.0f} K, which needs no retrieval; give "
            f"the Level-1 thermal band{dated}"
        )
    return expected.other_quantities(warm)


def _advice_on_number(median: float, expected: Expectation) -> str:
    remedy = "give the Level-1 digital numbers, or specify the quantity with --quantity"
    if -80.0 < median < 0.1 or 30.0 < median < 80.0:
        return f"it may be in degrees Celsius; {remedy}"
    if 0.1 <= median <= 30.0:
        return f"it may be radiance, or degrees Celsius; {remedy}"
    if 180.0 <= median <= 360.0:
        return f"it may be a temperature already; {remedy}"
    others = expected.other_quantities(median)
    also = f"; the values may also be in {others}: give the Level-1 digital numbers" if others else ""
    return f"check the sensor and the calibration constants{also}"


def check_radiance(radiance: NDArray[Any], sensor: str) -> None:
    """Raise InputError for at-sensor radiances [W m-2 sr-1 um-1] whose median is not that of a scene.

    NaN and values that are not positive are ignored.
    """
    step = max(1, int((radiance.size / 256**2) ** (1.0 / max(1, radiance.ndim))))
    sample = radiance[tuple(slice(None, None, step) for _ in radiance.shape)]
    known = sample[np.isfinite(sample) & (sample > 0.0)]
    if known.size == 0:
        return
    median = np.median(known).astype(np.float64)
    temperature = float(brightness_temperature(median, sensor_band(sensor).planck))
    if not _COLDEST <= temperature <= _HOTTEST:
        kelvin = f"a brightness temperature of {temperature:.0f} K" if temperature > 0.0 else "no temperature at all"
        raise InputError(
            f"a median radiance of {median:g} W m-2 sr-1 um-1 is {kelvin} in {sensor}, outside the range of scenes; "
            "give at-sensor radiance: Level-1 digital numbers times their gain plus their offset"
        )


def require_no_wrap(numbers: NDArray[Any], dtype: str, what: str) -> None:
    """Raise SceneError for a signed file of few bits whose hottest pixels have become negative by overflow.

    `numbers` is a sample of all values, with fill.
    """
    negative = np.unique(numbers[numbers < 0.0]) if dtype in ("int8", "int16") else np.array([])
    if negative.size > FILL_VALUES:
        raise SceneError(
            f"{what} has negative numbers such as {negative[0]:.0f} in {dtype}: larger numbers have overflowed; "
            "store the Level-1 digital numbers as uint16"
        )


def require_no_scale(dataset: Any, what: str, calibration: Calibration) -> None:
    """Raise SceneError for an open file whose scale and offset are not those of Level-1 digital numbers."""
    scale, offset = dataset.scales[0], dataset.offsets[0]
    if (scale, offset) == (1.0, 0.0) or np.allclose((scale, offset), (calibration.gain, calibration.offset), rtol=1e-3):
        return
    kind = "a Level-2 surface temperature" if np.isclose(scale, LEVEL_2_SCALE) else "no Level-1 band"
    raise SceneError(
        f"{what} has scale {scale:g} and offset {offset:g}: it is {kind}; give the thermal band of Level-1"
    )


def check_measured(
    values: NDArray[Any], radiance: NDArray[Any], sensor: str, quantity: str, expected: Expectation
) -> None:
    """Raise SceneError for a raster whose values cannot be the stated radiance or brightness temperature.

    `values` is a sample with scale and offset applied, `radiance` that of the positive ones. [W m-2 sr-1 um-1]
    """
    negative = np.unique(values[values < 0.0])
    if negative.size > FILL_VALUES:
        raise SceneError(
            f"the scene has negative values such as {negative[-1]:.3g}; expected positive {quantity}. "
            "It may be in degrees Celsius: give kelvin, or set its nodata value"
        )
    if radiance.size == 0:
        return
    median = float(np.median(values[values > 0.0]))
    middle, warm = brightness_temperature(np.percentile(radiance, (50.0, _WARM)), sensor_band(sensor).planck)
    if not _COLDEST <= middle <= _HOTTEST:
        has_temperature = quantity == "radiance" and np.isfinite(middle)
        reading = f" is a brightness temperature of {middle:.0f} K in {sensor}," if has_temperature else " is"
        raise SceneError(
            f"the scene's median {quantity} {median:.4g}{reading} outside the range of scenes; "
            f"{_advice_on_quantity(median, quantity)}"
        )
    if warm > expected.hottest:
        raise SceneError(
            f"the scene's warm end is a brightness temperature of {warm:.0f} K in {sensor}, too hot for the "
            f"place and season; {_advice_on_quantity(median, quantity)}, or give the date with --date"
        )


def _advice_on_quantity(median: float, quantity: str) -> str:
    if quantity == "radiance":
        if 180.0 <= median <= 360.0:
            return "it may be a temperature in kelvin: --quantity brightness-temperature"
        if median > 30.0:
            return "it may be per wavenumber, in mW, or digital numbers; give W m-2 sr-1 um-1"
        return "it may be degrees Celsius, or of another sensor; give W m-2 sr-1 um-1"
    if quantity == "brightness-temperature":
        if median < 80.0:
            return "it may be degrees Celsius, or radiance; give kelvin, or --quantity radiance"
        return "it may be scaled; give kelvin"
    return "check the gain and the offset of the sensor's definition"
