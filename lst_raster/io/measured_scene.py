"""Scenes of at-sensor radiance or brightness temperature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, SceneError, UnknownSensorError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place, is_archive, is_metadata, open_bundle
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate, Calibration, FileName
from lst_raster.io.plausibility import FILL_VALUES, LEVEL_2_OFFSET, LEVEL_2_SCALE, TEMPERATURE_RANGE, check_measured
from lst_raster.io.raster import Float32, open_raster, read_stored
from lst_raster.io.scene import Pixels, Scene
from lst_raster.io.scene_files import SceneFiles
from lst_raster.io.stack import read_stack, split_band
from lst_raster.physics.calibration import radiance_from_digital_number, radiance_two_constants
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.quantities import AIR_TEMPERATURE, RADIANCE, Quantity
from lst_raster.sensors.bands import SensorBand, sensor_band

_QUANTITIES = {
    "radiance": RADIANCE,
    "brightness-temperature": replace(
        AIR_TEMPERATURE, name="brightness_temperature", low=TEMPERATURE_RANGE[0], high=TEMPERATURE_RANGE[1]
    ),
    "digital-numbers": Quantity(
        name="digital_numbers", units="DN", low=0.0, high=float("inf"), accepted={"DN": (1.0, 0.0), "1": (1.0, 0.0)},
        hint="give the digital numbers of the sensor",
    ),
}  # fmt: skip
_COLDEST, _HOTTEST = 180.0, 360.0  # of scenes recognised as brightness temperature [K]
_MOSTLY, _FRACTIONAL = 0.99, 0.5  # fractions of such pixels, and of those with a fractional part [1]
_LARGEST_BYTE = 255.0  # digital number of Landsat 4 to 7, which resampling makes fractional
_PRODUCT_SCALES = ((LEVEL_2_SCALE, LEVEL_2_OFFSET), (0.1, 0.0))
"""Scale and offset of brightness temperature in US ARD of Collection 2, and of Collection 1. [K]"""
_VALID_RANGES = {"radiance": (0.0, 40.0), "brightness-temperature": TEMPERATURE_RANGE}  # all other values are fill


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredScene(Scene):
    """Raster of at-sensor radiance or brightness temperature, checked. Create it with `MeasuredScene.open`."""

    @classmethod
    def open(
        cls, path: str | Location | Place, *, band: str | None = None, sensor: str | None = None,
        date: str | None = None,
        quantity: str | None = None,
    ) -> MeasuredScene:  # fmt: skip
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
        if sensor is None:
            raise UnknownSensorError(f"the sensor band of {Path(str(path)).name} is unknown; add --sensor")
        if band is not None:
            raise InputError("with a quantity, --sensor names the band of the raster; leave out --band")
        known = sensor_band(sensor)
        if quantity is None or quantity not in _QUANTITIES:
            raise InputError(f"quantity is {quantity!r}; give one of {', '.join(_QUANTITIES)}")
        place = _place_of(path)
        if is_archive(place) or is_metadata(place) or (place.remote is None and place.disk.is_dir()):
            raise SceneError(f"{place} is not a raster; with a quantity give the raster itself, a GeoTIFF of one band")
        stated = AcquisitionDate.parse(date) if date is not None else None
        name = FileName(stem=Path(place.name).stem)
        with open_raster(place, "scene", SceneError) as dataset:
            grid, tags = Grid.of(dataset), dataset.tags()
            latitude, longitude = grid.centre()
            files = SceneFiles(band=place, name=name, bundle=open_bundle(place), stems=(name.stem,))  # no companions
            scene = cls(
                files=files,
                stem=name.stem,
                sensor=known.name,
                calibration=_calibration(dataset, known, quantity, place.name),
                grid=grid,
                latitude=latitude,
                longitude=longitude,
                date=files.find_date(tags, stated),
                tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
            )
            scene._check(dataset)
        return scene

    def _calibration_of(self, sensor: str, suffix: str) -> Calibration:
        return self.calibration

    def read(self, dataset: Any, **where: Any) -> Pixels:
        """Radiance of part of the scene; parameters, result and errors as `Scene.read`."""
        stored, valid = read_stored(dataset, "scene", SceneError, **where)
        saturated = np.zeros(stored.shape, bool)
        if stored.dtype.kind in "iu":
            saturated = valid & (stored == np.iinfo(stored.dtype).max)
        with np.errstate(all="ignore"):  # pixels without a value
            numbers = stored.astype(np.float32)
            measured = valid & ~saturated & np.isfinite(numbers) & self._is_in_range(self._values(numbers))
            radiance = np.asarray(self._radiance(numbers), np.float32)
        return Pixels(radiance, measured, saturated)

    def _radiance(self, numbers: Float32) -> Any:
        values = radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset)
        if self.calibration.quantity != "brightness-temperature":
            return values
        band = sensor_band(self.sensor)
        if band.is_custom:
            return band_radiance(values, band.planck)
        return radiance_two_constants(values, *self._two_constants(band))

    def _two_constants(self, band: SensorBand) -> tuple[float, float]:
        """K1 [W m-2 sr-1 um-1] and K2 [K] of the metadata, else of the band."""
        mtl, suffix = self.files.mtl, self.files.name.band
        if mtl is None or suffix is None:
            return band.k1, band.k2
        k1, k2 = (mtl.number(f"{name}_CONSTANT_BAND_{suffix[1:]}") for name in ("K1", "K2"))
        return (k1, k2) if k1 and k2 else (band.k1, band.k2)

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
        stored, valid = read_stored(dataset, "scene", SceneError, out_shape=self.grid.sample_shape)
        numbers = stored[valid & np.isfinite(stored)].astype(np.float32)
        values = self._values(numbers)
        in_range = self._is_in_range(values)
        if np.unique(values[~in_range]).size <= FILL_VALUES and in_range.any():
            numbers, values = numbers[in_range], values[in_range]
        with np.errstate(all="ignore"):
            radiance = np.asarray(self._radiance(numbers[values > 0.0]))
        check_measured(values, radiance, self.sensor, self.calibration.quantity, self._expected())
        return ""


def _place_of(path: str | Location | Place) -> Place:
    """Raster of one band, or the band of ``scene.tif:BAND``."""
    raster, band = split_band(path)
    place = Place.of(raster)
    stack = read_stack(place) if band is not None else None
    if stack is None or band is None:
        return place
    return replace(place, band=stack.find(band), title=f"{stack.stem}_{band}.tif")


def find_temperature(dataset: Any, files: SceneFiles) -> Calibration | None:
    """Conversion of an open thermal band to brightness temperature, if that is what it holds; None for other values.

    Floating-point values with fractions, between the coldest and the hottest scenes [K], cannot be digital numbers of
    16 bits. A name with ``BT_`` before the band is that of a product of brightness temperature, such as US ARD.
    """
    kind, is_product = np.dtype(dataset.dtypes[0]).kind, files.name.kind == "BT_"
    if kind != "f" and not is_product:
        return None
    stored, valid = read_stored(dataset, "scene", SceneError, out_shape=Grid.of(dataset).sample_shape)
    values = stored[valid & np.isfinite(stored) & (stored > 0)].astype(np.float64)
    if not values.size:
        return None
    scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
    readings = [(scale, offset), *(_PRODUCT_SCALES if is_product and (scale, offset) == (1.0, 0.0) else ())]
    for gain, zero in readings:
        kelvin = values * gain + zero
        is_temperature = np.mean((kelvin > _COLDEST) & (kelvin < _HOTTEST)) > _MOSTLY
        is_certain = is_product or (np.mean(values % 1.0 != 0.0) > _FRACTIONAL and values.max() > _LARGEST_BYTE)
        if is_temperature and is_certain:
            return Calibration(gain=gain, offset=zero, source=files.band.name, quantity="brightness-temperature")
    return None


def _calibration(dataset: Any, band: SensorBand, quantity: str, name: str) -> Calibration:
    """Conversion of stored numbers: scale and offset of the file, or gain and offset of the sensor."""
    unit = (dataset.units[0] or "").strip()
    matching = [known for known, other in _QUANTITIES.items() if other.conversion(unit)]
    if matching and quantity not in matching:
        raise SceneError(f"{name} has the unit {unit!r}: it is {matching[0]}, not {quantity}; correct --quantity")
    factor, zero = _QUANTITIES[quantity].require_conversion(unit, name)
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
