"""Thermal scenes: the raster of one band with its calibration, grid and date."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from lst_raster.errors import SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import AcquisitionDate, Calibration, Mtl, find_calibration, find_sensor
from lst_raster.io.plausibility import Expectation, check_values, require_no_scale, require_no_wrap
from lst_raster.io.raster import Float32, Mask, open_raster, read_stored
from lst_raster.io.scene_files import SceneFiles, find_files
from lst_raster.physics.calibration import radiance_from_digital_number
from lst_raster.sensors.bands import second_band, sensor_band

_NEEDS_CORRECTION = 8  # satellite whose thermal bands have stray light
_UNCORRECTED = 2.0
"""Standard uncertainty of stray light without the correction, assumed: errors over water were up to 9 K before it. M.
Montanaro et al., Remote Sens. 6, 10435 (2014), doi:10.3390/rs61110435 [K]"""
_COLLECTION = re.compile(r"_\d{2}_(?:RT|T1|T2)$|^(?:[12]_)*L\w\d\d_(?:\w\w_\d{6}_\d{8}_\d{8}_\d{2}|\d{6}_\d{8})$")
"""Names of products of collections: end of those of the USGS, tiles of US ARD, images of Earth Engine."""


class Pixels(NamedTuple):
    """Part of a scene, arrays of shape (rows, columns)."""

    radiance: Float32
    """At-sensor radiance. [W m-2 sr-1 um-1]"""
    measured: Mask
    """Pixels that are not fill (0) and not saturated."""
    saturated: Mask
    """Pixels above the sensor's range."""


