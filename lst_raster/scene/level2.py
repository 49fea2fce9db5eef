"""Level-2 surface temperature products, opened to be solved again from the terms of their equation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import SceneError
from lst_raster.physics.band import sensor_band
from lst_raster.physics.surface import surface_temperature
from lst_raster.scene.bundle import Bundle, Place, is_archive, is_metadata, metadata_stem, open_bundle
from lst_raster.scene.dates import AcquisitionDate
from lst_raster.scene.files import SceneFiles
from lst_raster.scene.grid import Grid
from lst_raster.scene.landsat import THERMAL_BANDS, Calibration, FileName, choose_bands, read_file_name, satellite_of
from lst_raster.scene.level2_terms import (
    EMISSIVITY,
    EMISSIVITY_UNCERTAINTY,
    EQUATION,
    RADIANCE,
    Downwelling,
    Float32,
    Level2Air,
    Level2Emissivity,
    Term,
    check_term,
)
from lst_raster.scene.mtl import Mtl
from lst_raster.scene.raster import open_raster
from lst_raster.scene.scene import Scene

Mask: TypeAlias = NDArray[np.bool_]

_TERM_FILE = re.compile(r"^(?P<stem>.+)_ST_(?:B\d+|ATRAN|[DTU]RAD|EMIS|EMSD|CDIST|QA)\.tiff?$", re.IGNORECASE)
_QUALITY = (("QA_PIXEL", "QUALITY_L1_PIXEL"), ("QA_RADSAT", "QUALITY_L1_RADIOMETRIC_SATURATION"))
_SHOWN = 4  # names in a message, so that it stays one line


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Scene:
    """A Level-2 product whose equation can be solved again."""

    scene: Scene
    """The radiance at the sensor, as a scene: its thermal band is ST_TRAD."""
    places: Mapping[str, Place]
    """Files of the equation's terms, by their names in `EQUATION`."""
    emissivity: Level2Emissivity | None
    """The product's own emissivity, None where it is missing."""

    def air(self, downwelling: Downwelling = "corrected") -> Level2Air:
        """Air over the scene, as the product has it; what becomes of ST_DRAD is told by `downwelling`."""
        return Level2Air(places=self.places, grid=self.scene.grid, downwelling=downwelling)


class Level2Tile(NamedTuple):
    """What the product tells of a window; every array is of shape (rows, columns), NaN where it tells nothing."""

    radiance: Float32
    """Radiance at the sensor. [W m-2 sr-1 um-1]"""
    measured: Mask
    """Where it is measured."""
    air: tuple[Float32, Float32, Float32]
    """Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]."""
    emissivity: Float32
    """The product's own emissivity. [1]"""
    emissivity_uncertainty: Float32
    """Its standard uncertainty. [1]"""


TileReader: TypeAlias = Callable[[Any], Level2Tile]
"""Takes a window of the scene."""


def find_level2(path: Path) -> Level2Scene:
    """Look at a Level-2 product and find the terms of its equation.

    Parameters
    ----------
    path : path
        Folder or archive of the product, its metadata file, or any of its files named ``*_ST_*.TIF``.

    Returns
    -------
    Level2Scene
        The product; nothing stays open.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    SceneError
        It is not a Level-2 surface temperature product, or several, a term is missing, damaged, or does not hold what
        its name says.
    GridMismatchError
        The terms do not lie on one grid.
    UnknownSensorError
        Nothing tells the satellite.
    """
    bundle = open_bundle(path)
    stem, mtl = _product(bundle, path)
    places = {name: _file(bundle, stem, mtl, term) for name, term in EQUATION.items()}
    found = {name: place for name, place in places.items() if place is not None}
    missing = [f"{stem}_{EQUATION[name].suffix}.TIF" for name in EQUATION if name not in found]
    if missing:
        raise SceneError(f"{bundle.path} lacks {', '.join(missing)}, a term of the equation; fetch the whole product")
    scene = _scene(bundle, stem, mtl, found["radiance"])
    for name, place in found.items():
        check_term(place, EQUATION[name], scene.grid)
    emissivity = _emissivity(bundle, stem, mtl)
    if emissivity is not None:
        check_term(emissivity.value, EMISSIVITY, scene.grid)
    return Level2Scene(scene=scene, places=found, emissivity=emissivity)


