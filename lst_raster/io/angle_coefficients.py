"""Angle coefficient files of Landsat (`*_ANG.txt`): directions towards the satellite and the sun for each pixel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import SceneError
from lst_raster.io.bundle import Place
from lst_raster.physics.viewing_geometry import detector_position, direction_component

Numbers: TypeAlias = tuple[float, ...]
Values: TypeAlias = NDArray[Any]

_ENTRY = re.compile(r"^\s*(\w+)\s*=\s*(\([^)]*\)|.*?)\s*$", re.MULTILINE)
_BAND = re.compile(r"B(\d+)(?:_VCID_([12]))?")
_HEIGHT = 0.0  # of the ground above the ellipsoid, as in the angle bands of the USGS [m]
_POLAR = "EPSG:3031"  # the only polar stereographic projection of Landsat products, of Antarctica


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ratio:
    """Coefficients of a rational polynomial."""

    numerator: Numbers
    denominator: Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A detector array of a pushbroom sensor (SCA), or a scan direction of a whiskbroom sensor."""

    height: float  # mean height [m]
    line: float  # means of line and sample in the projected image [pixel]
    sample: float
    detector_line: float  # and in the image before
    detector_sample: float
    line_terms: _Ratio
    sample_terms: _Ratio
    first_sample: float  # of the array, in the numbering of all arrays [pixel]


@dataclass(frozen=True, kw_only=True, slots=True)
class AngleCoefficients:
    """Angle coefficients of one band."""

    label: str
    """Name of the file and the band, for the provenance."""
    crs: str
    """Coordinate reference system of the coordinates."""
    corner: tuple[float, float]
    """Coordinates x and y of the centre of the first pixel. [m]"""
    pixel_size: float
    """Side of a pixel. [m]"""
    height: float
    """Mean height above the ellipsoid. [m]"""
    mean: tuple[float, float, float, float]
    """Means of line and sample, in the projected image and the one before. [pixel]"""
    satellite: tuple[tuple[float, _Ratio], ...]
    """Mean and polynomial of each component of the direction towards the satellite."""
    sun: tuple[tuple[float, _Ratio], ...]
    """The same towards the sun."""
    parts: tuple[_Part, ...]
    samples: float
    """Number of samples of an array."""
    lines_per_scan: float | None
    """Number of lines of a scan, None for a pushbroom sensor."""

    @classmethod
    def read(cls, place: Place, band: str) -> Self:
        """Read the coefficients of a band, such as ``B10`` or ``B6_VCID_1``.

        Raises SceneError for another file, one that is truncated, and a band or a projection that it does not have.
        """
        text = place.text().decode("ascii", errors="replace")
        entries = {name: value for name, value in _ENTRY.findall(text) if name not in ("GROUP", "END_GROUP")}
        if "NUMBER_OF_BANDS" not in entries or "PROJECTION_UNITS" not in entries:
            raise SceneError(f"{place} is not an angle coefficient file of Landsat; replace it by the *_ANG.txt")
        found = _BAND.fullmatch(band)
        number = f"6{found[2]}" if found and found[2] else f"{int(found[1]):02}" if found else band
        if f"BAND{number}_NUM_L1R_SAMPS" not in entries:
            bands = entries.get("BAND_LIST", "none")
            raise SceneError(f"{place} has no coefficients of band {number}, only of {bands}; download the file again")
        fields = _Fields(entries=entries, prefix=f"BAND{number}_", place=place)
        return cls._of(fields, entries, f"{place.name}, band {int(number)}")

    @classmethod
    def _of(cls, fields: _Fields, entries: Mapping[str, str], label: str) -> Self:
        whole = _group(fields, "")
        scans = f"{fields.prefix}NUMBER_OF_DIRECTIONS" in entries
        samples = fields.number("NUM_L1R_SAMPS")
        count = int(fields.number("NUMBER_OF_DIRECTIONS" if scans else "NUMBER_OF_SCAS"))
        parts = []
        for index in range(count):
            part = _group(fields, f"{fields.prefix}{f'DIR{index:02}' if scans else f'SCA{index + 1:02}'}_")
            parts.append(_part(part, 0.0 if scans else index * samples))
        x, y = whole.numbers("UL_CORNER", 2)
        return cls(
            label=label, crs=_crs(entries, fields.place), corner=(x, y), pixel_size=fields.number("PIXEL_SIZE"),
            height=fields.number("MEAN_HEIGHT"),
            mean=(*fields.pair("MEAN_L1T_LINE_SAMP"), *fields.pair("MEAN_L1R_LINE_SAMP")),
            satellite=_vector(fields, "SAT"), sun=_vector(fields, "SUN"), parts=tuple(parts), samples=samples,
            lines_per_scan=fields.number("LINES_PER_SCAN") if scans else None,
        )  # fmt: skip

    def directions(self, x: Values, y: Values) -> Values:
        """Directions from points for every detector array or scan direction, as if it had seen all points.

        Of shape (parts, 8, ...): line and sample [pixel], and the components east, north and up of the unit vectors
        towards the satellite and the sun. All are smooth functions of the coordinates x and y [m], and can be
        interpolated; `choose` selects the part that has seen a point.
        """
        line, sample = (self.corner[1] - y) / self.pixel_size, (x - self.corner[0]) / self.pixel_size
        mean_line, mean_sample, mean_detector_line, mean_detector_sample = self.mean
        found = []
        for part in self.parts:
            place = line - part.line, sample - part.sample, _HEIGHT - part.height
            own_line, own_sample = (
                detector_position(*place, terms.numerator, terms.denominator) + offset
                for terms, offset in ((part.line_terms, part.detector_line), (part.sample_terms, part.detector_sample))
            )
            variables = (
                line - mean_line, sample - mean_sample, _HEIGHT - self.height, own_line - mean_detector_line,
                own_sample + part.first_sample - mean_detector_sample,
            )  # fmt: skip
            components = [
                mean + direction_component(*variables, terms.numerator, terms.denominator)
                for mean, terms in (*self.satellite, *self.sun)
            ]
            found.append([own_line, own_sample, *components])
        return np.array(found)

    def choose(self, directions: NDArray[Any]) -> Values:
        """Directions of the part that has seen each point, of shape (6, ...); their sum where two have.

        `directions` are those of `directions`, of shape (parts, 8, ...).
        """
        line, sample = directions[:, 0], directions[:, 1]
        if self.lines_per_scan is not None:  # scans alternate in direction
            number = np.arange(len(line)).reshape(-1, *(1,) * (line.ndim - 1))
            misfit = (np.floor(line / self.lines_per_scan) % 2 != number).astype(np.float32)
        else:
            misfit = np.maximum(np.maximum(-sample, sample - (self.samples - 1.0)), 0.0)
        has_seen = misfit == misfit.min(axis=0)
        found: Values = np.einsum("p...,pc...->c...", has_seen, directions[:, 2:])
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fields:
    """Entries of one group of a file."""

    entries: Mapping[str, str]
    prefix: str  # of their names
    place: Place  # of the file, for messages

    def numbers(self, name: str, count: int) -> Numbers:
        """Numbers of an entry; SceneError for a missing one, and for another count."""
        text = self.entries.get(f"{self.prefix}{name}", "")
        try:
            found = tuple(float(part) for part in text.strip("()").split(","))
        except ValueError:
            found = ()
        if len(found) != count or not np.isfinite(found).all():
            raise SceneError(
                f"{self.place} has {self.prefix}{name} = {text or 'nothing'}, expected {count} numbers; download the "
                "file again"
            )
        return found

    def number(self, name: str) -> float:
        return self.numbers(name, 1)[0]

    def pair(self, name: str) -> tuple[float, float]:
        first, second = self.numbers(name, 2)
        return first, second

    def ratio(self, name: str, count: int) -> _Ratio:
        return _Ratio(
            numerator=self.numbers(f"{name}_NUM_COEF", count), denominator=self.numbers(f"{name}_DEN_COEF", count - 1)
        )


