"""Rasters of what a thermal sensor measured, of any sensor band: radiance or brightness temperature at the sensor."""

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
from lst_raster.io.plausibility import FILLS, KELVIN, Expectation, check_measured
from lst_raster.io.raster import Float32, open_raster, read_stored
from lst_raster.io.scene import DATE_TAG, Pixels, Scene
from lst_raster.io.scene_files import SceneFiles
from lst_raster.physics.calibration import radiance_from_digital_number, radiance_two_constants
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.quantities import AIR_TEMPERATURE, RADIANCE, Quantity
from lst_raster.sensors.bands import SensorBand, sensor_band

_BRIGHTNESS_TEMPERATURE = replace(AIR_TEMPERATURE, name="brightness_temperature", low=KELVIN[0], high=KELVIN[1])
_DIGITAL_NUMBERS = Quantity(
    name="digital_numbers", units="DN", low=0.0, high=float("inf"), accepted={"DN": (1.0, 0.0), "1": (1.0, 0.0)},
    hint="give the digital numbers of the sensor",
)  # fmt: skip
QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "radiance": RADIANCE,
        "brightness-temperature": _BRIGHTNESS_TEMPERATURE,
        "digital-numbers": _DIGITAL_NUMBERS,
    }
)
"""What a raster may hold."""

_POSSIBLE = {"radiance": (0.0, 40.0), "brightness-temperature": KELVIN}  # in the unit of each; the rest is fill
_SAMPLE = 256  # rows and columns of the thinned image on which the values are checked


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredScene(Scene):
    """A raster of radiance or brightness temperature at the sensor, checked. Make one with `MeasuredScene.open`."""

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
        """Look at a raster.

        Parameters
        ----------
        path : str, path or Address
            GeoTIFF, or another raster of one band, on disk or on a server; its scale and offset are applied.
        band : str, optional
            Not possible: a sensor band is one.
        sensor : str
            Sensor band, shipped or of your own.
        date : str, optional
            Date of acquisition, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``; else that of the file's item
            ``ACQUISITION_DATE``.
        quantity : {"radiance", "brightness-temperature", "digital-numbers"}
            What the raster holds: radiance at the sensor [W m-2 sr-1 um-1]; its brightness temperature [K], for a
            Landsat band by the two constants of the metadata, else by Planck's function over the response; or numbers
            that the gain and the offset of a sensor of your own lead to radiance. Not positive, and NaN, is no
            value, nor is a radiance above 40 W m-2 sr-1 um-1 or a temperature outside 150 to 400 K: fill is left out.

        Returns
        -------
        MeasuredScene
            The scene; nothing stays open.

        Raises
        ------
        InputNotFoundError
            There is no such path.
        SceneError
            It is no raster of one band, its values cannot be what they are said to be, or its unit says otherwise.
        UnknownSensorError
            The sensor band is not known or not given.
        InputError
            The date is not one, the quantity is not known or not told, or the unit of the file is not known.
        """
        known = _band(path, sensor, band)
        if quantity is None or quantity not in QUANTITIES:
            raise InputError(f"quantity is {quantity!r}; give one of {', '.join(QUANTITIES)}")
        place = Place.of(path)
        if is_archive(place) or is_metadata(place) or (place.remote is None and place.disk.is_dir()):
            raise SceneError(f"{place} is no raster; with a quantity give the raster itself, a GeoTIFF of one band")
        stated = AcquisitionDate.parse(date) if date is not None else None
        with open_raster(place, "scene", SceneError) as dataset:
            grid, tags = Grid.of(dataset), dataset.tags()
            dated = stated or (AcquisitionDate.parse(tags[DATE_TAG]) if DATE_TAG in tags else None)
            scene = cls(
                files=_files(place),
                stem=Path(place.name).stem,
                sensor=known.name,
                calibration=_calibration(dataset, known, quantity, place.name),
                grid=grid,
                latitude=grid.latitude() if grid.crs is not None else None,
                date=dated,
                tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
            )
            scene._check(dataset)
        return scene

    def read(self, dataset: Any, **where: Any) -> Pixels:
        """Radiance of part of the scene; parameters, result and errors as `Scene.read`."""
        numbers, measured, saturated = self._numbers(dataset, **where)
        with np.errstate(all="ignore"):  # of pixels without a value
            radiance = self._radiance(numbers)
        return Pixels(np.asarray(radiance, np.float32), measured, saturated)

    def _radiance(self, numbers: Float32) -> Any:
        """Radiance of stored numbers."""
        values = radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset)
        if self.calibration.quantity != "brightness-temperature":
            return values
        band = sensor_band(self.sensor)
        return (
            band_radiance(values, band.planck) if band.is_custom else radiance_two_constants(values, band.k1, band.k2)
        )

    def _numbers(self, dataset: Any, **where: Any) -> Pixels:
        """Read stored numbers in place of radiances."""
        stored, valid = read_stored(dataset, "scene", SceneError, **where)
        saturated = np.zeros(stored.shape, bool)
        if stored.dtype.kind in "iu":
            saturated = valid & (stored == np.iinfo(stored.dtype).max)
        with np.errstate(over="ignore"):
            numbers = stored.astype(np.float32)
        return Pixels(
            numbers, valid & ~saturated & np.isfinite(numbers) & self._possible(self._values(numbers)), saturated
        )

    def _values(self, numbers: Float32) -> Float32:
        """Values of stored numbers in the unit of the quantity."""
        if self.calibration.step:
            return numbers
        return np.asarray(radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset))

    def _possible(self, values: Float32) -> NDArray[np.bool_]:
        """Whether values can be of the quantity; untagged fill, of whatever sign, is not."""
        low, high = _POSSIBLE.get(self.calibration.quantity, (0.0, np.inf))
        return np.asarray((values > 0.0) & (values >= low) & (values <= high))

    def _check(self, dataset: Any) -> str:
        """Hold a thinned image against what the raster is taken for, which is stated and nothing else."""
        shape = (min(self.grid.height, _SAMPLE), min(self.grid.width, _SAMPLE))
        stored, valid = read_stored(dataset, "scene", SceneError, out_shape=shape)
        numbers = stored[valid & np.isfinite(stored)].astype(np.float32)
        values = self._values(numbers)
        possible = self._possible(values)
        if np.unique(values[~possible]).size <= FILLS and possible.any():
            numbers, values = numbers[possible], values[possible]
        expected = Expectation(latitude=self.latitude, day_of_year=self.date.day_of_year if self.date else None)
        with np.errstate(all="ignore"):
            radiance = np.asarray(self._radiance(numbers[values > 0.0]))
        check_measured(values, radiance, self.sensor, self.calibration.quantity, expected)
        return ""