def find_level2_emissivity(path: Path) -> Level2Emissivity:
    """Find the emissivity of a Level-2 product, for whatever it is used with.

    Parameters
    ----------
    path : path
        As for `find_level2`; the product's other terms need not be there.

    Raises
    ------
    InputNotFoundError
        There is no such path.
    SceneError
        It holds no ST_EMIS, or those of several scenes.
    """
    bundle = open_bundle(path)
    stem, mtl = _product(bundle, path)
    emissivity = _emissivity(bundle, stem, mtl)
    if emissivity is None:
        raise SceneError(f"{bundle.path} has no {stem}_{EMISSIVITY.suffix}.TIF; fetch it, or give another emissivity")
    return emissivity


@contextmanager
def open_terms(level2: Level2Scene, downwelling: Downwelling = "corrected") -> Iterator[TileReader]:
    """Open all terms for reading window by window.

    Parameters
    ----------
    level2 : Level2Scene
        The product.
    downwelling : {"corrected", "usgs"}
        Whether ST_DRAD is made a hemispheric mean, or taken as it stands.

    Yields
    ------
    TileReader
        Reads a window.

    Raises
    ------
    SceneError, GridMismatchError
        A file is missing, damaged or on another grid (also raised by the reader).
    """
    scene = level2.scene
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(scene.place, RADIANCE.suffix, SceneError))
        air = stack.enter_context(level2.air(downwelling).open())
        own = stack.enter_context(level2.emissivity.open(scene.grid)) if level2.emissivity else None

        def read(window: Any) -> Level2Tile:
            radiance, measured = scene.read(dataset, window=window)
            unknown = np.full_like(radiance, np.nan)
            emissivity, uncertainty = own(window) if own else (unknown, unknown)
            return Level2Tile(radiance, measured, air(window), emissivity, uncertainty)

        yield read


def solve_tile(tile: Level2Tile, sensor: str, emissivity: Float32 | float | None = None) -> Float32:
    """Land surface temperature of a window, from the product's terms.

    Parameters
    ----------
    tile : Level2Tile
        The terms.
    sensor : str
        Sensor band, for example ``landsat8-b10``.
    emissivity : float or array of shape (rows, columns), optional
        Surface emissivity; else the product's own. [1]

    Returns
    -------
    array of shape (rows, columns)
        Temperature, NaN where a term is missing or the air alone exceeds the radiance. [K]
    """
    emissivity = tile.emissivity if emissivity is None else np.asarray(emissivity, np.float32)
    radiance = np.where(tile.measured, tile.radiance, np.float32("nan"))
    return np.asarray(surface_temperature(radiance, emissivity, *tile.air, sensor_band(sensor).planck), np.float32)


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


def _scene(bundle: Bundle, stem: str, mtl: Mtl | None, radiance: Place) -> Scene:
    """Scene of the radiance at the sensor, whose files have the band that the temperature was made from."""
    name = read_file_name(Path(stem), level_2=True)
    satellite = satellite_of(mtl) or name.satellite
    band = choose_bands(stem, satellite, None, None)[0]
    sensor = THERMAL_BANDS[satellite or 0][band]
    quality, saturation = (_named(bundle, stem, mtl, *names) for names in _QUALITY)
    with open_raster(radiance, RADIANCE.suffix, SceneError) as dataset:
        grid, tags = Grid.of(dataset), dataset.tags()
    return Scene(
        stem=stem,
        sensor=sensor,
        calibration=Calibration(gain=RADIANCE.scale, offset=0.0, source=RADIANCE.suffix),
        grid=grid,
        latitude=grid.latitude() if grid.crs is not None else mtl.latitude() if mtl else None,
        date=_date(name, mtl),
        files=SceneFiles(
            band=radiance,
            name=FileName(stem=stem, band=band, satellite=satellite, date=name.date),
            mtl=mtl,
            quality=quality,
            saturation=saturation,
            bands=(band,),
        ),
        tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
    )


def _date(name: FileName, mtl: Mtl | None) -> AcquisitionDate | None:
    day = mtl.entries.get("DATE_ACQUIRED") if mtl else None
    date = AcquisitionDate.parse(day) if day else name.date
    return date.at(day, mtl.entries.get("SCENE_CENTER_TIME")) if date and mtl else date