def _group(fields: _Fields, prefix: str) -> _Fields:
    """Entries of another group of the same file."""
    return _Fields(entries=fields.entries, prefix=prefix, place=fields.place)


def _part(fields: _Fields, first_sample: float) -> _Part:
    line, sample = fields.pair("MEAN_L1T_LINE_SAMP")
    detector_line, detector_sample = fields.pair("MEAN_L1R_LINE_SAMP")
    return _Part(
        height=fields.number("MEAN_HEIGHT"), line=line, sample=sample, detector_line=detector_line,
        detector_sample=detector_sample, line_terms=fields.ratio("LINE", 5), sample_terms=fields.ratio("SAMP", 5),
        first_sample=first_sample,
    )  # fmt: skip


def _vector(fields: _Fields, name: str) -> tuple[tuple[float, _Ratio], ...]:
    mean = fields.numbers(f"MEAN_{name}_VECTOR", 3)
    return tuple((value, fields.ratio(f"{name}_{axis}", 10)) for value, axis in zip(mean, ("X", "Y", "Z"), strict=True))


def _crs(entries: Mapping[str, str], place: Place) -> str:
    """Coordinate reference system of a file; Landsat uses UTM zones of the north for both hemispheres."""
    projection = entries.get("MAP_PROJECTION", "").strip('"')
    zone = entries.get("UTM_ZONE", "")
    if projection == "UTM" and zone.isdecimal() and 1 <= int(zone) <= 60:
        return f"EPSG:326{int(zone):02}"
    if projection == "PS":
        return _POLAR
    raise SceneError(
        f"{place} is in the projection {projection or 'unknown'} (zone {zone or 'none'}), expected UTM or PS, as of "
        "Level-1 products; leave out --angles"
    )
