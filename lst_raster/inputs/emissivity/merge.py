"""Several emissivity sources, merged pixel by pixel in order of priority."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.inputs.emissivity.registry import SOURCES
from lst_raster.inputs.emissivity.scene_bands import level2_source
from lst_raster.inputs.emissivity.source import (
    EmissivitySource,
    Estimate,
    EstimateReader,
    Float32,
    given_emissivity,
)
from lst_raster.inputs.emissivity.tables import relation_to_first
from lst_raster.inputs.fields import Field, Source, parse_field
from lst_raster.io.address import Address, Location
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.io.quality_band import Kinds, QualityReader
from lst_raster.io.scene import Scene
from lst_raster.physics.quantities import EMISSIVITY

_DEFAULT = 0.97  # Default emissivity: a mixture of soil and vegetation [1]
_DEFAULT_UNCERTAINTY = 0.015  # Its standard uncertainty: from dry soil and rock to closed canopies and water [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedEstimate:
    """Emissivity of a window, and its sources."""

    # Emissivity of shape (rows, columns), NaN where no source has a value; or one number for all pixels [1]
    value: Float32
    uncertainty: Float32  # Standard uncertainty, likewise [1]
    source: NDArray[np.uint8]  # Number of the source, counted from 1, 0 for none; or one number for all pixels
    second: Float32 | None = None  # Emissivity in the second band of the scene, None for one band [1]
    difference_uncertainty: Float32 | None = None  # Standard uncertainty of the difference of the emissivities [1]


MergedReader: TypeAlias = Callable[[Any], MergedEstimate]  # Reads a window of the scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Emissivity:
    """Sources in order of priority: the first with a value for a pixel is used."""

    sources: tuple[EmissivitySource, ...]  # The sources
    origin: str = "given"  # ``given``, ``default``, or that of a Level-2 product

    def __str__(self) -> str:
        return f"{', then '.join(source.name for source in self.sources)} ({self.origin})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources."""
        return tuple(source.name for source in self.sources)

    @property
    def rasters(self) -> list[Location]:
        """Input files."""
        return [path for source in self.sources for path in source.rasters]


def choose_emissivity(scene: Scene, given: Source | Sequence[Source] | None, *, align: bool = False) -> Emissivity:
    """Select the sources of emissivity.

    Before the first source that treats water as soil (``ndvi``, ``aster-ged``), ``quality`` (water and snow of the
    quality band) is inserted if the scene has a quality band and the user does not name this source.

    `given` has the sources in order of priority: numbers, rasters, or keywords of `SOURCES` with their arguments, such
    as ``ndvi`` or ``aster-ged:FOLDER``. None means 0.97; for a Level-2 product its emissivity, with a model followed by
    the NDVI of its surface reflectance and 0.97. Raises InputError or InputNotFoundError if a source is unknown or
    impossible, or one of its files is missing.
    """
    values = [given] if isinstance(given, str | Path | Address) or not isinstance(given, Sequence) else list(given)
    if given is not None and values:
        return Emissivity(sources=tuple(_parse(value, scene, align) for value in _with_quality(values, scene)))
    if isinstance(scene, Level2Scene) and scene.emissivity is not None and scene.air is not None:
        return Emissivity(sources=(level2_source(scene, align=align),), origin="the product's own")
    field = Field(quantity=EMISSIVITY, source=_DEFAULT, origin="default")
    assumed = given_emissivity(field, _DEFAULT_UNCERTAINTY)
    if not isinstance(scene, Level2Scene) or scene.air is not None:
        return Emissivity(sources=(assumed,), origin="default")
    return Emissivity(sources=(*_of_product(scene, align), assumed), origin="default")


def _of_product(scene: Level2Scene, align: bool) -> Iterator[EmissivitySource]:
    """Emissivity of a Level-2 product, and that of its reflectance, where the product has them."""
    if scene.emissivity is not None:
        yield level2_source(scene, align=align)
    with suppress(InputError):  # no reflectance
        yield from [_parse(value, scene, align) for value in _with_quality(["ndvi"], scene)]


def _with_quality(values: Sequence[Any], scene: Scene) -> Iterator[Source]:
    is_missing = scene.files.quality is not None and "quality" not in values
    for value in values:
        named = SOURCES.get(_keyword(value)) if isinstance(value, str) else None
        if is_missing and named is not None and named.water_as_soil:
            yield "quality"
            is_missing = False
        yield value


def _keyword(text: str) -> str:
    return text.partition(":")[0].strip().lower()


def _parse(value: Source, scene: Scene, align: bool) -> EmissivitySource:
    keyword, argument = (_keyword(value), value.partition(":")[2]) if isinstance(value, str) else ("", "")
    named = SOURCES.get(keyword)
    if named is not None and (named.argument or not argument):
        return named.make(scene, argument, align=align)
    try:
        return given_emissivity(parse_field(EMISSIVITY, value, align=align))
    except InputNotFoundError as error:
        if "://" in str(value):
            raise  # an address with an unsupported scheme, which may contain secrets
        raise InputNotFoundError(
            f"emissivity {value!r} is none of a number, a raster that exists, "
            f"{', '.join(source.form for source in SOURCES.values())}; check the path"
        ) from error


@contextmanager
def open_emissivity(
    emissivity: Emissivity, scene: Scene, read_kinds: QualityReader | None = None
) -> Iterator[MergedReader]:
    """Open all sources for reading window by window; `read_kinds` is a reader of the quality band that is open already.

    Raises LstRasterError for a file that is missing, damaged or on another grid, also from the reader.
    """
    relation = relation_to_first(scene.second.sensor) if scene.second else None

    def opened(source: EmissivitySource) -> EstimateReader:
        of_kinds = source.of_kinds
        if read_kinds is None or of_kinds is None:
            read = stack.enter_context(source.open(scene))
        else:
            read = partial(_read_kinds, of_kinds, read_kinds)
        return read if relation is None else lambda window: read(window).with_second(relation)

    with ExitStack() as stack:
        readers = [opened(source) for source in emissivity.sources]
        yield lambda window: _merge(readers, window)


def _read_kinds(of_kinds: Callable[[Kinds], Estimate], read_kinds: QualityReader, window: Any) -> Estimate:
    return of_kinds(read_kinds(window))


def _merge(readers: Sequence[EstimateReader], window: Any) -> MergedEstimate:
    """Fill missing values from the following sources; those after the last missing value are not read."""
    numbered = ((number, read(window)) for number, read in enumerate(readers, start=1))
    # The first source with any value is used without a copy.
    first, estimate = next(((n, found) for n, found in numbered if not np.isnan(found.value).all()), (0, None))
    if estimate is None:
        none = np.asarray(np.nan, np.float32)
        return MergedEstimate(
            value=none, uncertainty=none, source=np.asarray(0, np.uint8), second=none, difference_uncertainty=none
        )
    missing = np.isnan(estimate.value)
    if first == len(readers) or not missing.any():
        source = np.where(missing, np.uint8(0), np.uint8(first)) if missing.any() else np.asarray(first, np.uint8)
        return MergedEstimate(**estimate._asdict(), source=source)
    parts: dict[str, Any] = {
        name: None if part is None else np.array(np.broadcast_to(part, missing.shape), np.float32)
        for name, part in estimate._asdict().items()
    }
    source = np.where(missing, np.uint8(0), np.uint8(first))
    for number, found in numbered:
        filled = missing & np.isfinite(found.value)
        for name, part in parts.items():
            if part is not None:
                np.copyto(part, getattr(found, name), where=filled)
        source[filled] = number
        missing &= ~filled
        if not missing.any():
            break
    return MergedEstimate(**parts, source=source)
