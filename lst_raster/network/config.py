"""Configuration of a training run, from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from lst_raster.errors import ConfigError, InputNotFoundError
from lst_raster.inference.contract import BOTH_BANDS, PROFILE_UNCERTAINTY, UNCERTAIN_INPUTS, uncertainty_name
from lst_raster.sensors.bands import second_band, sensor_band
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

_SURFACE = (
    *("water_vapour", "surface_pressure", "air_temperature", "brightness_temperature"),
    *("aerosol_optical_depth", "gas_year"),
    *map(uncertainty_name, UNCERTAIN_INPUTS),
)
_LEVELS = (*TEMPERATURE_LEVELS, *HUMIDITY_LEVELS, PROFILE_UNCERTAINTY)
TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "surface": _SURFACE,
        "profile": (*_SURFACE, *_LEVELS),
        "dual": (*_SURFACE, *BOTH_BANDS),
        "dual-profile": (*_SURFACE, *BOTH_BANDS, *_LEVELS),
    }
)
"""Atmospheric inputs of each tier, in the order of the network's arguments, water vapour first. The ``dual`` tiers use
both thermal bands, the ``profile`` tiers temperature and humidity on sigma levels."""


def has_levels(tier: str) -> bool:
    """Whether a tier has temperature and humidity on sigma levels."""
    return PROFILE_UNCERTAINTY in TIERS[tier]


def has_two_bands(tier: str) -> bool:
    """Whether a tier uses both thermal bands."""
    return BOTH_BANDS[0] in TIERS[tier]


T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Simulated sets, as paths relative to the TOML file or to the folder given with --data."""

    train: tuple[str, ...]  # training sets
    test: Mapping[str, str] = field(default_factory=dict)
    """Title to path of the held-out sets on which the finished model is measured."""
    second_train: tuple[str, ...] = ()  # the training sets in the second band, for tiers with two bands
    second_test: Mapping[str, str] = field(default_factory=dict)  # likewise, by the titles of `test`

    def __post_init__(self) -> None:
        for path in (*self.train, *self.test.values(), *self.second_train, *self.second_test.values()):
            if PurePath(path).is_absolute() or path.startswith("~"):
                raise ConfigError(f"data: {path} is an absolute path; name the file and give its folder with --data")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplesConfig:
    """Surfaces drawn for the profiles of a batch, new ones in every step."""

    per_profile: int = 4  # surfaces for each profile


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Size of the network's body."""

    width: int = 48  # units in a hidden layer
    depth: int = 2  # hidden layers


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Weights of the loss terms; a term of weight zero is not computed."""

    lst: float = 1.0  # error of the land surface temperature
    transmittance: float = 0.1  # error of the transmittance, in standard deviations of the training set
    upwelling_radiance: float = 0.1  # error of the upwelling radiance, in standard deviations of the training set
    downwelling_radiance: float = 0.1  # error of the downwelling radiance, in standard deviations of the training set
    closure: float = 0.1
    """Radiance recomputed at the true temperature less the observed radiance, as a temperature at 300 K."""
    likelihood: float = 0.05  # negative log-likelihood of the temperature error under the predicted variance
    robust_scale: float = 2.0  # error above which `lst` and `closure` grow linearly instead of quadratically [K]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimiserConfig:
    """Adam with decoupled weight decay; the learning rate rises linearly, then falls along a cosine."""

    steps: int = 4500  # gradient steps
    batch: int = 2048  # profiles in a step, drawn with replacement
    learning_rate: float = 5e-3  # highest learning rate
    warmup: int = 100  # steps over which the learning rate rises
    weight_decay: float = 30.0
    """Decoupled weight decay times the number of training profiles: with fewer profiles the network stays nearer to its
    mechanism."""
    gradient_norm: float = 1.0  # norm to which gradients are clipped
    average: float = 0.995  # decay of the moving average of the weights; the average is the result


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationConfig:
    """Cross-validation that calibrates the predicted uncertainty and estimates the errors."""

    steps: int = 1500
    """Gradient steps of the network of each fold, at most those of the optimiser; zero skips the cross-validation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """A training run from data to model; docs/science/network.md gives the reasons for the defaults."""

    sensor: str  # sensor band, for example ``landsat8-b10``
    tier: str  # set of atmospheric inputs of the model, a key of `TIERS`
    version: str = "unversioned"  # version of the model, written to its card, its files and its products
    seed: int = 0  # seed of all random numbers
    threads: int = 1  # threads of torch; results are reproducible for one number of threads on one machine
    data: DataConfig  # simulated sets
    samples: SamplesConfig = SamplesConfig()  # surfaces
    network: NetworkConfig = NetworkConfig()  # size of the network
    loss: LossConfig = LossConfig()  # weights of the loss terms
    optimiser: OptimiserConfig = OptimiserConfig()  # gradient descent
    calibration: CalibrationConfig = CalibrationConfig()  # calibration of the predicted uncertainty

    def __post_init__(self) -> None:
        sensor_band(self.sensor)
        if self.tier not in TIERS:
            raise ConfigError(f"unknown tier {self.tier!r}; known are {', '.join(TIERS)}")
        if has_two_bands(self.tier) and second_band(self.sensor) is None:
            raise ConfigError(f"the tier {self.tier} needs a second thermal band, which {self.sensor} does not have")


def read_config(path: Path | str) -> TrainingConfig:
    """Read the TOML file of a training run; keys that it lacks have their defaults.

    Raises InputNotFoundError, UnknownSensorError, or ConfigError, which names the wrong key or value.
    """
    path = Path(path)
    if not path.is_file():
        raise InputNotFoundError(f"{path} does not exist; give the TOML file of a training run")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    return _build(TrainingConfig, table, "")


def _build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build a dataclass from a table of the file; `where` names the table in errors, "" for the whole file."""
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    title = where or "the file"
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {title}; known are {', '.join(known)}")
    for name, entry in known.items():
        if name not in table and entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"{title} lacks the key {name!r}")
    types = get_type_hints(kind)
    return kind(**{key: _convert(types[key], value, f"{where}.{key}".lstrip(".")) for key, value in table.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(value, dict):
        return _build(kind, value, where)  # type: ignore[arg-type]  # is_dataclass also admits instances
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value < 1e9:
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if kind is str and isinstance(value, str):
        return value
    if kind == tuple[str, ...]:
        names = value if isinstance(value, list) else [value]
        return tuple(_convert(str, name, where) for name in names)
    if kind == Mapping[str, str] and isinstance(value, dict):
        return {title: _convert(str, path, f"{where}.{title}") for title, path in value.items()}
    expected = {float: "a number, not negative", int: "a whole number, not negative", str: "a text in quotes"}
    raise ConfigError(f"{where} = {value!r} is not understood; {expected.get(kind, 'a table')} is expected")
