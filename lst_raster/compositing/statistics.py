"""Per-pixel statistics over time, accumulated layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.compositing.stack import Float32, Layer
from lst_raster.errors import InputError
from lst_raster.physics.correlated_errors import Components, MeanOverDates
from lst_raster.physics.uncertainty import inverse_variance

Float64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Count = NDArray[np.uint16]
Results = dict[str, NDArray[Any]]

UNCERTAINTY = "uncertainty"
"""End of the key of the uncertainty of a mean."""

_SUFFIXES = {
    "median": "_MEDIAN", "mean": "_MEAN", "weighted_mean": "_WMEAN", "minimum": "_MIN", "maximum": "_MAX",
    "deviation": "_STD", "percentile": "_P", "count": "_COUNT",
}  # fmt: skip
NAMES = tuple(_SUFFIXES)
_TITLES = {"weighted_mean": "mean, weighted with the inverse variance,", "deviation": "standard deviation over time"}
_DEFAULT_PERCENTILE = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """A statistic over time."""

    name: str  # one of NAMES
    percentile: float | None = None

    @property
    def key(self) -> str:
        """Unique name, such as ``percentile_90``."""
        return self.name if self.percentile is None else f"{self.name}_{self.percentile:g}"

    @property
    def suffix(self) -> str:
        """Suffix of the file name."""
        number = "" if self.percentile is None else f"{self.percentile:g}".replace(".", "_")
        return _SUFFIXES[self.name] + number

    @property
    def title(self) -> str:
        """Description of the raster."""
        if self.name == "count":
            return "number of dates with a temperature"
        number = "" if self.percentile is None else f" {self.percentile:g}"
        return f"{_TITLES.get(self.name, self.name)}{number} of the land surface temperature"

    @property
    def is_quantile(self) -> bool:
        """Whether all layers must be in memory at the same time."""
        return self.name in ("median", "percentile")

    @property
    def is_mean(self) -> bool:
        """Whether the statistic has an uncertainty."""
        return self.name in ("mean", "weighted_mean")


def parse_statistics(names: str | Iterable[str], percentiles: float | Iterable[float]) -> tuple[Statistic, ...]:
    """Parse names of statistics, comma-separated or in a sequence, and percentiles; the median if both are empty.

    Raise InputError if a name is unknown or a percentile is not within 0 to 100.
    """
    texts = [names] if isinstance(names, str) else list(names)
    requested = [part.strip().replace("-", "_") for text in texts for part in text.split(",")]
    numbers = [percentiles] if isinstance(percentiles, int | float) else list(percentiles)
    for number in numbers:
        if not 0.0 <= number <= 100.0:
            raise InputError(f"invalid percentile {number:g}; give a number from 0 to 100")
    if numbers and "percentile" not in requested:
        requested.append("percentile")
    statistics: list[Statistic] = []
    for name in requested or ["median"]:
        if name not in NAMES:
            raise InputError(f"unknown statistic {name!r}; give one of {', '.join(NAMES)}")
        if name == "percentile":
            statistics += [Statistic(name=name, percentile=float(one)) for one in numbers or [_DEFAULT_PERCENTILE]]
        else:
            statistics.append(Statistic(name=name))
    return tuple(dict.fromkeys(statistics))


class _Moments:
    """Mean and standard deviation in one pass: B. P. Welford, Technometrics 4, 419 (1962)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._mean, self._squares = np.zeros(shape), np.zeros(shape)

    def add(self, layer: Layer, valid: Mask, count: Count) -> None:
        step = np.where(valid, layer.temperature - self._mean, 0.0)
        self._mean += step / np.maximum(count, 1)
        self._squares += step * np.where(valid, layer.temperature - self._mean, 0.0)

    def results(self, count: Count) -> Results:
        variance = np.where(count > 1, self._squares / np.maximum(count - 1.0, 1.0), np.nan)
        return {"mean": np.where(count > 0, self._mean, np.nan), "deviation": np.sqrt(variance)}


class _Extremes:
    def __init__(self, shape: tuple[int, int]) -> None:
        self._low, self._high = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)

    def add(self, layer: Layer, valid: Mask, count: Count) -> None:
        np.fmin(self._low, layer.temperature, out=self._low)
        np.fmax(self._high, layer.temperature, out=self._high)

    def results(self, count: Count) -> Results:
        return {"minimum": self._low, "maximum": self._high}


