"""Several sources of emissivity, merged pixel by pixel in order of priority."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputNotFoundError
from lst_raster.inputs.emissivity.level2 import ProductEmissivity
from lst_raster.inputs.emissivity.registry import SOURCES
from lst_raster.inputs.emissivity.source import (
    UNCERTAINTY,
    EmissivitySource,
    Estimate,
    EstimateReader,
    Float32,
    GivenEmissivity,
)
from lst_raster.inputs.fields import Field, Source, parse_field
from lst_raster.io.address import Address, Location
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.io.scene import Scene
from lst_raster.physics.quantities import EMISSIVITY

DEFAULT = 0.97
"""Emissivity where none is given: soil and vegetation mixed. [1]"""
DEFAULT_UNCERTAINTY = 0.015
"""Its standard uncertainty: from dry soil and rock to closed canopies and water. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergedEstimate:
    """Emissivity of a window, and where it comes from."""

    value: Float32
    """Emissivity of shape (rows, columns), NaN where no source has one; or one number for all. [1]"""
    uncertainty: Float32
    """Standard uncertainty, likewise. [1]"""
    source: NDArray[np.uint8]
    """Number of the source, counted from 1, 0 where there is none; or one number for all."""


MergedReader: TypeAlias = Callable[[Any], MergedEstimate]
"""Takes a window of the scene."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Emissivity:
    """The sources, the first that has a value for a pixel gives it."""

    sources: tuple[EmissivitySource, ...]
    """The sources."""
    origin: str = "given"
    """``given``, ``default``, or that it is a Level-2 product's own."""

    def __str__(self) -> str:
        return f"{', then '.join(source.name for source in self.sources)} ({self.origin})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources."""
        return tuple(source.name for source in self.sources)

    @property
    def rasters(self) -> list[Location]:
        """Files that are read."""
        return [path for source in self.sources for path in source.rasters]


def choose_emissivity(scene: Scene, given: Source | Sequence[Source] | None, *, align: bool = False) -> Emissivity:
    """Understand what the user gave.

    The first source that treats water as soil (``ndvi``, ``aster-ged``) is preceded by ``quality``, water and snow of
    the quality band, where the scene has a quality band and the user does not name it.

    Parameters
    ----------
    scene : Scene
        The scene.
    given : number, str, path, sequence of them, or None
        Sources in order of priority: a number, a raster, or a keyword of `SOURCES` with its argument, such as
        ``ndvi`` or ``aster-ged:FOLDER``. None is 0.97, or a Level-2 product's own.
    align : bool
        Whether rasters on another grid are warped onto the scene's.

    Raises
    ------
    InputError, InputNotFoundError
        A source is not known, not possible, or something that it needs is not there.
    """
    if given is None and isinstance(scene, Level2Scene) and scene.emissivity is not None:
        return Emissivity(sources=(ProductEmissivity(files=scene.emissivity, align=align),), origin="the product's own")
    if given is None:
        field = Field(quantity=EMISSIVITY, source=DEFAULT, origin="default")
        return Emissivity(sources=(GivenEmissivity(field=field, uncertainty=DEFAULT_UNCERTAINTY),), origin="default")
    texts = [given] if isinstance(given, str | Path | Address) or not isinstance(given, Sequence) else list(given)
    if not texts:
        return choose_emissivity(scene, None, align=align)
    return Emissivity(sources=tuple(_parse(text, scene, align) for text in _with_quality(texts, scene)))


def _with_quality(texts: Sequence[Source], scene: Scene) -> Iterator[Source]:
    wanted = scene.files.quality is not None and "quality" not in texts
    for text in texts:
        named = SOURCES.get(_keyword(text)) if isinstance(text, str) else None
        if wanted and named is not None and named.water_as_soil:
            yield "quality"
            wanted = False
        yield text


def _keyword(text: str) -> str:
    return text.partition(":")[0].strip().lower()


def _parse(text: Source, scene: Scene, align: bool) -> EmissivitySource:
    keyword, rest = (_keyword(text), text.partition(":")[2]) if isinstance(text, str) else ("", "")
    named = SOURCES.get(keyword)
    if named is not None and (named.argument or not rest):
        return named.make(scene, rest, align=align)
    try:
        field = parse_field(EMISSIVITY, text, align=align)
    except InputNotFoundError as error:
        if "://" in str(text):
            raise  # an address of a kind that is not read, which may hold what is not to be shown
        raise InputNotFoundError(
            f"emissivity {text!r} is none of a number, a raster that exists, "
            f"{', '.join(source.form for source in SOURCES.values())}; check the path"
        ) from error
    return GivenEmissivity(field=field, uncertainty=UNCERTAINTY)


@contextmanager
def open_emissivity(emissivity: Emissivity, scene: Scene) -> Iterator[MergedReader]:
    """Open all sources for reading window by window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid (also raised by the reader).
    """
    with ExitStack() as stack:
        readers = [stack.enter_context(source.open(scene)) for source in emissivity.sources]
        yield lambda window: _merge(readers, window)


def _merge(readers: Sequence[EstimateReader], window: Any) -> MergedEstimate:
    """Fill what the sources before left open; sources after the last hole are not read."""
    numbered = ((number, read(window)) for number, read in enumerate(readers, start=1))
    # The first with anything at all is taken as it is: what follows is for its holes.
    first, estimate = next(((n, found) for n, found in numbered if not np.isnan(found.value).all()), (0, None))
    if estimate is None:
        none = np.asarray(np.nan, np.float32)
        return MergedEstimate(value=none, uncertainty=none, source=np.asarray(0, np.uint8))
    missing = np.isnan(estimate.value)
    if first == len(readers) or not missing.any():
        source = np.where(missing, np.uint8(0), np.uint8(first)) if missing.any() else np.asarray(first, np.uint8)
        return MergedEstimate(value=estimate.value, uncertainty=estimate.uncertainty, source=source)
    value, uncertainty = (np.array(np.broadcast_to(part, missing.shape), np.float32) for part in estimate)
    source = np.where(missing, np.uint8(0), np.uint8(first))
    for number, found in numbered:
        _fill(found, value, uncertainty, missing, source, number)
        if not missing.any():
            break
    return MergedEstimate(value=value, uncertainty=uncertainty, source=source)


def _fill(
    estimate: Estimate, value: Float32, uncertainty: Float32, missing: Any, source: Any, number: int
) -> None:  # fmt: skip
    """Write into the arrays given, which belong to the caller alone."""
    found = missing & np.isfinite(estimate.value)
    np.copyto(value, estimate.value, where=found)
    np.copyto(uncertainty, estimate.uncertainty, where=found)
    source[found] = number
    missing &= ~found
