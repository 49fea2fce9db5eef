"""Statistics over time of every pixel, added up layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lst_raster.compositing.stack import Float32, Layer
from lst_raster.errors import InputError
from lst_raster.physics.uncertainty import inverse_variance, uncertainty_if_common, uncertainty_if_independent

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Results = dict[str, NDArray[Any]]

COMMON, INDEPENDENT = "uncertainty", "uncertainty_independent"
"""Names of the two uncertainties of a mean: if all dates err together, and if they err independently."""

_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "median": "_MEDIAN", "mean": "_MEAN", "weighted_mean": "_WMEAN", "minimum": "_MIN", "maximum": "_MAX",
        "deviation": "_STD", "percentile": "_P", "count": "_COUNT",
    }
)  # fmt: skip
NAMES = tuple(_SUFFIXES)
"""What can be asked for."""
_TITLES: Mapping[str, str] = MappingProxyType(
    {"weighted_mean": "mean, weighted with the inverse variance,", "deviation": "standard deviation over time"}
)
_DEFAULT_PERCENTILE = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """A statistic over time."""

    name: str
    """One of `NAMES`."""
    percentile: float | None = None
    """Which percentile."""

    @property
    def key(self) -> str:
        """Name that no other has, such as ``percentile_90``."""
        return self.name if self.percentile is None else f"{self.name}_{self.percentile:g}"

    @property
    def suffix(self) -> str:
        """What is added to the name of a file."""
        number = "" if self.percentile is None else f"{self.percentile:g}".replace(".", "_")
        return _SUFFIXES[self.name] + number

    @property
    def title(self) -> str:
        """What it is, for people."""
        if self.name == "count":
            return "number of dates with a temperature"
        title = _TITLES.get(self.name, self.name)
        number = "" if self.percentile is None else f" {self.percentile:g}"
        return f"{title}{number} of the land surface temperature"

    @property
    def is_mean(self) -> bool:
        """Whether it has an uncertainty."""
        return self.name in ("mean", "weighted_mean")


def parse_statistics(names: str | Iterable[str], percentiles: float | Iterable[float]) -> tuple[Statistic, ...]:
    """Read what a user asks for.

    Parameters
    ----------
    names : str or iterable of str
        Names, of `NAMES`; several in a text with commas between them.
    percentiles : float or iterable of float
        Percentiles, which need not be named again.

    Returns
    -------
    tuple of Statistic
        Each once; the median where nothing is asked for.

    Raises
    ------
    InputError
        There is no such statistic, or a percentile is not between 0 and 100.
    """
    texts = [names] if isinstance(names, str) else list(names)
    wanted = [part.strip().replace("-", "_") for text in texts for part in text.split(",")]
    numbers = [percentiles] if isinstance(percentiles, int | float) else list(percentiles)
    if numbers and "percentile" not in wanted:
        wanted.append("percentile")
    found: list[Statistic] = []
    for name in wanted or ["median"]:
        if name not in NAMES:
            raise InputError(f"there is no statistic {name!r}; give one of {', '.join(NAMES)}")
        found += _percentiles(numbers) if name == "percentile" else [Statistic(name=name)]
    return tuple(dict.fromkeys(found))


def _percentiles(numbers: Sequence[float]) -> list[Statistic]:
    for number in numbers:
        if not 0.0 <= number <= 100.0:
            raise InputError(f"percentile {number:g} is none; give a number from 0 to 100")
    return [Statistic(name="percentile", percentile=float(number)) for number in numbers or [_DEFAULT_PERCENTILE]]


class _Part(Protocol):
    """Adds up layers, and makes statistics of them."""

    def add(self, layer: Layer, known: Mask, count: NDArray[np.uint16]) -> None:
        """Add a layer; `count` counts it already."""

    def results(self, count: NDArray[np.uint16]) -> Results:
        """Statistics of all layers, by key."""


class _Moments:
    """Mean and standard deviation, in one pass: B. P. Welford, Technometrics 4, 419 (1962)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._mean, self._squares = np.zeros(shape), np.zeros(shape)

    def add(self, layer: Layer, known: Mask, count: NDArray[np.uint16]) -> None:
        step = np.where(known, layer[0] - self._mean, 0.0)
        self._mean += step / np.maximum(count, 1)
        self._squares += step * np.where(known, layer[0] - self._mean, 0.0)

    def results(self, count: NDArray[np.uint16]) -> Results:
        variance = np.where(count > 1, self._squares / np.maximum(count - 1.0, 1.0), np.nan)
        return {"mean": np.where(count > 0, self._mean, np.nan), "deviation": np.sqrt(variance)}


class _Extremes:
    def __init__(self, shape: tuple[int, int]) -> None:
        self._low, self._high = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)

    def add(self, layer: Layer, known: Mask, count: NDArray[np.uint16]) -> None:
        np.fmin(self._low, layer[0], out=self._low)
        np.fmax(self._high, layer[0], out=self._high)

    def results(self, count: NDArray[np.uint16]) -> Results:
        return {"minimum": self._low, "maximum": self._high}


