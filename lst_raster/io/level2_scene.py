"""Landsat Level-2 scenes: the surface temperature product and its intermediate bands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from lst_raster.errors import LstRasterError, SceneError
from lst_raster.io.address import Location, path_of
from lst_raster.io.bundle import Bundle, Place, is_archive, is_metadata, metadata_stem, open_bundle
from lst_raster.io.grid import Grid, require_same_grid
from lst_raster.io.landsat import (
    THERMAL_BANDS,
    AcquisitionDate,
    Calibration,
    Mtl,
    choose_bands,
    parse_band,
    read_file_name,
    satellite_of,
)
from lst_raster.io.quality_band import find_quality, is_any, read_bits
from lst_raster.io.raster import Float32, open_raster, read_window
from lst_raster.io.scene import Pixels, Scene, find_centre
from lst_raster.io.scene_files import SceneFiles, find_companion, find_metadata, shorten_list, stack_of
from lst_raster.io.stack import split_band
from lst_raster.physics.calibration import downwelling_from_st_drad, radiance_from_digital_number

Downwelling: TypeAlias = Literal["corrected", "usgs"]
"""Whether ST_DRAD is converted to a hemispheric mean, or used unchanged as by USGS."""
AtmosphereReader: TypeAlias = Callable[[Any], tuple[Float32, Float32, Float32]]
"""Takes a window; returns transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1], NaN if missing."""

_SMALL_GAPS = 0.002  # fraction of the pixels of the swath without radiance that needs no note
_VALID_FRACTION = 0.5  # of the values other than fill that must be in range; single pixels are masked instead


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """Band of the product with its scale and valid range."""

    suffix: str  # last part of the file's name
    key: str  # key of the file's name in the metadata, without ``FILE_NAME_``
    scale: float  # factor from stored numbers to physical values. [unit of the term]
    low: float  # lowest valid value, above the values of any atmosphere or surface stored with another scale
    high: float  # highest valid value

    def read(self, dataset: Any, **where: Any) -> Float32:
        """Read part of the open band, NaN for fill (-9999) and values out of range; SceneError for a damaged file."""
        numbers, valid = read_window(dataset, self.suffix, SceneError, **where)
        values = numbers.astype(np.float64) * self.scale
        in_range = valid & (values >= self.low) & (values <= self.high)
        return np.where(in_range, values, np.nan).astype(np.float32)


# Black-body radiance in these bands: 0.9 W m-2 sr-1 um-1 at 180 K, 24 at 370 K; a dry atmosphere over ice emits 0.1.
RADIANCE = Term(suffix="ST_TRAD", key="THERMAL_RADIANCE", scale=1e-3, low=0.1, high=30.0)
EMISSIVITY = Term(suffix="ST_EMIS", key="EMISSIVITY", scale=1e-4, low=0.5, high=1.0)
EMISSIVITY_UNCERTAINTY = Term(suffix="ST_EMSD", key="EMISSIVITY_STDEV", scale=1e-4, low=0.0, high=1.0)

EQUATION: Mapping[str, Term] = {
    "radiance": RADIANCE,
    "transmittance": Term(suffix="ST_ATRAN", key="ATMOSPHERIC_TRANSMITTANCE", scale=1e-4, low=0.01, high=1.0),
    "upwelling_radiance": Term(suffix="ST_URAD", key="UPWELL_RADIANCE", scale=1e-3, low=0.005, high=30.0),
    "downwelling_radiance": Term(suffix="ST_DRAD", key="DOWNWELL_RADIANCE", scale=1e-3, low=0.005, high=30.0),
}
"""Required terms of the radiative transfer equation; scales and units of USGS LSDS-1619 (Landsat 8, 9), LSDS-1618."""
_ATMOSPHERE = ("transmittance", "upwelling_radiance", "downwelling_radiance")


def _check_term(place: Place, term: Term, grid: Grid) -> None:
    """Require the radiance's grid (GridMismatchError) and plausible values (SceneError)."""
    with open_term(place, term, grid) as dataset:
        numbers, valid = read_window(dataset, term.suffix, SceneError, out_shape=grid.sample_shape)
        in_range = np.isfinite(term.read(dataset, out_shape=grid.sample_shape))
    stored = valid & (numbers != -9999.0)
    if in_range.sum() < _VALID_FRACTION * stored.sum():
        median = float(np.median(numbers[stored]))
        raise SceneError(
            f"{place.name} has values such as {median:g}; times the product's scale of {term.scale:g} that is "
            f"{median * term.scale:g}, outside {term.low:g} to {term.high:g}: give the product's digital numbers"
        )


