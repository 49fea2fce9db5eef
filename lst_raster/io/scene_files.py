"""Which files a scene consists of: thermal band, metadata and quality bands, from whatever the user named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lst_raster.errors import InputNotFoundError, SceneError
from lst_raster.io.address import Location
from lst_raster.io.bundle import Bundle, Place, is_archive, is_metadata, metadata_stem, open_bundle
from lst_raster.io.landsat import (
    FileName,
    choose_bands,
    file_stems,
    parse_band,
    read_edited_name,
    read_file_name,
    require_level_1,
    satellite_of,
)
from lst_raster.io.mtl import Mtl
from lst_raster.io.remote import require_parts
from lst_raster.sensors.bands import thermal_files

_THERMAL = tuple(thermal_files())
_SHOWN = 4  # names in a message, so that it stays one line
_QUALITY_KEYS = ("FILE_NAME_QUALITY_L1_PIXEL", "FILE_NAME_BAND_QUALITY")
_SATURATION_KEYS = ("FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION",)


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneFiles:
    """The files of one thermal band of one scene."""

    band: Place
    """The thermal band."""
    name: FileName
    """What its name tells, with the band that the user chose."""
    mtl: Mtl | None
    """The metadata, None where there are none."""
    quality: Place | None
    """The quality band, QA_PIXEL or BQA, None where there is none."""
    saturation: Place | None
    """The band of saturation, QA_RADSAT, None where there is none."""
    bands: tuple[str, ...]
    """All thermal bands that are there, by suffix."""
    bundle: Bundle
    """The files among which they were found."""
    stems: tuple[str, ...]
    """Names that the scene goes by."""
    notes: tuple[str, ...] = ()
    """What was chosen in place of what is usual, one line each."""

    def find(self, suffix: str) -> Place | None:
        """File of any band, for example ``B4``, None where it is not there."""
        return _band_file(self.bundle, self.stems, self.mtl, suffix, self.name)


def find_files(path: str | Location, *, sensor: str | None = None, band: str | None = None) -> SceneFiles:
    """Find the files of a scene.

    Parameters
    ----------
    path : str, path or Address
        GeoTIFF of a thermal band, folder, metadata file (.txt, .xml, .json), or archive (.zip, .tar, .tar.gz,
        .tar.bz2, .tar.xz); the ``https``, ``http`` or ``s3`` address of one of them; or a file in an archive,
        ``/vsizip/ARCHIVE/FILE`` or ``/vsitar/ARCHIVE/FILE``.
    sensor : str, optional
        Sensor band that the user states, for example ``landsat8-b11``.
    band : str, optional
        Band that the user chooses, for example ``11`` or ``B6_VCID_2``.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    SceneError
        There is no thermal band, not the one that was chosen, or there are several scenes; the product is Level-2; or
        a file is damaged.
    UnknownSensorError
        Nothing tells the satellite.
    RemoteError, MissingExtraError
        A server does not give what it should, or cannot be asked.
    """
    wanted = parse_band(band) if band is not None else None
    named = Place.of(path)
    if _is_band_file(named):
        return _of_file(named, sensor, wanted)
    bundle = open_bundle(named)
    if named.member and is_metadata(named):
        named = _in_bundle(bundle, named)
    stem, mtl = _choose_scene(bundle, named)
    place, notes = _choose_band(bundle, stem, mtl, sensor, wanted)
    return _gather(bundle, place, _name_of(bundle, place), mtl, (stem,), notes)


def _name_of(bundle: Bundle, place: Place) -> FileName:
    """Read a band's name, if need be by the names of the metadata files beside it: files are renamed."""
    path = Path(place.name)
    products = (metadata_stem(metadata.name) for metadata in bundle.metadata().values())
    edited = (read_edited_name(path, product) for product in sorted(products, key=len, reverse=True))
    return next(filter(None, edited), None) or read_file_name(path)


def _is_band_file(named: Place) -> bool:
    """Whether a single raster is named, as far as disk or address tell: it may turn out to be none."""
    is_file = bool(Path(named.name).suffix) if named.remote or named.member else named.disk.is_file()
    return is_file and not is_archive(named) and not is_metadata(named)


def _of_file(place: Place, sensor: str | None, wanted: str | None) -> SceneFiles:
    read_file_name(Path(place.name))  # says what is wrong with a Level-2 file, before others are asked for
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
            raise SceneError(f"--band says {wanted}, the file's name {name.band}; correct one")
        name = name if name.band else dataclasses.replace(name, band=suffixes[0])
    return _gather(bundle, place, name, mtl, ())


def _in_bundle(bundle: Bundle, named: Place) -> Place:
    """File of an archive as its bundle has it, with what was read of it."""
    place = bundle.find(named.name)
    if place is None:
        raise InputNotFoundError(f"scene {named} does not exist; check the name of the file in the archive")
    return place


def _gather(
    bundle: Bundle, band: Place, name: FileName, mtl: Mtl | None, stems: Iterable[str], notes: tuple[str, ...] = ()
) -> SceneFiles:
    known = tuple(dict.fromkeys((name.product, *stems)))
    return SceneFiles(
        notes=notes,
        bundle=bundle,
        stems=known,
        band=band,
        name=name,
        mtl=mtl,
        quality=_companion(bundle, mtl, _QUALITY_KEYS, known, ("QA_PIXEL", "BQA"), name),
        saturation=_companion(bundle, mtl, _SATURATION_KEYS, known, ("QA_RADSAT",), name),
        bands=tuple(
            suffix
            for suffix in _THERMAL
            if suffix == name.band or (_is_thermal(name, suffix) and _band_file(bundle, known, mtl, suffix, name))
        ),
    )