class _Weighted:
    """Weighted mean, and the uncertainties of a mean."""

    def __init__(self, name: str, shape: tuple[int, int], weigh: Callable[[Float64], Float64]) -> None:
        self._name, self._weigh = name, weigh
        self._weights, self._values, self._deviations, self._variances = (np.zeros(shape) for _ in range(4))

    def add(self, layer: Layer, known: Mask, count: NDArray[np.uint16]) -> None:
        temperature, uncertainty = layer
        error = np.where(known, np.nan if uncertainty is None else uncertainty, 1.0).astype(np.float64)
        weight = np.where(known, self._weigh(error), 0.0)
        self._weights += weight
        self._values += weight * np.where(known, temperature, 0.0)
        self._deviations += weight * error
        self._variances += (weight * error) ** 2

    def results(self, count: NDArray[np.uint16]) -> Results:
        weights = np.where(count > 0, self._weights, np.nan)
        return {
            self._name: self._values / weights,
            f"{self._name}_{COMMON}": uncertainty_if_common(self._deviations, weights),
            f"{self._name}_{INDEPENDENT}": uncertainty_if_independent(self._variances, weights),
        }


class _Ordered:
    """Median and percentiles, of which all layers are needed at once."""

    def __init__(self, shape: tuple[int, int], layers: int, wanted: Sequence[Statistic]) -> None:
        self._values = np.full((layers, *shape), np.nan, np.float32)
        self._filled = 0
        self._wanted = wanted

    def add(self, layer: Layer, known: Mask, count: NDArray[np.uint16]) -> None:
        self._values[self._filled] = layer[0]
        self._filled += 1

    def results(self, count: NDArray[np.uint16]) -> Results:
        values = self._values[: max(self._filled, 1)]
        values.sort(axis=0)  # NaN comes last
        shares = {one.key: 0.5 if one.percentile is None else one.percentile / 100.0 for one in self._wanted}
        return {key: _quantile(values, count, share) for key, share in shares.items()}


def _quantile(ordered: Float32, count: NDArray[np.uint16], share: float) -> Float64:
    """Quantile between neighbours, linearly: R. J. Hyndman and Y. Fan, Am. Stat. 50, 361 (1996), definition 7."""
    last = np.maximum(count.astype(np.int64) - 1, 0)
    place = last * share
    below = np.floor(place).astype(np.int64)
    low = np.take_along_axis(ordered, below[None], axis=0)[0].astype(np.float64)
    high = np.take_along_axis(ordered, np.minimum(below + 1, last)[None], axis=0)[0]
    value: Float64 = low + (high - low) * (place - below)
    return value


class Accumulator:
    """The statistics of a window, of layers that are added one after the other.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the window.
    layers : int
        How many layers there may be.
    wanted : sequence of Statistic
        What is asked for.
    uncertainty : bool
        Whether the layers have uncertainties.
    min_count : int
        Number of values below which a pixel gets none.
    """

    def __init__(
        self, shape: tuple[int, int], layers: int, wanted: Sequence[Statistic], *, uncertainty: bool, min_count: int
    ) -> None:
        self._count = np.zeros(shape, np.uint16)
        self._least = min_count
        self._parts = list(_parts(shape, layers, wanted, uncertainty))

    def add(self, layer: Layer) -> None:
        """Add a layer: temperature and uncertainty, of the window's shape, NaN where there are none. [K]"""
        known = np.isfinite(layer[0])
        self._count += known
        for part in self._parts:
            part.add(layer, known, self._count)

    def results(self) -> Results:
        """Statistics by key, and ``count``; uncertainties of means, too, where the layers had any. [K]"""
        with np.errstate(invalid="ignore"):  # of pixels without a value
            found = {key: values for part in self._parts for key, values in part.results(self._count).items()}
        rare = self._count < self._least
        kelvin = {key: np.where(rare, np.nan, values).astype(np.float32) for key, values in found.items()}
        return {**kelvin, "count": self._count}


def _parts(
    shape: tuple[int, int], layers: int, wanted: Sequence[Statistic], uncertainty: bool
) -> Iterable[_Part]:  # fmt: skip
    names = {one.name for one in wanted}
    if uncertainty and "mean" in names:
        yield _Weighted("mean", shape, np.ones_like)
    if names & {"mean", "deviation"}:
        yield _Moments(shape)  # after the weighted one: its mean is the one that is taken
    if "weighted_mean" in names:
        yield _Weighted("weighted_mean", shape, inverse_variance)
    if names & {"minimum", "maximum"}:
        yield _Extremes(shape)
    if needs_all_layers(wanted):
        yield _Ordered(shape, layers, [one for one in wanted if one.name in ("median", "percentile")])


def needs_all_layers(wanted: Sequence[Statistic]) -> bool:
    """Whether all layers of a window are in memory at the same time."""
    return any(one.name in ("median", "percentile") for one in wanted)