@contextmanager
def open_term(place: Place, term: Term, grid: Grid) -> Iterator[Any]:
    """Open a band as a rasterio dataset; GridMismatchError where it is not on the given grid."""
    with open_raster(place, term.suffix, SceneError) as dataset:
        remedy = "all bands of a Level-2 product have the same grid: give the files as published"
        require_same_grid(f"{term.suffix} {place.name}", Grid.of(dataset), grid, remedy)
        yield dataset


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Atmosphere:
    """Atmospheric terms of the product."""

    places: Mapping[str, Place]  # files of the terms, by their names in `EQUATION`
    grid: Grid  # grid of the product
    downwelling: Downwelling = "corrected"  # treatment of ST_DRAD

    def __str__(self) -> str:
        return "ST_ATRAN, ST_URAD, " + ("pi ST_DRAD" if self.downwelling == "corrected" else "ST_DRAD as it stands")

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return [self.places[name].location for name in _ATMOSPHERE]

    @contextmanager
    def open(self) -> Iterator[AtmosphereReader]:
        """Open the terms for reading by window; the transmittance is NaN where any of them is missing.

        SceneError, also from the reader, for a missing or damaged file; GridMismatchError for another grid.
        """
        with ExitStack() as stack:
            terms = [
                (EQUATION[name], stack.enter_context(open_term(self.places[name], EQUATION[name], self.grid)))
                for name in _ATMOSPHERE
            ]

            def read(window: Any) -> tuple[Float32, Float32, Float32]:
                transmittance, upwelling, st_drad = (term.read(dataset, window=window) for term, dataset in terms)
                downwelling = downwelling_from_st_drad(st_drad) if self.downwelling == "corrected" else st_drad
                known = np.isfinite(transmittance) & np.isfinite(upwelling) & np.isfinite(st_drad)
                return np.where(known, transmittance, np.float32("nan")), upwelling, downwelling

            yield read


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Emissivity:
    """Emissivity of the product: ASTER GED, adjusted to the scene's vegetation and snow."""

    value: Place  # ST_EMIS
    uncertainty: Place | None  # ST_EMSD, None where it is missing


