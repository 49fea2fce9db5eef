"""Are these numbers what they are taken for? The guard against wrong inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, SceneError
from lst_raster.io.landsat import Calibration, largest_digital_number
from lst_raster.physics.calibration import radiance_from_digital_number
from lst_raster.physics.planck import brightness_temperature
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.standard_atmosphere import standard_atmosphere

LEVEL_2_SCALE, LEVEL_2_OFFSET = 0.00341802, 149.0
"""Of the numbers in `ST_B10` and `ST_B6` of Collection 2, surface temperature. [K]  USGS LSDS-1619, LSDS-1618"""

KELVIN = 150.0, 400.0
"""Range outside which a number is no temperature of the Earth's surface, of a pixel: fill, or another unit. [K]"""
FILLS = 3
"""Different impossible values that may be fill, such as -9999 and -32768; more are something else."""

HOTTEST_GROUND = 343.0
"""Temperature that no natural land surface exceeds, but lava and fire. [K]"""
LARGELY = 0.5
"""Share of a product's temperatures above `HOTTEST_GROUND` that makes it a wrong one. [1]"""

_OTHER_READINGS = {
    "Level-2 surface temperature": (LEVEL_2_SCALE, LEVEL_2_OFFSET),
    "kelvin": (1.0, 0.0),
    "tenths of a kelvin": (0.1, 0.0),
    "hundredths of a kelvin": (0.01, 0.0),
    "degrees Celsius": (1.0, 273.15),
    "tenths of a degree Celsius": (0.1, 273.15),
    "hundredths of a degree Celsius": (0.01, 273.15),
}  # what numbers that are no digital numbers of the band may be, each with scale and offset [K]
_BELOW_AIR, _ABOVE_AIR = 15.0, 34.0  # [K], a scene's warm end against the air of place and season, of other readings
_ANYWHERE = 250.0, 332.0  # [K], the same where the latitude is not known
_CLOUD_TOPS = 205.0  # [K], warm ends below are cold clouds or polar night, or numbers of another quantity
_COLDEST, _HOTTEST = 180.0, 360.0  # [K], medians of scenes: colder than any cloud top, hotter than any desert
_WARM = 95.0  # percentile of a scene's warm end: ground, where there is some between clouds
# By how much the warm end exceeds the air temperature that season and latitude let expect: in deserts at ten in the
# morning up to 30 K. Level-2 taken for Level-1 comes out 35 to 50 K too warm.
_ABOVE_SEASON, _ABOVE_YEAR = 34.0, 35.0  # [K], with and without a date
_ABOVE_ALL = 332.0  # [K], where the latitude is not known
_SHORT = ("int8", "int16")
_SAMPLE = 256  # rows and columns of a thinned array


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What place and time let expect of a scene."""

    latitude: float | None
    """Latitude. [degree]"""
    day_of_year: int | None
    """Day of the year."""

    @property
    def hottest(self) -> float:
        """Brightness temperature that the warm end of a scene does not exceed. [K]"""
        if self.latitude is None:
            return _ABOVE_ALL
        air = standard_atmosphere(self.latitude, self.day_of_year).air_temperature
        return air + (_ABOVE_YEAR if self.day_of_year is None else _ABOVE_SEASON)

    @property
    def usual(self) -> tuple[float, float]:
        """Range of temperatures in which the warm end of a scene usually is. [K]"""
        if self.latitude is None:
            return _ANYWHERE
        air = standard_atmosphere(self.latitude, self.day_of_year).air_temperature
        return air - _BELOW_AIR, air + _ABOVE_AIR

    def other_readings(self, value: float) -> str:
        """Quantities, other than digital numbers, as which the number of a scene's warm end is a usual temperature.

        Examples
        --------
        >>> Expectation(latitude=45.0, day_of_year=197).other_readings(2900.0)
        'tenths of a kelvin (290 K) or hundredths of a degree Celsius (302 K)'
        """
        low, high = self.usual
        kelvin = {name: value * scale + offset for name, (scale, offset) in _OTHER_READINGS.items()}
        return " or ".join(f"{name} ({found:.0f} K)" for name, found in kelvin.items() if low <= found <= high)


def check_values(values: NDArray[Any], sensor: str, calibration: Calibration, expected: Expectation) -> str:
    """Refuse digital numbers that cannot be those of a Level-1 thermal band.

    Parameters
    ----------
    values : array of shape (pixels,)
        A sample of valid digital numbers.
    sensor : str
        Sensor band, for example ``landsat8-b10``.
    calibration : Calibration
        How they become radiance.
    expected : Expectation
        What place and time let expect.

    Returns
    -------
    str
        What the numbers may be just as well, empty where they can be nothing but digital numbers.

    Raises
    ------
    SceneError
        They are too large for the sensor, their brightness temperature is not one of the Earth, it is too hot for the
        place and the season, or it is one of the highest clouds while another reading is a usual temperature.
    """
    if values.size == 0:
        return ""
    largest = largest_digital_number(sensor)
    if values.max() > largest:
        raise SceneError(
            f"the scene holds values up to {values.max():g}, a Level-1 file of {sensor} at most {largest}; "
            "give the Level-1 thermal band, or correct --sensor"
        )
    median, warm = (float(value) for value in np.percentile(values, (50.0, _WARM)))
    radiance = radiance_from_digital_number(np.array([median, warm]), calibration.gain, calibration.offset)
    temperatures = brightness_temperature(radiance, sensor_band(sensor).planck)
    _check_median(median, float(temperatures[0]), expected)
    if largest <= 255:
        return ""
    _check_level(warm, float(temperatures[1]), expected)
    return expected.other_readings(warm)


def _check_median(value: float, temperature: float, expected: Expectation) -> None:
    if _COLDEST <= temperature <= _HOTTEST:
        return
    what = (
        f"a brightness temperature of {temperature:.0f} K, which no scene"
        if temperature > 0.0
        else "a radiance below 0, which none"
    )
    raise SceneError(f"the scene's median value {value:g} is {what} has; {_advice(value, expected)}")


def _check_level(value: float, temperature: float, expected: Expectation) -> None:
    if temperature < _CLOUD_TOPS and (others := expected.other_readings(value)):
        raise SceneError(
            f"the scene's warm end, value {value:.0f}, is a brightness temperature of {temperature:.0f} K, that of the "
            f"highest clouds; the values may be in {others}; give the Level-1 digital numbers, or state what they are "
            "with --quantity"
        )
    if temperature <= expected.hottest:
        return
    level_2 = value * LEVEL_2_SCALE + LEVEL_2_OFFSET
    dated = "" if expected.day_of_year else ", or state the date with --date"
    raise SceneError(
        f"the scene's warm end, value {value:.0f}, is a brightness temperature of {temperature:.0f} K, too hot for the "
        f"place and season; as Level-2 surface temperature it is {level_2:.0f} K, and retrieved already; give the "
        f"Level-1 thermal band{dated}"
    )


_REMEDY = "give the Level-1 digital numbers, or state what the values are with --quantity"


def _advice(median: float, expected: Expectation) -> str:
    if -80.0 < median < 0.1 or 30.0 < median < 80.0:
        return f"it may be in degrees Celsius; {_REMEDY}"
    if 0.1 <= median <= 30.0:
        return f"it may be radiance, or degrees Celsius; {_REMEDY}"
    if 180.0 <= median <= 360.0:
        return f"it may be a temperature already; {_REMEDY}"
    others = expected.other_readings(median)
    also = f"; the values may also be in {others}: give the Level-1 digital numbers" if others else ""
    return f"check the sensor and the calibration constants{also}"


def check_radiance(radiance: NDArray[Any], sensor: str) -> None:
    """Refuse numbers that cannot be radiances of a thermal band.

    Parameters
    ----------
    radiance : array, any shape
        What is taken for radiance at the sensor; what is not positive, and NaN, is not looked at. [W m-2 sr-1 um-1]
    sensor : str
        Sensor band, for example ``landsat8-b10``.

    Raises
    ------
    InputError
        Their median is a brightness temperature that no scene has.
    """
    step = max(1, int((radiance.size / _SAMPLE**2) ** (1.0 / max(1, radiance.ndim))))
    sample = radiance[tuple(slice(None, None, step) for _ in radiance.shape)]
    known = sample[np.isfinite(sample) & (sample > 0.0)]
    if known.size == 0:
        return
    median = np.median(known).astype(np.float64)
    temperature = float(brightness_temperature(median, sensor_band(sensor).planck))
    if not _COLDEST <= temperature <= _HOTTEST:
        kelvin = f"a brightness temperature of {temperature:.0f} K" if temperature > 0.0 else "no temperature at all"
        raise InputError(
            f"a median radiance of {median:g} W m-2 sr-1 um-1 is {kelvin} in {sensor}, and no scene has that; give the "
            "radiance at the sensor: Level-1 digital numbers times their gain plus their offset"
        )


def require_no_wrap(numbers: NDArray[Any], dtype: str, what: str) -> None:
    """Refuse a file whose type has a sign and too few bits, so that its hottest pixels have become negative.

    Parameters
    ----------
    numbers : array of any shape
        A sample of all values.
    dtype : str
        Type in which the file holds them.
    what : str
        Its name, for the message.

    Raises
    ------
    SceneError
        It has more negative values than those that stand for nothing.
    """
    negative = np.unique(numbers[numbers < 0.0]) if dtype in _SHORT else np.array([])
    if negative.size > FILLS:
        raise SceneError(
            f"{what} holds negative numbers such as {negative[0]:.0f} in {dtype}: those too large for it have wrapped "
            "around; store the Level-1 digital numbers as uint16"
        )


def require_no_scale(dataset: Any, what: str, calibration: Calibration) -> None:
    """Refuse a file whose own scale and offset say that it does not hold Level-1 digital numbers.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The open file.
    what : str
        Its name, for the message.
    calibration : Calibration
        The scale and offset that a Level-1 file may carry.

    Raises
    ------
    SceneError
        The file carries another scale or offset.
    """
    scale, offset = dataset.scales[0], dataset.offsets[0]
    if (scale, offset) == (1.0, 0.0) or np.allclose((scale, offset), (calibration.gain, calibration.offset), rtol=1e-3):
        return
    kind = "a Level-2 surface temperature" if np.isclose(scale, LEVEL_2_SCALE) else "no Level-1 band"
    raise SceneError(
        f"{what} carries scale {scale:g} and offset {offset:g}: it is {kind}; give the thermal band of Level-1"
    )


def check_measured(
    values: NDArray[Any], radiance: NDArray[Any], sensor: str, quantity: str, expected: Expectation
) -> None:
    """Refuse a raster whose values cannot be the radiance, or the brightness temperature, that they are said to be.

    Parameters
    ----------
    values : array of shape (pixels,)
        A sample of its values, scale and offset applied.
    radiance : array of shape (pixels,)
        Radiance of those that are positive. [W m-2 sr-1 um-1]
    sensor : str
        Sensor band.
    quantity : str
        What they are said to be.
    expected : Expectation
        What place and time let expect.

    Raises
    ------
    SceneError
        They are negative, their median is a temperature that no scene has, or the warm end is too hot for the place.
    """
    negative = np.unique(values[values < 0.0])
    if negative.size > FILLS:
        raise SceneError(
            f"the scene holds negative values such as {negative[-1]:.3g}, and no {quantity} is; "
            "it may be in degrees Celsius: give kelvin, or state its nodata value"
        )
    if radiance.size == 0:
        return
    median = float(np.median(values[values > 0.0]))
    middle, warm = (float(value) for value in np.percentile(radiance, (50.0, _WARM)))
    temperatures = brightness_temperature(np.array([middle, warm]), sensor_band(sensor).planck)
    if not _COLDEST <= temperatures[0] <= _HOTTEST:
        telling = quantity == "radiance" and np.isfinite(temperatures[0])
        meant = (
            f"is a brightness temperature of {temperatures[0]:.0f} K in {sensor}, which" if telling else "is one that"
        )
        raise SceneError(
            f"the scene's median {quantity} {median:.4g} {meant} no scene has; {_advice_on(median, quantity)}"
        )
    if temperatures[1] > expected.hottest:
        raise SceneError(
            f"the scene's warm end is a brightness temperature of {temperatures[1]:.0f} K in {sensor}, too hot for the "
            f"place and season; {_advice_on(median, quantity)}, or state the date with --date"
        )


def _advice_on(median: float, quantity: str) -> str:
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
    return "check the gain and the offset with which the sensor is defined"
