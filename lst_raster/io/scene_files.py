"""Files of a scene: thermal band, metadata and quality bands, found by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from lst_raster.errors import InputNotFoundError, SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Bundle, Place, is_archive, is_metadata, metadata_stem, open_bundle
from lst_raster.io.landsat import (
    AcquisitionDate,
    FileName,
    Level2ProductError,
    Mtl,
    choose_bands,
    file_stem,
    parse_band,
    read_edited_name,
    read_file_name,
    satellite_of,
)
from lst_raster.io.remote import require_parts
from lst_raster.io.stack import RASTERS, Stack, read_stack, split_band
from lst_raster.sensors.bands import thermal_files

DATE_TAG = "ACQUISITION_DATE"
"""Metadata item of a GeoTIFF with the date, ``2015-01-17`` or ``2015-01``, used where no other source has it."""

_THERMAL = tuple(thermal_files())
_BAND_FILE = re.compile(r"_(?:B\d{1,2}(?:_VCID_[12])?|BQA|QA_\w+|S[RT]_\w+|[SV][AZ]A)$", re.IGNORECASE)
"""End of the name of a file of one band."""


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
        kinds = (f"{self.name.kind}{suffix}", suffix, f"SR_{suffix}", f"TOA_{suffix}")
        keys = (f"FILE_NAME_BAND_{suffix[1:]}",)
        return find_companion(self.bundle, self.mtl, keys, self.stems, kinds, self.name)

    def find_text(self, suffix: str, *keys: str) -> Place | None:
        """Text file of the product, for example ``ANG``, also by its name in the metadata; None where missing."""
        names = [f"{stem}_{suffix}.txt" for stem in self.stems]
        names += [self.mtl.entries[key] for key in keys if self.mtl and key in self.mtl.entries]
        return next((place for place in map(self.bundle.find, names) if place is not None), None)


def find_files(path: str | Location | Place, *, sensor: str | None = None, band: str | None = None) -> SceneFiles:
    """Find the files of a scene; `path`, `sensor` and `band` as for `Scene.open`.

    SceneError without the thermal band, for several scenes, a Level-2 product or a damaged file; UnknownSensorError
    for an unknown satellite; InputNotFoundError and RemoteError as `lst_raster.io.remote.fetch`.
    """
    path, band = split_band(path, band)
    named = Place.of(path)
    is_file = bool(Path(named.name).suffix) if named.remote or named.member else named.disk.is_file()
    if is_file and not is_archive(named) and not is_metadata(named):
        stack = stack_of(named)
        if stack is not None:
            return _of_stack(stack, sensor, band)
    wanted = parse_band(band) if band is not None else None
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
    if place.name.lower().endswith(".vrt"):
        bundle = replace(bundle, endings=(".vrt", *bundle.endings))
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


def stack_of(place: Place) -> Stack | None:
    """Bands of a raster of several bands, or of one that only its description names; None for other files."""
    path = Path(place.name)
    if path.suffix.lower() not in RASTERS or place.member or _BAND_FILE.search(path.stem):
        return None
    if place.remote is not None:
        require_parts(place.remote)
    return read_stack(place)


def _parsed(stem: str) -> FileName:
    return read_file_name(Path(f"{stem}.tif"), level_2=True)


def _of_stack(stack: Stack, sensor: str | None, band: str | None) -> SceneFiles:
    """Files of a scene whose bands are in one raster, with its metadata file, if there is one."""
    metadata = find_metadata(stack)
    mtl = _read(metadata) if metadata else None
    name = replace(_parsed(stack.stem), stem=stack.stem)
    number = stack.find(band) if band is not None else None
    suffix = stack.suffixes[number - 1] if number is not None else None
    if number is not None and suffix is None:
        if sensor is None:
            raise SceneError(
                f"band {number} of {stack.place.name} has no name of a thermal band; add its sensor band, such as "
                "--sensor landsat8-b10"
            )
        suffix = choose_bands(stack.stem, None, sensor, None)[0]
    if (suffix or "").startswith("ST_") or (number is None and not set(_thermal_of(stack)) and _has_terms(stack)):
        raise Level2ProductError(
            f"{stack.place.name} has bands of a Level-2 product ({stack.listed}), and no thermal band of Level 1; give "
            "one with at-sensor radiance, ST_TRAD or B10"
        )
    if number is None and not _thermal_of(stack):
        raise SceneError(
            f"{stack.place.name} has {len(stack.types)} bands, none with the name of a thermal band ({stack.listed}); "
            "choose one by its number: --band 1 --sensor landsat8-b10"
        )
    wanted = (suffix or "").removeprefix("BT_") or None
    order = choose_bands(stack.stem, satellite_of(mtl) or name.satellite, sensor, wanted)
    bundle = stack.bundle(number, suffix)
    for chosen, kind in product(order, ("", "BT_")):
        place = bundle.find(f"{file_stem(stack.stem, f'{kind}{chosen}')}.tif")
        if place is not None and suffix in (None, f"{kind}{chosen}"):
            known = replace(name, band=chosen, kind=kind)
            return _gather(bundle, place, known, mtl, (), is_chosen=band is not None)
    raise SceneError(f"{stack.place.name} has no band {' or '.join(order)}; it has {stack.listed}")


def _thermal_of(stack: Stack) -> list[str]:
    return [suffix for suffix in stack.suffixes if suffix and suffix.removeprefix("BT_") in _THERMAL]


def _has_terms(stack: Stack) -> bool:
    return any(suffix and suffix.startswith("ST_") for suffix in stack.suffixes)


def find_metadata(stack: Stack) -> Place | None:
    """Metadata file of the scene whose name is that of the raster, or a part of it; None where there is none."""
    bundle = open_bundle(stack.place)
    stems = sorted(bundle.metadata(), key=len, reverse=True)
    names = [stack.stem, *(stem for stem in stems if stem in stack.stem.lower())]
    return next(filter(None, map(bundle.metadata_of, names)), None)


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
        raise Level2ProductError(
            f"{mtl.path.name} has the level {level}: a Level-2 product with a retrieved surface temperature; give the "
            "thermal band of the Level-1 product, or open it with lst_raster.open_scene"
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
    keys = (f"FILE_NAME_BAND_{suffix[1:]}",)
    suffixes = (suffix, f"BT_{suffix}") if name is None else (f"{name.kind}{suffix}",)
    return find_companion(bundle, mtl, keys, stems, suffixes, name)


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