class _Weighted:
    """Weighted mean and its uncertainty."""

    def __init__(self, name: str, shape: tuple[int, int], weight: Callable[[Float64], Float64]) -> None:
        self._name, self._weight = name, weight
        self._weights, self._values = np.zeros(shape), np.zeros(shape)
        self._errors = MeanOverDates()

    def add(self, layer: Layer, valid: Mask, count: Count) -> None:
        assert layer.uncertainty is not None
        assert layer.components is not None
        error = np.where(valid, layer.uncertainty, 1.0).astype(np.float64)
        weight = np.where(valid, self._weight(error), 0.0)
        self._weights += weight
        self._values += weight * np.where(valid, layer.temperature, 0.0)
        components = Components(*(np.where(valid, part, 0.0) for part in layer.components))
        self._errors.add(weight, components, layer.sensor)

    def results(self, count: Count) -> Results:
        weights = np.where(count > 0, self._weights, np.nan)
        return {
            self._name: self._values / weights,
            f"{self._name}_{UNCERTAINTY}": self._errors.components().combined(),
        }


class _Quantiles:
    """Median and percentiles; keeps all layers.

    One sort serves all quantiles: `numpy.nanquantile` is many times slower, because it loops over pixels in Python.
    """

    def __init__(self, shape: tuple[int, int], layers: int, quantiles: dict[str, float]) -> None:
        self._values = np.full((layers, *shape), np.nan, np.float32)
        self._filled = 0
        self._quantiles = quantiles

    def add(self, layer: Layer, valid: Mask, count: Count) -> None:
        self._values[self._filled] = layer.temperature
        self._filled += 1

    def results(self, count: Count) -> Results:
        values = self._values[: max(self._filled, 1)]
        values.sort(axis=0)  # NaN last
        return {key: _quantile(values, count, quantile) for key, quantile in self._quantiles.items()}


def _quantile(ordered: Float32, count: NDArray[np.uint16], quantile: float) -> Float64:
    """Quantile by linear interpolation: R. J. Hyndman and Y. Fan, Am. Stat. 50, 361 (1996), definition 7."""
    last = np.maximum(count.astype(np.int64) - 1, 0)
    position = last * quantile
    below = np.floor(position).astype(np.int64)
    low = np.take_along_axis(ordered, below[None], axis=0)[0].astype(np.float64)
    high = np.take_along_axis(ordered, np.minimum(below + 1, last)[None], axis=0)[0]
    value: Float64 = low + (high - low) * (position - below)
    return value


class WindowStatistics:
    """Statistics of a window of `shape` (rows, columns), accumulated from at most `layers` layers.

    Pixels with less than `min_count` values have none; `uncertainty` is whether the layers have uncertainties.
    """

    def __init__(
        self, shape: tuple[int, int], layers: int, statistics: Sequence[Statistic], *, uncertainty: bool, min_count: int
    ) -> None:
        self._count = np.zeros(shape, np.uint16)
        self._min_count = min_count
        self._accumulators: list[_Moments | _Extremes | _Weighted | _Quantiles] = []
        names = {statistic.name for statistic in statistics}
        if uncertainty and "mean" in names:
            self._accumulators.append(_Weighted("mean", shape, np.ones_like))
        if names & {"mean", "deviation"}:
            self._accumulators.append(_Moments(shape))  # after the weighted one, to replace its mean
        if "weighted_mean" in names:
            self._accumulators.append(_Weighted("weighted_mean", shape, inverse_variance))
        if names & {"minimum", "maximum"}:
            self._accumulators.append(_Extremes(shape))
        quantiles = {
            one.key: 0.5 if one.percentile is None else one.percentile / 100.0 for one in statistics if one.is_quantile
        }
        if quantiles:
            self._accumulators.append(_Quantiles(shape, layers, quantiles))

    def add(self, layer: Layer) -> None:
        """Add a layer of the shape of the window."""
        valid = np.isfinite(layer.temperature)
        self._count += valid
        for accumulator in self._accumulators:
            accumulator.add(layer, valid, self._count)

    def results(self) -> Results:
        """Return statistics and uncertainties by key [K], and ``count``."""
        results: Results = {}
        with np.errstate(invalid="ignore"):  # pixels without a value
            for accumulator in self._accumulators:
                results |= accumulator.results(self._count)
        rare = self._count < self._min_count
        kelvin = {key: np.where(rare, np.nan, values).astype(np.float32) for key, values in results.items()}
        return {**kelvin, "count": self._count}