_TERM_FILE = re.compile(r"^(?P<stem>.+)_ST_(?:B\d+|ATRAN|[DTU]RAD|EMIS|EMSD|CDIST|QA)\.tiff?$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Scene(Scene):
    """Level-2 product for a new retrieval from its terms: its thermal band is ST_TRAD, at-sensor radiance."""

    air: Level2Atmosphere | None
    """Atmospheric terms of the product, None for a retrieval with a model."""
    emissivity: Level2Emissivity | None
    """Emissivity of the product, None where it is missing."""

    @classmethod
    def open(
        cls, path: str | Location | Place, *, band: str | None = None, sensor: str | None = None,
        date: str | None = None, downwelling: Downwelling = "corrected", with_atmosphere: bool = True,
    ) -> Level2Scene:  # fmt: skip
        """Find the terms of a Level-2 product and check them.

        Parameters
        ----------
        path : str or path
            Folder or archive of the product, its metadata file, or any of its files named ``*_ST_*.TIF``.
        band, sensor : str, optional
            Band and sensor band, to be checked: each product is made from one band.
        date : str, optional
            Date of acquisition, where metadata and name do not contain it.
        downwelling : {"corrected", "usgs"}
            Whether ST_DRAD is multiplied by pi, which makes it a hemispheric mean, or used unchanged, as in the
            product's own temperature.
        with_atmosphere : bool
            Whether to use the atmospheric terms of the product; otherwise only ST_TRAD is required.

        Returns
        -------
        Level2Scene
            The product; no file stays open.

        Raises
        ------
        InputNotFoundError
            There is no such path.
        SceneError
            The path is not a Level-2 surface temperature product or contains several; a term is missing, damaged or
            has implausible values; or the product is of another band.
        GridMismatchError
            The terms have different grids.
        UnknownSensorError
            The satellite is unknown.
        InputError
            The date is not valid.
        """
        stated = AcquisitionDate.parse(date) if date is not None else None
        raster, band = split_band(path, band)
        terms = EQUATION if with_atmosphere else {"radiance": RADIANCE}
        files, places = _find(_on_disk(raster), terms, band, sensor)
        with open_raster(files.band, RADIANCE.suffix, SceneError) as dataset:
            grid, tags = Grid.of(dataset), dataset.tags()
        latitude, longitude = find_centre(grid, files.mtl)
        for name, place in places.items():
            _check_term(place, EQUATION[name], grid)
        if not with_atmosphere:
            files = replace(files, notes=tuple(_gaps(files, grid)))
        return cls(
            stem=files.name.stem,
            sensor=THERMAL_BANDS[files.name.satellite or 0][files.name.band or ""],
            calibration=Calibration(gain=RADIANCE.scale, offset=0.0, source=RADIANCE.suffix),
            grid=grid,
            latitude=latitude,
            longitude=longitude,
            date=stated or files.find_date({}),
            files=files,
            tags={key: value for key, value in tags.items() if key == "AREA_OR_POINT"},
            air=Level2Atmosphere(places=places, grid=grid, downwelling=downwelling) if with_atmosphere else None,
            emissivity=_emissivity(files.bundle, files.name.stem, files.mtl),
        )

    def read(self, dataset: Any, **where: Any) -> Pixels:
        """Radiance of part of the scene; parameters, result and errors as `Scene.read`."""
        numbers, valid = read_window(dataset, RADIANCE.suffix, SceneError, **where)
        radiance = radiance_from_digital_number(numbers, self.calibration.gain, self.calibration.offset)
        measured = valid & (radiance >= RADIANCE.low) & (radiance <= RADIANCE.high)
        return Pixels(radiance, measured, np.zeros(radiance.shape, bool))


def _on_disk(path: str | Location | Place) -> Place:
    place = Place.of(path)
    if place.remote is not None:
        path_of(place.remote, "Level-2 product")  # raises the error
    return place


def has_radiance(path: str | Location | Place, band: str | None) -> bool:
    """Whether a path is a whole Level-2 product or its ST_TRAD, by its name or its band."""
    raster, band = split_band(path, band)
    place = Place.of(raster)
    name, stack = Path(place.name), stack_of(place)
    if stack is not None:
        return RADIANCE.suffix in ([stack.suffixes[stack.find(band) - 1]] if band else stack.suffixes)
    is_raster = name.suffix.lower() in (".tif", ".tiff") and not (place.remote is None and place.disk.is_dir())
    return not is_raster or name.stem.upper().endswith(f"_{RADIANCE.suffix}")


def find_level2_emissivity(path: Path) -> Level2Emissivity:
    """Find the emissivity of a Level-2 product, whose other terms may be missing; path and errors as `Level2Scene`."""
    bundle = open_bundle(path)
    stem, mtl = _product(bundle, path)
    emissivity = _emissivity(bundle, stem, mtl)
    if emissivity is None:
        raise SceneError(f"{bundle.path} has no {stem}_{EMISSIVITY.suffix}.TIF; add it, or give another emissivity")
    return emissivity


def _find(
    product: Place, terms: Mapping[str, Term], band: str | None, sensor: str | None
) -> tuple[SceneFiles, dict[str, Place]]:
    """Files of a product with ST_TRAD as its thermal band, and of the required terms of the equation."""
    stack = stack_of(product) if product.disk.is_file() else None
    if stack is None:
        bundle = open_bundle(product)
        stem, mtl = _product(bundle, product.disk)
    else:
        metadata = find_metadata(stack)
        bundle, stem, mtl = stack.bundle(), stack.stem, _read(metadata) if metadata else None
        if band is not None and stack.suffixes[stack.find(band) - 1] == RADIANCE.suffix:
            band = None
    places = {name: _file(bundle, stem, mtl, term.suffix, term.key) for name, term in terms.items()}
    found = {name: place for name, place in places.items() if place is not None}
    missing = [f"{stem}_{term.suffix}.TIF" for name, term in terms.items() if name not in found]
    if missing:
        raise SceneError(f"{bundle.path} lacks {', '.join(missing)}, terms of the equation; add the whole product")
    name = read_file_name(Path(stem), level_2=True)
    satellite = satellite_of(mtl) or name.satellite
    suffix = choose_bands(stem, satellite, sensor, parse_band(band) if band is not None else None)[0]
    if suffix != choose_bands(stem, satellite, None, None)[0]:
        raise SceneError(f"the surface temperature of {stem} is not made from band {suffix[1:]}; leave out the band")
    name = replace(name, stem=stem, band=suffix, satellite=satellite)
    files = SceneFiles(
        band=found["radiance"], name=name, bundle=bundle, stems=(stem,), mtl=mtl, bands=(suffix,),
        quality=_file(bundle, stem, mtl, "QA_PIXEL", "QUALITY_L1_PIXEL"),
        saturation=_file(bundle, stem, mtl, "QA_RADSAT", "QUALITY_L1_RADIOMETRIC_SATURATION"),
    )  # fmt: skip
    return files, found


def _gaps(files: SceneFiles, grid: Grid) -> Iterator[str]:
    """Note on gaps of the radiance within the swath, from a sample of the pixels."""
    quality = None
    with suppress(LstRasterError):  # reported when the mask is chosen
        quality = find_quality(files, grid)
    if quality is None:
        return
    with open_raster(files.band, RADIANCE.suffix, SceneError) as dataset:
        has_radiance = np.isfinite(RADIANCE.read(dataset, out_shape=grid.sample_shape))
    with open_raster(quality.place, "quality band", SceneError) as dataset:
        if Grid.of(dataset) != grid:
            return
        in_swath = ~is_any(quality.layout.kinds_of(read_bits(dataset, out_shape=grid.sample_shape)), ["fill"])
    fraction = float(np.mean(~has_radiance[in_swath])) if in_swath.any() else 0.0
    if fraction > _SMALL_GAPS:
        yield (
            f"{files.band.name} has no radiance at {fraction:.1%} of the pixels of the swath; if these are gaps of "
            "ASTER GED, the Level-1 product has it there"
        )


def _product(bundle: Bundle, path: Path) -> tuple[str, Mtl | None]:
    """Name and metadata of the only Level-2 product of a path."""
    if is_metadata(path):
        return metadata_stem(path.name), _read(bundle.find(path.name) or Place(disk=path))
    named = _TERM_FILE.match(path.name)
    stem = named["stem"] if named else _only_stem(bundle, path)
    place = bundle.metadata_of(stem)
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
            _read(place)  # raises a specific error for a product of another level
        raise SceneError(
            f"{path} has no terms of a Level-2 product (*_ST_TRAD.TIF, ...); give a product with all its files"
        )
    if len(stems) > 1:
        shown = shorten_list(sorted(stems.values()))
        raise SceneError(f"{path} has {len(stems)} Level-2 products ({shown}); give the *_MTL.txt of one")
    return next(iter(stems.values()))


def _read(place: Place) -> Mtl:
    mtl = Mtl.read(place)
    level = mtl.entries.get("PROCESSING_LEVEL", mtl.entries.get("DATA_TYPE", "")).upper()
    if level == "L2SR":
        raise SceneError(
            f"{place.name} has the level L2SR: the product has surface reflectance only, no terms for a new retrieval; "
            "give an L2SP product"
        )
    if not level.startswith("L2"):
        raise SceneError(
            f"{place.name} has the level {level or 'none'}, not L2SP: the product has no terms for a new retrieval"
        )
    return mtl


def _file(bundle: Bundle, stem: str, mtl: Mtl | None, suffix: str, key: str) -> Place | None:
    return find_companion(bundle, mtl, (f"FILE_NAME_{key}",), (stem,), (suffix,))


def _emissivity(bundle: Bundle, stem: str, mtl: Mtl | None) -> Level2Emissivity | None:
    value, uncertainty = (
        _file(bundle, stem, mtl, term.suffix, term.key) for term in (EMISSIVITY, EMISSIVITY_UNCERTAINTY)
    )
    return Level2Emissivity(value=value, uncertainty=uncertainty) if value is not None else None
