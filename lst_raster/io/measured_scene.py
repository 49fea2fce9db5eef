"""Rasters of radiance or brightness temperature at the sensor, of any sensor band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place, is_archive, is_metadata, open_bundle
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate, Calibration, FileName
from lst_raster.io.plausibility import FILL_VALUES, TEMPERATURE_RANGE, Expectation, check_measured
from lst_raster.io.raster import Float32, open_raster, read_stored
from lst_raster.io.scene import DATE_TAG, Pixels, Scene
from lst_raster.io.scene_files import SceneFiles
from lst_raster.physics.calibration import radiance_from_digital_number, radiance_two_constants
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.quantities import AIR_TEMPERATURE, RADIANCE, Quantity
from lst_raster.sensors.bands import SensorBand, sensor_band

_BRIGHTNESS_TEMPERATURE = replace(
    AIR_TEMPERATURE, name="brightness_temperature", low=TEMPERATURE_RANGE[0], high=TEMPERATURE_RANGE[1]
)
_DIGITAL_NUMBERS = Quantity(
    name="digital_numbers", units="DN", low=0.0, high=float("inf"), accepted={"DN": (1.0, 0.0), "1": (1.0, 0.0)},
    hint="give the digital numbers of the sensor",
)  # fmt: skip
QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {"radiance": RADIANCE, "brightness-temperature": _BRIGHTNESS_TEMPERATURE, "digital-numbers": _DIGITAL_NUMBERS}
)
"""Possible quantities of a raster."""

_VALID_RANGES = {"radiance": (0.0, 40.0), "brightness-temperature": TEMPERATURE_RANGE}  # all other values are fill
_SAMPLE = 256  # rows and columns of the subsampled raster on which the values are checked


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredScene(Scene):
    """Raster of at-sensor radiance or brightness temperature, checked. Create it with `MeasuredScene.open`."""

    @classmethod
    def open(
        cls,
        path: str | Location,
        *,
        band: str | None = None,
        sensor: str | None = None,
        date: str | None = None,
        quantity: str | None = None,
    ) -> MeasuredScene:
        """Read the metadata of a raster and check its values.

        Parameters
        ----------
        path : str, path or Address
            GeoTIFF, or another raster of one band, on disk or on a server; its scale and offset are applied.
        band : str, optional
            Not allowed: `sensor` names a single band.
        sensor : str
            Sensor band, shipped or custom.
        date : str, optional
            Date of acquisition, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``; by default that of the
            file's metadata item ``ACQUISITION_DATE``.
        quantity : {"radiance", "brightness-temperature", "digital-numbers"}
            Quantity in the raster: at-sensor radiance [W m-2 sr-1 um-1]; brightness temperature [K], converted for a
            Landsat band with the two constants of the metadata, else with Planck's function over the response; or
            digital numbers, converted with the gain and the offset of a custom sensor. Values that are not positive,
            NaN, radiances above 40 W m-2 sr-1 um-1 and temperatures outside 150 to 400 K are fill.

        Returns
        -------
        MeasuredScene
            The scene; no file stays open.

        Raises
        ------
        InputNotFoundError
            There is no such path.
        SceneError
            The file is not a raster of one band, or its values or its unit contradict the quantity.
        UnknownSensorError
            The sensor band is unknown or not given.
        InputError
            The date is not valid, the quantity is unknown or not given, or the unit of the file is unknown.
        """
        known = _band(path, sensor, band)
        if quantity is None or quantity not in QUANTITIES:
            raise InputError(f"quantity is {quantity!r}; give one of {', '.join(QUANTITIES)}")
        place = Place.of(path)
        if is_archive(place) or is_metadata(place) or (place.remote is None and place.disk.is_dir()):
            raise SceneError(f"{place} is not a raster; with a quantity give the raster itself, a GeoTIFF of one band")
        stated = AcquisitionDate.parse(date) if date is not None else None
        stem = Path(place.name).stem
        with open_raster(place, "scene", SceneError) as dataset:
            grid, tags = Grid.of(dataset), dataset.tags()
            scene = cls(
                files=SceneFiles(  # companions in the folder are not used
                    band=place, name=FileName(stem=stem, band=None, satellite=None, date=None), mtl=None, quality=None,
                    saturation=None, bands=(), bundle=open_bundle(place), stems=(stem,),
                ),
                stem=stem,
                sensor=known.name,
                calibration=_calibration(dataset, known, quantity, place.name),
                grid=grid,
                latitude=grid.latitude() if grid.crs is not None else None,
                date=stated or (AcquisitionDate.parse(tags[DATE_TAG]) if DATE_TAG in tags else None),
                tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
            )  # fmt: skip
            scene._check(dataset)
        return scene

    def read(self, dataset: Any, **where: Any) -> Pixels:
        """Radiance of part of the scene; parameters, result and errors as `Scene.read`."""
        numbers, measured, saturated = self._numbers(dataset, **where)
        with np.errstate(all="ignore"):  # pixels without a value
            radiance = self._radiance(numbers)
        return Pixels(np.asarray(radiance, np.float32), measured, saturated)

    def _radiance(self, numbers: Float32) -> Any:
        values = radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset)
        if self.calibration.quantity != "brightness-temperature":
            return values
        band = sensor_band(self.sensor)
        if band.is_custom:
            return band_radiance(values, band.planck)
        return radiance_two_constants(values, band.k1, band.k2)

    def _numbers(self, dataset: Any, **where: Any) -> Pixels:
        stored, valid = read_stored(dataset, "scene", SceneError, **where)
        saturated = np.zeros(stored.shape, bool)
        if stored.dtype.kind in "iu":
            saturated = valid & (stored == np.iinfo(stored.dtype).max)
        with np.errstate(over="ignore"):
            numbers = stored.astype(np.float32)
        measured = valid & ~saturated & np.isfinite(numbers) & self._is_in_range(self._values(numbers))
        return Pixels(numbers, measured, saturated)

    def _values(self, numbers: Float32) -> Float32:
        """Values in the unit of the quantity."""
        if self.calibration.step:
            return numbers
        return np.asarray(radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset))

    def _is_in_range(self, values: Float32) -> NDArray[np.bool_]:
        """Whether values are not fill, which may be untagged and of any sign."""
        low, high = _VALID_RANGES.get(self.calibration.quantity, (0.0, np.inf))
        return np.asarray((values > 0.0) & (values >= low) & (values <= high))

    def _check(self, dataset: Any) -> str:
        """Check a subsampled raster for plausibility."""
        shape = (min(self.grid.height, _SAMPLE), min(self.grid.width, _SAMPLE))
        stored, valid = read_stored(dataset, "scene", SceneError, out_shape=shape)
        numbers = stored[valid & np.isfinite(stored)].astype(np.float32)
        values = self._values(numbers)
        in_range = self._is_in_range(values)
        if np.unique(values[~in_range]).size <= FILL_VALUES and in_range.any():
            numbers, values = numbers[in_range], values[in_range]
        expected = Expectation(latitude=self.latitude, day_of_year=self.date.day_of_year if self.date else None)
        with np.errstate(all="ignore"):
            radiance = np.asarray(self._radiance(numbers[values > 0.0]))
        check_measured(values, radiance, self.sensor, self.calibration.quantity, expected)
        return ""


def _band(path: Any, sensor: str | None, band: str | None) -> SensorBand:
    if sensor is None:
        raise UnknownSensorError(f"the sensor band of {Path(str(path)).name} is unknown; add --sensor")
    if band is not None:
        raise InputError("with a quantity, --sensor names the band of the raster; leave out --band")
    return sensor_band(sensor)


def _calibration(dataset: Any, band: SensorBand, quantity: str, name: str) -> Calibration:
    """Conversion of stored numbers: scale and offset of the file, or gain and offset of the sensor."""
    unit = (dataset.units[0] or "").strip()
    matching = [known for known, other in QUANTITIES.items() if other.conversion(unit)]
    if matching and quantity not in matching:
        raise SceneError(f"{name} has the unit {unit!r}: it is {matching[0]}, not {quantity}; correct --quantity")
    factor, zero = QUANTITIES[quantity].require_conversion(unit, name)
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    if quantity != "digital-numbers":
        return Calibration(gain=factor * scale, offset=factor * offset + zero, source=name, quantity=quantity)
    if not band.gain:
        raise InputError(
            f"{band.name} has no gain to convert digital numbers to radiance; define it with --gain and --offset, or "
            "give radiance or brightness temperature"
        )
    if (scale, offset) not in ((1.0, 0.0), (band.gain, band.radiance_offset)):
        raise SceneError(
            f"{name} has scale {scale:g} and offset {offset:g}, {band.name} has {band.gain:g} and "
            f"{band.radiance_offset:g}; if the file's convert to radiance, give --quantity radiance"
        )
    return Calibration(gain=band.gain, offset=band.radiance_offset, source=name, quantity="digital numbers")
