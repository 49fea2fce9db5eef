"""The air over the scene: transmittance and path radiances for every pixel, from the model or a Level-2 product.

Where every input is a number or smooth, the model runs on a coarse grid (`coarse`); else at every pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lst_raster.engine.inputs import Inputs
from lst_raster.scene.fields import Field, open_field
from lst_raster.scene.grid import Grid
from lst_raster.scene.level2_terms import Level2Air

Float32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Terms: TypeAlias = tuple[Float32, Float32, Float32]
"""Transmittance [1], upwelling and downwelling radiance [W m-2 sr-1 um-1]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Air:
    """The air over a window."""

    terms: Terms
    """Terms of the equation, of shape (rows, columns), NaN where something is not known; or numbers for all."""
    extremes: Mapping[str, tuple[float, float]]
    """Lowest and highest value of every input of the model, where it was used."""
    exact: Callable[[Any, Any], Terms] | None = None
    """Runs the model at rows and columns of the window, where `terms` are interpolated; None where they are exact."""


AirReader: TypeAlias = Callable[[Any, Mask], Air]
"""Takes a window of the scene, and where in it the air is needed."""


@contextmanager
def open_exact_air(inputs: Inputs, grid: Grid) -> Iterator[AirReader]:
    """Open what the model is fed with, to run it at every pixel; once, where the air is the same for all.

    Parameters
    ----------
    inputs : Inputs
        The model and its inputs.
    grid : Grid
        The scene's grid.

    Yields
    ------
    AirReader
        Runs the model for the pixels of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid, or a value is not possible (also raised by the reader).
    """
    with ExitStack() as stack:
        readers = {name: stack.enter_context(open_field(field, grid)) for name, field in inputs.atmosphere.items()}
        yield lambda window, wanted: _exact(inputs, {name: read(window) for name, read in readers.items()}, wanted)


@contextmanager
def open_level2_air(level2: Level2Air) -> Iterator[AirReader]:
    """Open the terms of a Level-2 product.

    Parameters
    ----------
    level2 : Level2Air
        The air of the product.

    Yields
    ------
    AirReader
        Reads the terms of a window.

    Raises
    ------
    LstRasterError
        A file is missing, damaged or on another grid (also raised by the reader).
    """
    with level2.open() as read:
        yield lambda window, wanted: Air(terms=read(window), extremes={})


def _exact(inputs: Inputs, values: Mapping[str, Float32], wanted: Mask) -> Air:
    """Run the model at every pixel that is wanted and of which everything is known."""
    known = wanted.copy()
    for array in values.values():
        known &= np.isfinite(array)
    kept = {name: array[known] if array.ndim else array for name, array in values.items()}
    extremes = {name: checked(inputs.atmosphere[name], array) for name, array in kept.items() if known.any()}
    terms = inputs.network.atmosphere(**kept).terms
    if any(array.ndim for array in kept.values()):
        terms = tuple(_scatter(term, known) for term in terms)  # type: ignore[assignment]
    return Air(terms=terms, extremes=extremes)


def checked(field: Field, values: Any) -> tuple[float, float]:
    """Refuse impossible values of an input; the lowest and the highest of them.

    Raises
    ------
    InputError
        One is not possible.
    """
    if np.ndim(values):
        field.quantity.check(values, f"{field.quantity.title} {field.source}")
    return float(np.min(values)), float(np.max(values))


def _scatter(values: Float32, known: Mask) -> Float32:
    array = np.full(known.shape, np.nan, np.float32)
    array[known] = values
    return array