def find_centre(grid: Grid, mtl: Mtl | None) -> tuple[float | None, float | None]:
    """Latitude and longitude of the centre of a scene [degree], from its grid or else its metadata."""
    if grid.crs is not None or mtl is None:
        return grid.centre()
    return mtl.centre()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One thermal band of one Landsat scene, checked. Create it with `Scene.open`."""

    stem: str
    """Name of the scene: the file's without the band's suffix."""
    sensor: str
    """Sensor band, for example ``landsat8-b10``."""
    calibration: Calibration
    """Conversion of digital numbers to radiance."""
    grid: Grid
    """Grid of the band."""
    latitude: float | None
    """Latitude of the centre, None where unknown. [degree]"""
    longitude: float | None
    """Longitude of the centre, None where unknown. [degree]"""
    date: AcquisitionDate | None
    """Date of acquisition, None where unknown."""
    files: SceneFiles
    """All files of the scene."""
    tags: dict[str, str]
    """Metadata items that are copied to the product: AREA_OR_POINT."""
    other_quantities: str = ""
    """Other quantities that the values may be, according to place and season."""
    second: Scene | None = None
    """The scene in its second thermal band, None for a retrieval with one band (`with_second_band`)."""

    @property
    def place(self) -> Place:
        """File of the thermal band, by itself or in an archive."""
        return self.files.band

    @classmethod
    def open(
        cls, path: str | Location | Place, *, band: str | None = None, sensor: str | None = None,
        date: str | None = None,
    ) -> Scene:  # fmt: skip
        """Find the files of a scene, read its metadata and check its thermal band.

        The sensor is that of `sensor`, else of the metadata file `<stem>_MTL.txt`, else of the file's name; the
        calibration that of the metadata, else the band's default; the date that of `date`, else of the metadata, the
        name, or the file's metadata item ``ACQUISITION_DATE``.

        Parameters
        ----------
        path : str, path or Address
            GeoTIFF of one Level-1 thermal band of digital numbers; or the folder, the metadata file or the archive
            (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz) of a Level-1 product; or the ``https``, ``http``, ``s3``, ``gs``
            or ``az`` address of one of them, or ``/vsizip/ARCHIVE/FILE``.
        band : str, optional
            Band where there are several: ``10`` (default) or ``11``, ``6_VCID_1`` (default) or ``6_VCID_2``.
        sensor : str, optional
            Sensor band, for example ``landsat8-b10``.
        date : str, optional
            Date of acquisition, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``.

        Returns
        -------
        Scene
            The scene; no file stays open.

        Raises
        ------
        InputNotFoundError
            There is no such path.
        SceneError
            The file is not a Level-1 thermal band (not a raster, several bands, Level-2, damaged, or with implausible
            values), or the path has no such band, or several scenes.
        UnknownSensorError
            The sensor band is unknown.
        InputError
            The date is not valid.
        """
        stated = AcquisitionDate.parse(date) if date is not None else None
        files = find_files(path, sensor=sensor, band=band)
        with open_raster(files.band, "scene", SceneError) as dataset:
            return cls.of_dataset(dataset, files, sensor=sensor, date=stated)

    @classmethod
    def of_dataset(
        cls, dataset: Any, files: SceneFiles, *, sensor: str | None = None, date: AcquisitionDate | None = None,
        calibration: Calibration | None = None,
    ) -> Self:  # fmt: skip
        """Read the metadata of the open thermal band and check its values; options and errors as `open`.

        `calibration` is that of another quantity than digital numbers.
        """
        sensor, suffix = find_sensor(files.name, files.mtl, sensor)
        grid, tags = Grid.of(dataset), dataset.tags()
        latitude, longitude = find_centre(grid, files.mtl)
        scene = cls(
            files=files,
            stem=files.name.stem,
            sensor=sensor,
            calibration=calibration or find_calibration(sensor, suffix, files.mtl),
            grid=grid,
            latitude=latitude,
            longitude=longitude,
            date=files.find_date(tags, date),
            tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
        )
        return replace(scene, other_quantities=scene._check(dataset))

    @property
    def has_stray_light_correction(self) -> bool | None:
        """Whether the second band is corrected for stray light, as in all collections; None where this is unknown.

        TIRS of Landsat 8 needs the correction, TIRS-2 of Landsat 9 does not.
        """
        if sensor_band(self.sensor).satellite != _NEEDS_CORRECTION:
            return True
        if self.files.mtl is not None:
            return self.files.mtl.collection is not None
        return True if _COLLECTION.search(self.files.name.product) else None

    @property
    def stray_light(self) -> float:
        """Standard uncertainty of the second band relative to the first, as temperature at 300 K. [K]"""
        other = second_band(self.sensor)
        known = other.stray_light if other else 0.0
        return known if self.has_stray_light_correction else _UNCORRECTED

    def with_second_band(self) -> Scene:
        """Add the second thermal band; SceneError where there is none, or it is on another grid or damaged."""
        other = second_band(self.sensor)
        if other is None:
            raise SceneError(
                f"{self.sensor} is not the first of two thermal bands; give band 10 of Landsat 8 or 9, or leave out "
                "--bands both"
            )
        suffixes = list(other.files)
        place = next(filter(None, map(self.files.find, suffixes)), None)
        if place is None:
            raise SceneError(
                f"{self.files.bundle.path} has no band {suffixes[0][1:]} of {self.stem}; add the file, or leave out "
                "--bands both"
            )
        name = replace(self.files.name, band=suffixes[0])
        second = replace(
            self,
            files=replace(self.files, band=place, name=name),
            sensor=other.name,
            calibration=self._calibration_of(other.name, suffixes[0]),
        )
        try:
            with open_raster(place, "scene", SceneError) as dataset:
                if Grid.of(dataset) != self.grid:
                    raise SceneError(
                        f"{place.name} and {self.place.name} are on different grids; give bands of one product"
                    )
                second._check(dataset)
        except SceneError as error:
            raise SceneError(f"{error}; or use one band: --bands one") from error
        return replace(self, second=second)

    def _calibration_of(self, sensor: str, suffix: str) -> Calibration:
        """Calibration of another band of the scene."""
        return find_calibration(sensor, suffix, self.files.mtl)

    def read(self, dataset: Any, **where: Any) -> Pixels:
        """Read part of the scene's open rasterio dataset, by `window` or `out_shape`; SceneError for a damaged file."""
        numbers, measured, saturated = self._numbers(dataset, **where)
        radiance = radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset)
        return Pixels(radiance, measured, saturated)

    def _numbers(self, dataset: Any, **where: Any) -> Pixels:
        """Digital numbers in place of radiances."""
        stored, valid = read_stored(dataset, "scene", SceneError, **where)
        saturated = stored == sensor_band(self.sensor).largest_digital_number
        measured = valid & (stored > 0) & ~saturated
        with np.errstate(over="ignore"):
            numbers = stored.astype(np.float32)
        return Pixels(numbers, measured if stored.dtype.kind in "iu" else measured & np.isfinite(numbers), saturated)

    def _check(self, dataset: Any) -> str:
        """Check a subsampled band for plausibility; return the other quantities that its values may be."""
        require_no_scale(dataset, self.place.name, self.calibration)
        numbers, measured, _ = self._numbers(dataset, out_shape=self.grid.sample_shape)
        require_no_wrap(numbers, dataset.dtypes[0], self.place.name)
        return check_values(numbers[measured], self.sensor, self.calibration, self._expected())

    def _expected(self) -> Expectation:
        return Expectation(latitude=self.latitude, day_of_year=self.date.day_of_year if self.date else None)
