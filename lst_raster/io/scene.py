"""Thermal scenes: files of a scene, and the raster of one band with its calibration, grid and date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError, SceneError, UnknownSensorError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Bundle, Place, is_archive, is_metadata, metadata_stem, open_bundle
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import (
    AcquisitionDate,
    Calibration,
    FileName,
    Mtl,
    choose_bands,
    file_stem,
    find_calibration,
    find_sensor,
    parse_band,
    read_edited_name,
    read_file_name,
    satellite_of,
)
from lst_raster.io.plausibility import (
    FILL_VALUES,
    TEMPERATURE_RANGE,
    Expectation,
    check_measured,
    check_values,
    require_no_scale,
    require_no_wrap,
)
from lst_raster.io.raster import Float32, Mask, open_raster, read_stored
from lst_raster.io.remote import require_parts
from lst_raster.physics.calibration import radiance_from_digital_number, radiance_two_constants
from lst_raster.physics.planck import band_radiance
from lst_raster.physics.quantities import AIR_TEMPERATURE, RADIANCE, Quantity
from lst_raster.sensors.bands import SensorBand, second_band, sensor_band, thermal_files

DATE_TAG = "ACQUISITION_DATE"
"""Metadata item of a GeoTIFF with the date, ``2015-01-17`` or ``2015-01``, used where no other source has it."""

_THERMAL = tuple(thermal_files())
_NEEDS_CORRECTION = 8  # satellite whose thermal bands have stray light
_UNCORRECTED = 2.0
"""Standard uncertainty of stray light without the correction, assumed: errors over water were up to 9 K before it. M.
Montanaro et al., Remote Sens. 6, 10435 (2014), doi:10.3390/rs61110435 [K]"""
_COLLECTION = re.compile(r"_\d{2}_(?:RT|T1|T2)$")  # end of the names of products of collections


def shorten_list(names: list[str], shown: int = 4) -> str:
    """Join the first names of a list for a message of one line."""
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneFiles:
    """Files of one thermal band of one scene."""

    band: Place  # thermal band
    name: FileName  # content of its name, with the band that the user chose
    bundle: Bundle  # folder or archive of the files
    stems: tuple[str, ...]  # names of the scene
    mtl: Mtl | None = None  # metadata, None where missing
    quality: Place | None = None  # quality band, QA_PIXEL or BQA, None where missing
    saturation: Place | None = None  # saturation band, QA_RADSAT, None where missing
    bands: tuple[str, ...] = ()  # suffixes of all thermal bands that exist
    notes: tuple[str, ...] = ()  # deviations from the default choice of band, one line each
    is_chosen: bool = False  # whether the user has chosen this band

    def find_date(self, tags: Mapping[str, str], stated: AcquisitionDate | None = None) -> AcquisitionDate | None:
        """Date of acquisition: as stated, else of the metadata, the name or the raster's tags; time of the metadata."""
        entries = self.mtl.entries if self.mtl else {}
        day = entries.get("DATE_ACQUIRED")
        date = stated or (AcquisitionDate.parse(day) if day is not None else self.name.date)
        if date is None and DATE_TAG in tags:
            date = AcquisitionDate.parse(tags[DATE_TAG])
        return date.with_time(day, entries.get("SCENE_CENTER_TIME")) if date else None

    def find(self, suffix: str) -> Place | None:
        """File of any band, for example ``B4``, None where missing."""
        return _band_file(self.bundle, self.stems, self.mtl, suffix, self.name)


def find_files(path: str | Location, *, sensor: str | None = None, band: str | None = None) -> SceneFiles:
    """Find the files of a scene; `path`, `sensor` and `band` as for `Scene.open`.

    SceneError without the thermal band, for several scenes, a Level-2 product or a damaged file; UnknownSensorError
    for an unknown satellite; InputNotFoundError and RemoteError as `lst_raster.io.remote.fetch`.
    """
    wanted = parse_band(band) if band is not None else None
    named = Place.of(path)
    is_file = bool(Path(named.name).suffix) if named.remote or named.member else named.disk.is_file()
    if is_file and not is_archive(named) and not is_metadata(named):
        return _of_file(named, sensor, wanted)
    bundle = open_bundle(named)
    if named.member and is_metadata(named):
        named = _in_bundle(bundle, named)
    stem, mtl = _choose_scene(bundle, named)
    place, notes = _choose_band(bundle, stem, mtl, sensor, wanted)
    return _gather(bundle, place, _name_of(bundle, place), mtl, (stem,), notes, is_chosen=wanted is not None)