def _band(path: Any, sensor: str | None, band: str | None) -> SensorBand:
    if sensor is None:
        raise UnknownSensorError(f"which sensor band {Path(str(path)).name} is of, nothing tells; add --sensor")
    if band is not None:
        raise InputError("a raster with a quantity is one band, which --sensor names; leave out --band")
    return sensor_band(sensor)


def _calibration(dataset: Any, band: SensorBand, quantity: str, name: str) -> Calibration:
    """How stored numbers become the quantity: by the file's own scale and offset, or the sensor's gain and offset."""
    unit = (dataset.units[0] or "").strip()
    says = [known for known, other in QUANTITIES.items() if other.conversion(unit)]
    if says and quantity not in says:
        raise SceneError(f"{name} has the unit {unit!r}: it is {says[0]}, not {quantity}; correct --quantity")
    factor, zero = QUANTITIES[quantity].require_conversion(unit, name)
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    if quantity != "digital-numbers":
        return Calibration(gain=factor * scale, offset=factor * offset + zero, source=name, quantity=quantity)
    if not band.gain:
        raise InputError(
            f"{band.name} has no gain, so digital numbers are no radiance; define it with --gain and --offset, or give "
            "radiance or brightness temperature"
        )
    if (scale, offset) not in ((1.0, 0.0), (band.gain, band.radiance_offset)):
        raise SceneError(
            f"{name} carries scale {scale:g} and offset {offset:g}, {band.name} has {band.gain:g} and "
            f"{band.radiance_offset:g}; if the file's lead to radiance, give --quantity radiance"
        )
    return Calibration(gain=band.gain, offset=band.radiance_offset, source=name, quantity="digital numbers")


def _files(place: Place) -> SceneFiles:
    """Take the raster alone: nothing that lies beside it is a part of it."""
    stem = Path(place.name).stem
    return SceneFiles(
        band=place, name=FileName(stem=stem, band=None, satellite=None, date=None), mtl=None, quality=None,
        saturation=None, bands=(), bundle=open_bundle(place), stems=(stem,),
    )  # fmt: skip
