"""A thermal scene: one band's file and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Place
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import (
    AcquisitionDate,
    Calibration,
    FileName,
    find_calibration,
    find_sensor,
    largest_digital_number,
)
from lst_raster.io.mtl import Mtl
from lst_raster.io.plausibility import Expectation, check_values, require_no_scale, require_no_wrap
from lst_raster.io.raster import open_raster, read_stored
from lst_raster.io.scene_files import SceneFiles, find_files
from lst_raster.physics.calibration import radiance_from_digital_number

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

DATE_TAG = "ACQUISITION_DATE"
"""Metadata item of a GeoTIFF that holds the date, ``2015-01-17`` or ``2015-01``, where nothing else tells it."""

_SAMPLE = 256  # rows and columns of the thinned image on which the values are checked


class Pixels(NamedTuple):
    """Part of a scene, arrays of shape (rows, columns)."""

    radiance: Float32
    """Radiance at the sensor. [W m-2 sr-1 um-1]"""
    measured: Mask
    """Where there is one: neither fill (0) nor saturated."""
    saturated: Mask
    """Where the sensor's range was exceeded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One thermal band of one Landsat scene, checked. Make one with `Scene.open`."""

    stem: str
    """Name of the scene: the file's without the band's suffix."""
    sensor: str
    """Sensor band, for example ``landsat8-b10``."""
    calibration: Calibration
    """How digital numbers become radiance."""
    grid: Grid
    """Where the pixels lie."""
    latitude: float | None
    """Latitude of the centre, None where nothing tells it. [degree]"""
    date: AcquisitionDate | None
    """Date of acquisition, None where nothing tells it."""
    files: SceneFiles
    """All files of the scene."""
    tags: dict[str, str]
    """Metadata of the file that its product keeps: how pixels are registered."""
    other_readings: str = ""
    """Quantities that the file's numbers may be just as well as digital numbers, by place and season."""

    @property
    def place(self) -> Place:
        """File of the thermal band, by itself or in an archive."""
        return self.files.band

    @classmethod
    def open(
        cls, path: str | Location, *, band: str | None = None, sensor: str | None = None, date: str | None = None
    ) -> Scene:
        """Look at a thermal band's file and the metadata beside it.

        The sensor comes from `sensor`, else from the metadata file `<stem>_MTL.txt`, else from the file's name; the
        calibration from the metadata, else the band's defaults; the date from `date`, else from
        the metadata, the name, or the file's own item ``ACQUISITION_DATE``.

        Parameters
        ----------
        path : str, path or Address
            GeoTIFF of one Level-1 thermal band, of digital numbers; or the folder, the metadata file or the archive
            (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz) of a Level-1 product; or the ``https``, ``http`` or ``s3``
            address of one of them, or ``/vsizip/ARCHIVE/FILE``.
        band : str, optional
            Band where there are several: ``10`` (default) or ``11``, ``6_VCID_1`` (default) or ``6_VCID_2``.
        sensor : str, optional
            Sensor band, for example ``landsat8-b10``.
        date : str, optional
            Date of acquisition, ``2015-01-17T16:20`` (UTC), ``2015-01-17`` or ``2015-01``.

        Returns
        -------
        Scene
            The scene; nothing stays open.

        Raises
        ------
        InputNotFoundError
            There is no such path.
        SceneError
            It is not a Level-1 thermal band: not a raster, several bands, Level-2, damaged, or with values that
            cannot be; or it holds no such band, or several scenes.
        UnknownSensorError
            The sensor band is not known.
        InputError
            The date is not one.
        """
        stated = AcquisitionDate.parse(date) if date is not None else None
        files = find_files(path, sensor=sensor, band=band)
        name, mtl = files.name, files.mtl
        with open_raster(files.band, "scene", SceneError) as dataset:
            sensor, suffix = find_sensor(name, mtl, sensor)
            grid = Grid.of(dataset)
            scene = cls(
                files=files,
                stem=name.stem,
                sensor=sensor,
                calibration=find_calibration(sensor, suffix, mtl),
                grid=grid,
                latitude=grid.latitude() if grid.crs is not None else mtl.latitude() if mtl else None,
                date=_with_time(stated or _find_date(name, mtl, dataset.tags()), mtl),
                tags={key: value for key, value in dataset.tags().items() if key == "AREA_OR_POINT"},
            )
            return replace(scene, other_readings=scene._check(dataset))

    def read(self, dataset: Any, **where: Any) -> Pixels:
        """Radiance of part of the scene.

        Parameters
        ----------
        dataset : rasterio.DatasetReader
            The scene's file, open.
        **where
            `window` or `out_shape` of rasterio's `read`.

        Returns
        -------
        Pixels
            Radiance at the sensor, and where it is measured.

        Raises
        ------
        SceneError
            The file is damaged.
        """
        numbers, measured, saturated = self._numbers(dataset, **where)
        radiance = radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset)
        return Pixels(radiance, measured, saturated)

    def _numbers(self, dataset: Any, **where: Any) -> Pixels:
        """Digital numbers in place of radiances."""
        stored, valid = read_stored(dataset, "scene", SceneError, **where)
        saturated = stored == largest_digital_number(self.sensor)
        measured = valid & (stored > 0) & ~saturated
        with np.errstate(over="ignore"):
            numbers = stored.astype(np.float32)
        return Pixels(numbers, measured if stored.dtype.kind in "iu" else measured & np.isfinite(numbers), saturated)

    def _check(self, dataset: Any) -> str:
        """Hold a thinned image against what the scene is taken for; tell what else it may be."""
        require_no_scale(dataset, self.place.name, self.calibration)
        shape = (min(self.grid.height, _SAMPLE), min(self.grid.width, _SAMPLE))
        numbers, measured, _ = self._numbers(dataset, out_shape=shape)
        require_no_wrap(numbers, dataset.dtypes[0], self.place.name)
        expected = Expectation(latitude=self.latitude, day_of_year=self.date.day_of_year if self.date else None)
        return check_values(numbers[measured], self.sensor, self.calibration, expected)


def _find_date(name: FileName, mtl: Mtl | None, tags: dict[str, str]) -> AcquisitionDate | None:
    """Date of a scene: the metadata's, else the name's, else the file's own."""
    text = mtl.entries.get("DATE_ACQUIRED") if mtl else None
    if text is not None:
        return AcquisitionDate.parse(text)
    if name.date is not None:
        return name.date
    return AcquisitionDate.parse(tags[DATE_TAG]) if DATE_TAG in tags else None


def _with_time(date: AcquisitionDate | None, mtl: Mtl | None) -> AcquisitionDate | None:
    """Add the metadata's time to a date, where it has none and the metadata are of that day."""
    if date is None or mtl is None:
        return date
    return date.at(mtl.entries.get("DATE_ACQUIRED"), mtl.entries.get("SCENE_CENTER_TIME"))