def _name_of(bundle: Bundle, place: Place) -> FileName:
    """Parse a band's name, which may contain the name of a metadata file and additions."""
    path = Path(place.name)
    products = (metadata_stem(metadata.name) for metadata in bundle.metadata().values())
    edited = (read_edited_name(path, product) for product in sorted(products, key=len, reverse=True))
    return next(filter(None, edited), None) or read_file_name(path)


def _of_file(place: Place, sensor: str | None, wanted: str | None) -> SceneFiles:
    read_file_name(Path(place.name))  # raises an error for a Level-2 file before others are requested
    if place.remote is not None:
        require_parts(place.remote)
    bundle = open_bundle(place)
    place = _in_bundle(bundle, place) if place.member else place
    name = _name_of(bundle, place)
    metadata = bundle.metadata_of(name.stem) or bundle.metadata_of(name.product)
    mtl = _read(metadata) if metadata else None
    if wanted is not None:
        suffixes = choose_bands(name.stem, satellite_of(mtl) or name.satellite, sensor, wanted)
        if name.band is not None and name.band not in suffixes:
            raise SceneError(f"--band is {wanted}, but the file's name has {name.band}; correct one")
        name = name if name.band else replace(name, band=suffixes[0])
    return _gather(bundle, place, name, mtl, (), is_chosen=wanted is not None)


def _in_bundle(bundle: Bundle, named: Place) -> Place:
    """Member of an archive with the content that was read of it."""
    place = bundle.find(named.name)
    if place is None:
        raise InputNotFoundError(f"scene {named} does not exist; check the name of the file in the archive")
    return place


def _gather(
    bundle: Bundle, band: Place, name: FileName, mtl: Mtl | None, stems: Iterable[str], notes: tuple[str, ...] = (), *,
    is_chosen: bool,
) -> SceneFiles:  # fmt: skip
    known = tuple(dict.fromkeys((name.product, *stems)))
    bands = []
    for suffix in _THERMAL:
        is_alternative = (name.band or "")[:2] == suffix[:2]  # band 6 of Landsat 8 is not thermal
        if suffix == name.band or (is_alternative and _band_file(bundle, known, mtl, suffix, name)):
            bands.append(suffix)
    quality_keys = ("FILE_NAME_QUALITY_L1_PIXEL", "FILE_NAME_BAND_QUALITY")
    saturation_keys = ("FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION",)
    return SceneFiles(
        band=band, name=name, bundle=bundle, stems=known, mtl=mtl, bands=tuple(bands), notes=notes,
        is_chosen=is_chosen,
        quality=find_companion(bundle, mtl, quality_keys, known, ("QA_PIXEL", "BQA"), name),
        saturation=find_companion(bundle, mtl, saturation_keys, known, ("QA_RADSAT",), name),
    )  # fmt: skip


def _read(place: Place) -> Mtl:
    mtl = Mtl.read(place)
    level = mtl.entries.get("PROCESSING_LEVEL", "")
    if level.upper().startswith("L2"):
        raise SceneError(
            f"{mtl.path.name} has the level {level}: a Level-2 product with a retrieved surface temperature; give the "
            "thermal band of the Level-1 product, or repeat the retrieval from the product's terms: --level-2"
        )
    return mtl


def _choose_scene(bundle: Bundle, named: Place) -> tuple[str, Mtl | None]:
    """Name and metadata of the only scene in a bundle."""
    if is_metadata(named):
        return metadata_stem(named.name), _read(named)
    metadata = bundle.metadata()
    stems = {stem: metadata_stem(place.name) for stem, place in metadata.items()}
    for place in bundle.places.values():
        if Path(place.name).suffix.lower() in (".tif", ".tiff"):
            with suppress(SceneError):  # a Level-2 file, or a quality band
                name = _name_of(bundle, place)
                if name.band in _THERMAL:
                    stems.setdefault(name.product.lower(), name.product)
    if not stems:
        for place in bundle.places.values():
            if Path(place.name).suffix.lower() in bundle.endings:
                read_file_name(Path(place.name))  # raises a specific error for a Level-2 file
        raise SceneError(
            f"{named} holds no thermal band (*_B10.TIF, *_B6.TIF, ...) and no *_MTL.txt; give a Level-1 product"
        )
    if len(stems) > 1:
        raise SceneError(
            f"{named} holds {len(stems)} scenes ({shorten_list(sorted(stems.values()))}); give the thermal band or "
            "*_MTL.txt of one"
        )
    ((key, stem),) = stems.items()
    return stem, _read(metadata[key]) if key in metadata else None


