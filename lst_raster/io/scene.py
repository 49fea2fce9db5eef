"""Thermal scene: the file of one band with its calibration, grid, date and companion files."""

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
"""Metadata item of a GeoTIFF with the date, ``2015-01-17`` or ``2015-01``, used where no other source has it."""

_SAMPLE = 256  # rows and columns of the subsampled band on which the values are checked


class Pixels(NamedTuple):
    """Part of a scene, arrays of shape (rows, columns)."""

    radiance: Float32
    """At-sensor radiance. [W m-2 sr-1 um-1]"""
    measured: Mask
    """Pixels that are not fill (0) and not saturated."""
    saturated: Mask
    """Pixels above the sensor's range."""


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
    date: AcquisitionDate | None
    """Date of acquisition, None where unknown."""
    files: SceneFiles
    """All files of the scene."""
    tags: dict[str, str]
    """Metadata items that are copied to the product: AREA_OR_POINT."""
    other_quantities: str = ""
    """Other quantities that the values may be, according to place and season."""

    @property
    def place(self) -> Place:
        """File of the thermal band, by itself or in an archive."""
        return self.files.band

    @classmethod
    def open(
        cls, path: str | Location, *, band: str | None = None, sensor: str | None = None, date: str | None = None
    ) -> Scene:
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
        name, mtl = files.name, files.mtl
        with open_raster(files.band, "scene", SceneError) as dataset:
            sensor, suffix = find_sensor(name, mtl, sensor)
            grid, tags = Grid.of(dataset), dataset.tags()
            dated = stated or _find_date(name, mtl, tags)
            if dated is not None and mtl is not None:
                dated = dated.with_time(mtl.entries.get("DATE_ACQUIRED"), mtl.entries.get("SCENE_CENTER_TIME"))
            scene = cls(
                files=files,
                stem=name.stem,
                sensor=sensor,
                calibration=find_calibration(sensor, suffix, mtl),
                grid=grid,
                latitude=grid.latitude() if grid.crs is not None else mtl.latitude() if mtl else None,
                date=dated,
                tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
            )
            return replace(scene, other_quantities=scene._check(dataset))

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
            At-sensor radiance, and the pixels where it is measured.

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
        """Check a subsampled band for plausibility; return the other quantities that its values may be."""
        require_no_scale(dataset, self.place.name, self.calibration)
        shape = (min(self.grid.height, _SAMPLE), min(self.grid.width, _SAMPLE))
        numbers, measured, _ = self._numbers(dataset, out_shape=shape)
        require_no_wrap(numbers, dataset.dtypes[0], self.place.name)
        expected = Expectation(latitude=self.latitude, day_of_year=self.date.day_of_year if self.date else None)
        return check_values(numbers[measured], self.sensor, self.calibration, expected)


def _find_date(name: FileName, mtl: Mtl | None, tags: dict[str, str]) -> AcquisitionDate | None:
    text = mtl.entries.get("DATE_ACQUIRED") if mtl else None
    if text is not None:
        return AcquisitionDate.parse(text)
    if name.date is not None:
        return name.date
    return AcquisitionDate.parse(tags[DATE_TAG]) if DATE_TAG in tags else None
