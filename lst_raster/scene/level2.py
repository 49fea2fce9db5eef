"""Level-2 surface temperature products, opened to be solved again from the terms of their equation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from lst_raster.errors import SceneError
from lst_raster.scene.address import Location, path_of
from lst_raster.scene.bundle import Bundle, Place, is_archive, is_metadata, metadata_stem
from lst_raster.scene.dates import AcquisitionDate
from lst_raster.scene.files import SceneFiles
from lst_raster.scene.grid import Grid
from lst_raster.scene.landsat import THERMAL_BANDS, Calibration, choose_bands, parse_band, read_file_name, satellite_of
from lst_raster.scene.level2_terms import (
    EMISSIVITY,
    EMISSIVITY_UNCERTAINTY,
    EQUATION,
    RADIANCE,
    Downwelling,
    Level2Air,
    Level2Emissivity,
    Term,
    check_term,
)
from lst_raster.scene.mtl import Mtl
from lst_raster.scene.open_bundle import open_bundle
from lst_raster.scene.raster import open_raster
from lst_raster.scene.scene import Scene

_TERM_FILE = re.compile(r"^(?P<stem>.+)_ST_(?:B\d+|ATRAN|[DTU]RAD|EMIS|EMSD|CDIST|QA)\.tiff?$", re.IGNORECASE)
_QUALITY = (("QA_PIXEL", "QUALITY_L1_PIXEL"), ("QA_RADSAT", "QUALITY_L1_RADIOMETRIC_SATURATION"))
_SHOWN = 4  # names in a message, so that it stays one line


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Scene(Scene):
    """A Level-2 product whose equation can be solved again: its thermal band is ST_TRAD, radiance at the sensor."""

    air: Level2Air
    """The air over the scene, as the product has it."""
    emissivity: Level2Emissivity | None
    """The product's own emissivity, None where it is missing."""

    @classmethod
    def open(
        cls,
        path: str | Location,
        *,
        band: str | None = None,
        sensor: str | None = None,
        date: str | None = None,
        downwelling: Downwelling = "corrected",
    ) -> Level2Scene:
        """Look at a Level-2 product and find the terms of its equation.

        Parameters
        ----------
        path : str or path
            Folder or archive of the product, its metadata file, or any of its files named ``*_ST_*.TIF``.
        band, sensor : str, optional
            Band and sensor band, to be checked: the product is made from one.
        date : str, optional
            Date of acquisition, where neither metadata nor name tell it.
        downwelling : {"corrected", "usgs"}
            Whether ST_DRAD is multiplied by pi, which makes it a hemispheric mean, or taken as it stands, as the
            product's own temperature does.

        Returns
        -------
        Level2Scene
            The product; nothing stays open.

        Raises
        ------
        InputNotFoundError
            There is no such path.
        SceneError
            It is not a Level-2 surface temperature product, or several, a term is missing, damaged, or does not hold
            what its name says; or it is of another band than stated.
        GridMismatchError
            The terms do not lie on one grid.
        UnknownSensorError
            Nothing tells the satellite.
        InputError
            The date is not one.
        """
        stated = AcquisitionDate.parse(date) if date is not None else None
        files, places = _find(path_of(path, "Level-2 product"), parse_band(band) if band is not None else None, sensor)
        with open_raster(files.band, RADIANCE.suffix, SceneError) as dataset:
            grid, tags = Grid.of(dataset), dataset.tags()
        for name, place in places.items():
            check_term(place, EQUATION[name], grid)
        return cls(
            stem=files.name.stem,
            sensor=THERMAL_BANDS[files.name.satellite or 0][files.name.band or ""],
            calibration=Calibration(gain=RADIANCE.scale, offset=0.0, source=RADIANCE.suffix),
            grid=grid,
            latitude=grid.latitude() if grid.crs is not None else files.mtl.latitude() if files.mtl else None,
            date=stated or _date(files),
            files=files,
            tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
            air=Level2Air(places=places, grid=grid, downwelling=downwelling),
            emissivity=_emissivity(files.bundle, files.name.stem, files.mtl),
        )


def find_level2_emissivity(path: Path) -> Level2Emissivity:
    """Find the emissivity of a Level-2 product, for whatever scene it is used with.

    Parameters
    ----------
    path : path
        As for `Level2Scene.open`; the product's other terms need not be there.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    SceneError
        It holds no ST_EMIS, or those of several products.
    """
    bundle = open_bundle(path)
    stem, mtl = _product(bundle, path)
    emissivity = _emissivity(bundle, stem, mtl)
    if emissivity is None:
        raise SceneError(f"{bundle.path} has no {stem}_{EMISSIVITY.suffix}.TIF; fetch it, or give another emissivity")
    return emissivity