def _choose_band(
    bundle: Bundle, stem: str, mtl: Mtl | None, sensor: str | None, wanted: str | None
) -> tuple[Place, tuple[str, ...]]:
    """File of the chosen band, or else of the first that exists in the order of `THERMAL_BANDS`; notes for the user."""
    suffixes = choose_bands(stem, satellite_of(mtl) or read_file_name(Path(stem)).satellite, sensor, wanted)
    for suffix in suffixes:
        place = _band_file(bundle, [stem], mtl, suffix) or _edited_file(bundle, stem, suffix)
        if place is None:
            continue
        if suffix in (suffixes[0], wanted):
            return place, ()
        missing, used = suffixes[0][1:], suffix[1:]
        return place, (f"{bundle.path} has no band {missing}: band {used} is used; --band {used} confirms it",)
    names = " or ".join(f"{file_stem(stem, suffix)}.TIF" for suffix in suffixes)
    raise SceneError(f"{bundle.path} has no {names}; add the file, or choose another band with --band")


def _edited_file(bundle: Bundle, stem: str, suffix: str) -> Place | None:
    """File of a renamed band, if it is the only one; SceneError for several."""
    found = []
    for place in bundle.places.values():
        name = read_edited_name(Path(place.name), stem)
        if name is not None and name.band == suffix and Path(place.name).suffix.lower() in bundle.endings:
            found.append(place)
    if len(found) > 1:
        shown = shorten_list([place.name for place in found])
        raise SceneError(f"{bundle.path} holds {len(found)} files of band {suffix[1:]} ({shown}); give one of them")
    return found[0] if found else None


def _band_file(
    bundle: Bundle, stems: Iterable[str], mtl: Mtl | None, suffix: str, name: FileName | None = None
) -> Place | None:
    return find_companion(bundle, mtl, (f"FILE_NAME_BAND_{suffix[1:]}",), stems, (suffix,), name)


def find_companion(
    bundle: Bundle, mtl: Mtl | None, keys: Iterable[str], stems: Iterable[str], suffixes: Iterable[str],
    name: FileName | None = None,
) -> Place | None:  # fmt: skip
    """Find a file by the product's name and a suffix, or else by the name in the metadata.

    If the thermal band's name has additions, a file with the same additions comes first.
    """
    files = [file_stem(stem, suffix) for stem in stems for suffix in suffixes]
    if name is not None and (name.before or name.after):
        files = [f"{name.before}{file}{name.after}" for file in files] + files
    names = [f"{file}{ending}" for file in files for ending in bundle.endings]
    names += [mtl.entries[key] for key in keys if mtl and key in mtl.entries]
    return next((place for place in map(bundle.find, names) if place is not None), None)


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
_VALID_RANGES = {"radiance": (0.0, 40.0), "brightness-temperature": TEMPERATURE_RANGE}  # all other values are fill


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
        mtl = files.mtl
        with open_raster(files.band, "scene", SceneError) as dataset:
            sensor, suffix = find_sensor(files.name, mtl, sensor)
            grid, tags = Grid.of(dataset), dataset.tags()
            latitude, longitude = find_centre(grid, mtl)
            scene = cls(
                files=files,
                stem=files.name.stem,
                sensor=sensor,
                calibration=find_calibration(sensor, suffix, mtl),
                grid=grid,
                latitude=latitude,
                longitude=longitude,
                date=files.find_date(tags, stated),
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
            calibration=find_calibration(other.name, suffixes[0], self.files.mtl),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredScene(Scene):
    """Raster of at-sensor radiance or brightness temperature, checked. Create it with `MeasuredScene.open`."""

    @classmethod
    def open(
        cls, path: str | Location, *, band: str | None = None, sensor: str | None = None, date: str | None = None,
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
        place = Place.of(path)
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
        return radiance_two_constants(values, band.k1, band.k2)

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