def _is_thermal(name: FileName, suffix: str) -> bool:
    """Whether a suffix is that of a thermal band beside another one: band 6 of Landsat 8 is not."""
    return (name.band or "")[:2] == suffix[:2]


def _read(place: Place) -> Mtl:
    mtl = Mtl.read(place)
    require_level_1(mtl)
    return mtl


def _choose_scene(bundle: Bundle, named: Place) -> tuple[str, Mtl | None]:
    """Name and metadata of the one scene in a bundle."""
    if is_metadata(named):
        return metadata_stem(named.name), _read(named)
    metadata = bundle.metadata()
    stems = {stem: metadata_stem(place.name) for stem, place in metadata.items()}
    for place in bundle.places.values():
        if (stem := _thermal_stem(bundle, place)) is not None:
            stems.setdefault(stem.lower(), stem)
    if not stems:
        _refuse_empty(bundle, named)
    if len(stems) > 1:
        shown = ", ".join(sorted(stems.values())[:_SHOWN])
        more = ", ..." if len(stems) > _SHOWN else ""
        raise SceneError(
            f"{named} holds {len(stems)} scenes ({shown}{more}); give the thermal band or *_MTL.txt of one"
        )
    ((key, stem),) = stems.items()
    return stem, _read(metadata[key]) if key in metadata else None


def _thermal_stem(bundle: Bundle, place: Place) -> str | None:
    """Name of the product whose thermal band a file is, by its name; None where it is none."""
    name = Path(place.name)
    if name.suffix.lower() not in (".tif", ".tiff"):
        return None
    try:
        found = _name_of(bundle, place)
    except SceneError:
        return None  # a Level-2 file, or a quality band
    return found.product if found.band in _THERMAL else None


def _refuse_empty(bundle: Bundle, named: Place) -> None:
    for place in bundle.places.values():
        if Path(place.name).suffix.lower() in bundle.endings:
            read_file_name(Path(place.name))  # says what is wrong with a Level-2 file
    raise SceneError(
        f"{named} holds no thermal band (*_B10.TIF, *_B6.TIF, ...) and no *_MTL.txt; give a Level-1 product"
    )


def _choose_band(
    bundle: Bundle, stem: str, mtl: Mtl | None, sensor: str | None, wanted: str | None
) -> tuple[Place, tuple[str, ...]]:
    """File of the band that is wanted, or else of the first that is there, in the order of `THERMAL_BANDS`."""
    suffixes = choose_bands(stem, satellite_of(mtl) or read_file_name(Path(stem)).satellite, sensor, wanted)
    for suffix in suffixes:
        place = _band_file(bundle, [stem], mtl, suffix) or _edited_file(bundle, stem, suffix)
        if place is None:
            continue
        usual = suffixes[0]
        if suffix == usual:
            return place, ()
        note = f"{bundle.path} has no band {usual[1:]}: band {suffix[1:]} is used; --band {suffix[1:]} confirms it"
        return place, () if wanted == suffix else (note,)
    names = " or ".join(f"{file}.TIF" for suffix in suffixes for file in file_stems(stem, suffix))
    raise SceneError(f"{bundle.path} has no {names}; add the file, or choose another band with --band")


def _edited_file(bundle: Bundle, stem: str, suffix: str) -> Place | None:
    """File of a band that was renamed, where there is no other one of that band.

    Raises
    ------
    SceneError
        There are several.
    """
    found = []
    for place in bundle.places.values():
        name = read_edited_name(Path(place.name), stem)
        if name is not None and name.band == suffix and Path(place.name).suffix.lower() in bundle.endings:
            found.append(place)
    if len(found) > 1:
        shown = ", ".join(place.name for place in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise SceneError(f"{bundle.path} holds {len(found)} files of band {suffix[1:]} ({shown}); give one of them")
    return found[0] if found else None


def _band_file(
    bundle: Bundle, stems: Iterable[str], mtl: Mtl | None, suffix: str, name: FileName | None = None
) -> Place | None:
    return _companion(bundle, mtl, (f"FILE_NAME_BAND_{suffix[1:]}",), stems, (suffix,), name)


def _companion(
    bundle: Bundle, mtl: Mtl | None, keys: Iterable[str], stems: Iterable[str], suffixes: Iterable[str],
    name: FileName | None = None,
) -> Place | None:  # fmt: skip
    """Find a file by the product's name and a suffix, or else under the name in the metadata: files are renamed.

    Of a band whose name was edited, by `name`, the file that was renamed in the same way comes first.
    """
    files = [file for stem in stems for suffix in suffixes for file in file_stems(stem, suffix)]
    if name is not None and (name.before or name.after):
        files = [f"{name.before}{file}{name.after}" for file in files] + files
    names = [f"{file}{ending}" for file in files for ending in bundle.endings]
    names += [mtl.entries[key] for key in keys if mtl and key in mtl.entries]
    return next((place for place in map(bundle.find, names) if place is not None), None)
