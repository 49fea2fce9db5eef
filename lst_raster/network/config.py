"""Configuration of a training run, from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from lst_raster.errors import ConfigError, InputNotFoundError
from lst_raster.profiles.sampling import InputErrors
from lst_raster.sensors.bands import sensor_band
from lst_raster.simulator.input_errors import INPUT_ERROR
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

_COLUMN = ("water_vapour", "surface_pressure")
_SURFACE = (*_COLUMN, "air_temperature")

TIERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "column": (*_COLUMN, INPUT_ERROR),
        "surface": (*_SURFACE, INPUT_ERROR),
        "profile": (*_SURFACE, *TEMPERATURE_LEVELS, *HUMIDITY_LEVELS, INPUT_ERROR),
    }
)
"""Names of the atmosphere inputs of each tier, in the order of the network's arguments: the vapour first, the error of
all last."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Simulated sets, as paths relative to the TOML file or to the folder given with --data."""

    train: tuple[str, ...]
    """Simulated sets to learn from; profiles marked as validation by `split` are not learnt, the model is measured on
    them."""
    validation: tuple[str, ...] = ()
    """Further sets to measure the model on as on the profiles marked by `split`."""
    test: Mapping[str, str] = field(default_factory=dict)
    """Title to path of the held-out sets on which the finished model is measured."""

    def __post_init__(self) -> None:
        for path in (*self.train, *self.validation, *self.test.values()):
            if PurePath(path).is_absolute() or path.startswith("~"):
                raise ConfigError(f"data: {path} is an absolute path; name the file and give its folder with --data")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplesConfig:
    """Surfaces that are drawn for the profiles of a batch, afresh at every step."""

    per_profile: int = 4
    """Surfaces drawn for each profile of a batch."""
    perturbed: float = 0.1
    """Weight of an invented profile (`perturbation` in the simulated set) beside a real one's of 1. They are there
    to reach the ends of the range, where the mechanism leads as well; with more weight they outnumber the real columns
    of humid air and bend the mean."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig:
    """Size of the network's body."""

    width: int = 48
    """Units in a hidden layer."""
    depth: int = 2
    """Hidden layers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Weights of the loss terms; zero switches a term off and it is not computed."""

    lst: float = 1.0
    """Error of the land surface temperature."""
    transmittance: float = 0.1
    """Error of the transmittance, in standard deviations of the training set."""
    upwelling_radiance: float = 0.1
    """Error of the upwelling radiance, in standard deviations of the training set."""
    downwelling_radiance: float = 0.1
    """Error of the downwelling radiance, in standard deviations of the training set."""
    closure: float = 0.1
    """Radiance recomputed at the true temperature less the observed one, as a temperature at 300 K."""
    likelihood: float = 0.05
    """Negative log-likelihood of the temperature's error under the predicted variance."""
    robust_scale: float = 2.0
    """Error above which `lst` and `closure` grow linearly instead of quadratically. [K]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimiserConfig:
    """Adam with decoupled weight decay; the learning rate rises, then falls along a cosine."""

    steps: int = 1500
    """Number of gradient steps."""
    batch: int = 2048
    """Profiles in a step; a set with fewer profiles is drawn with repetition."""
    learning_rate: float = 5e-3
    """Highest learning rate."""
    warmup: int = 100
    """Steps over which the learning rate rises."""
    weight_decay: float = 100.0
    """Decoupled weight decay times the number of profiles that are learnt: the fewer they are, the nearer the network
    stays to its mechanism."""
    gradient_norm: float = 1.0
    """Norm to which gradients are clipped."""
    average: float = 0.995
    """Decay of the moving average of the weights, which is what is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationConfig:
    """Cross-validation that tells how far the predicted uncertainty is to be trusted."""

    steps: int = 1500
    """Gradient steps of each fold's network, at most those of the optimiser; zero leaves the uncertainty as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """A training run from data to model; see docs/science/network.md for the reasons behind the defaults."""

    sensor: str
    """Sensor band, for example ``landsat8-b10``."""
    tier: str
    """What the user of the model knows of the atmosphere: a name in `lst_raster.network.config.TIERS`."""
    version: str = "unversioned"
    """Version of the model, which its card, its file and its products tell."""
    seed: int = 0
    """Seed of everything random."""
    threads: int = 1
    """Threads of the arithmetic; results are reproducible for one number of threads on one machine."""
    data: DataConfig
    """Simulated sets."""
    samples: SamplesConfig = SamplesConfig()
    """Surfaces."""
    noise: InputErrors = field(default_factory=InputErrors)
    """Errors that are on the inputs in training where the network is told that `input_error` is 1; those of a profile
    are a drawn share of these, which it is told."""
    network: NetworkConfig = NetworkConfig()
    """The network's body."""
    loss: LossConfig = LossConfig()
    """Weights of the loss terms."""
    optimiser: OptimiserConfig = OptimiserConfig()
    """The descent."""
    calibration: CalibrationConfig = CalibrationConfig()
    """The predicted uncertainty."""

    def __post_init__(self) -> None:
        sensor_band(self.sensor)
        if self.tier not in TIERS:
            raise ConfigError(f"unknown tier {self.tier!r}; known are {', '.join(TIERS)}")


def read_config(path: Path | str) -> TrainingConfig:
    """Read a training configuration.

    Parameters
    ----------
    path : path
        TOML file.

    Returns
    -------
    TrainingConfig
        The file's content, with defaults for what it leaves out.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    ConfigError
        It is not TOML, or a key or a value is not understood; the message names it and the known ones.
    UnknownSensorError
        The sensor band is not known.
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
    """Make a dataclass from a table of the file; `where` names the table in errors, "" for the whole file."""
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
        return _names(value, where)
    if kind == Mapping[str, str] and isinstance(value, dict):
        return {title: _convert(str, path, f"{where}.{title}") for title, path in value.items()}
    raise ConfigError(f"{where} = {value!r} is not understood; {_EXPECTED.get(kind, 'a table')} is expected")


def _names(value: Any, where: str) -> tuple[str, ...]:
    """One file name or a list of them."""
    names = value if isinstance(value, list) else [value]
    return tuple(_convert(str, name, where) for name in names)


_EXPECTED = {float: "a number, not negative", int: "a whole number, not negative", str: "a text in quotes"}