def _find(path: Path, band: str | None, sensor: str | None) -> tuple[SceneFiles, dict[str, Place]]:
    """Files of a product, its thermal band that of the radiance, and those of the equation's terms."""
    bundle = open_bundle(path)
    stem, mtl = _product(bundle, path)
    places = {name: _file(bundle, stem, mtl, term) for name, term in EQUATION.items()}
    found = {name: place for name, place in places.items() if place is not None}
    missing = [f"{stem}_{EQUATION[name].suffix}.TIF" for name in EQUATION if name not in found]
    if missing:
        raise SceneError(f"{bundle.path} lacks {', '.join(missing)}, of the equation's terms; fetch the whole product")
    name = read_file_name(Path(stem), level_2=True)
    satellite = satellite_of(mtl) or name.satellite
    suffix = choose_bands(stem, satellite, sensor, band)[0]
    if suffix != choose_bands(stem, satellite, None, None)[0]:
        raise SceneError(f"the surface temperature of {stem} is not made from band {suffix[1:]}; leave out the band")
    quality, saturation = (_named(bundle, stem, mtl, *names) for names in _QUALITY)
    files = SceneFiles(
        band=found["radiance"],
        name=replace(name, stem=stem, band=suffix, satellite=satellite),
        mtl=mtl,
        quality=quality,
        saturation=saturation,
        bands=(suffix,),
        bundle=bundle,
        stems=(stem,),
    )
    return files, found


def _product(bundle: Bundle, path: Path) -> tuple[str, Mtl | None]:
    """Name and metadata of the one Level-2 product that a path stands for."""
    metadata = bundle.metadata()
    named = _TERM_FILE.match(path.name)
    if is_metadata(path):
        stem = metadata_stem(path.name)
        return stem, _read(Place(disk=path))
    stem = named["stem"] if named else _only_stem(bundle, path)
    place = metadata.get(stem.lower())
    return stem, _read(place) if place else None


def _only_stem(bundle: Bundle, path: Path) -> str:
    if path.is_file() and not is_archive(path):
        raise SceneError(
            f"{path.name} is not a file of a Level-2 product (*_ST_*.TIF, *_MTL.txt); give one, or its folder"
        )
    matches = (_TERM_FILE.match(place.name) for place in bundle.places.values())
    stems = {match["stem"].lower(): match["stem"] for match in matches if match}
    if not stems:
        for place in bundle.metadata().values():
            _read(place)  # says what is wrong with a product of another level
        raise SceneError(
            f"{path} holds no terms of a Level-2 product (*_ST_TRAD.TIF, ...); give one, with all its files"
        )
    if len(stems) > 1:
        shown = ", ".join(sorted(stems.values())[:_SHOWN])
        raise SceneError(f"{path} holds {len(stems)} Level-2 products ({shown}); give the *_MTL.txt of one")
    return next(iter(stems.values()))


def _read(place: Place) -> Mtl:
    mtl = Mtl.read(place)
    level = mtl.entries.get("PROCESSING_LEVEL", mtl.entries.get("DATA_TYPE", "")).upper()
    if level == "L2SR":
        raise SceneError(
            f"{place.name} says L2SR: the product has surface reflectance alone, no temperature to solve again"
        )
    if not level.startswith("L2"):
        raise SceneError(f"{place.name} says {level or 'no level'}, not L2SP: the product has no terms to solve again")
    return mtl


def _file(bundle: Bundle, stem: str, mtl: Mtl | None, term: Term) -> Place | None:
    return _named(bundle, stem, mtl, term.suffix, term.key)


def _named(bundle: Bundle, stem: str, mtl: Mtl | None, suffix: str, key: str) -> Place | None:
    """Find a file by the product's name and a suffix, or else under the name in the metadata."""
    names: Iterable[str | None] = (f"{stem}_{suffix}.TIF", f"{stem}_{suffix}.tiff")
    own = mtl.entries.get(f"FILE_NAME_{key}") if mtl else None
    return next((place for place in map(bundle.find, (*names, own)) if place is not None), None)


def _emissivity(bundle: Bundle, stem: str, mtl: Mtl | None) -> Level2Emissivity | None:
    value = _file(bundle, stem, mtl, EMISSIVITY)
    uncertainty = _file(bundle, stem, mtl, EMISSIVITY_UNCERTAINTY)
    return Level2Emissivity(value=value, uncertainty=uncertainty) if value is not None else None


def _date(files: SceneFiles) -> AcquisitionDate | None:
    day = files.mtl.entries.get("DATE_ACQUIRED") if files.mtl else None
    date = AcquisitionDate.parse(day) if day else files.name.date
    return date.at(day, files.mtl.entries.get("SCENE_CENTER_TIME")) if date and files.mtl else date
