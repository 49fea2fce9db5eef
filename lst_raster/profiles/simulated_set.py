"""Simulated sets: atmospheric profiles with the radiative terms of a sensor band, and their regimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.reading import open_netcdf, reading
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, SIGMA, TEMPERATURE_LEVELS

_REQUIRED = (
    "transmittance",
    "upwelling_radiance",
    "downwelling_radiance",
    "water_vapour",
    "surface_pressure",
    "air_temperature_2m",
)
_OPTIONAL = (
    "surface_temperature",
    "latitude",
    "longitude",
    "time",
    "aerosol_optical_depth",
    "continuum_scaling",
    "gas_year",
    "split",
    "perturbation",
    "land",
)
_LEVELS = ("air_temperature_sigma", "specific_humidity_sigma")


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedSet:
    """Radiative transfer results in one band with the predictors of a retrieval, one value a profile.

    All arrays are one-dimensional and of one length, but for those on sigma levels, of shape (profile, level); the
    optional ones are None where the file lacks them.

    Raises
    ------
    InputError
        At birth: lengths differ, a required value is not finite, or an atmosphere is not possible.
    """

    sensor: str
    """Sensor band, a name that `lst_raster.sensors.bands.sensor_band` knows."""
    transmittance: NDArray[np.float64]
    """Transmittance along the view path. [1]"""
    upwelling_radiance: NDArray[np.float64]
    """Radiance emitted towards the sensor. [W m-2 sr-1 um-1]"""
    downwelling_radiance: NDArray[np.float64]
    """Hemispheric mean radiance sent down to the surface. [W m-2 sr-1 um-1]"""
    water_vapour: NDArray[np.float64]
    """Water vapour column. [kg m-2]"""
    surface_pressure: NDArray[np.float64]
    """Pressure at the surface. [hPa]"""
    air_temperature_2m: NDArray[np.float64]
    """Air temperature at 2 m. [K]"""
    surface_temperature: NDArray[np.float64] | None = None
    """Skin temperature of the profile's source. [K]"""
    latitude: NDArray[np.float64] | None = None
    """Latitude, north positive. [degree]"""
    longitude: NDArray[np.float64] | None = None
    """Longitude, east positive. [degree]"""
    time: NDArray[np.datetime64] | None = None
    """Time of the profile, UTC."""
    aerosol_optical_depth: NDArray[np.float64] | None = None
    """Absorption optical depth of the background aerosol drawn for the profile. [1]"""
    continuum_scaling: NDArray[np.float64] | None = None
    """Scaling of the water vapour continuum drawn for the profile. [1]"""
    gas_year: NDArray[np.float64] | None = None
    """Year whose minor gas concentrations were drawn for the profile."""
    split: NDArray[np.int8] | None = None
    """0 for training, 1 for validation."""
    perturbation: NDArray[np.int8] | None = None
    """0 for a profile as its source has it, else the kind of change that made it."""
    land: NDArray[np.int8] | None = None
    """1 over land, 0 over water."""
    air_temperature_sigma: NDArray[np.float64] | None = None
    """Air temperature on the levels of `lst_raster.simulator.sigma_levels.SIGMA`, shape (profile, level). [K]"""
    specific_humidity_sigma: NDArray[np.float64] | None = None
    """Specific humidity on them. [kg kg-1]"""
    source: str = ""
    """Where the profiles come from."""
    version: str = ""
    """Version of lst-raster that made the set."""

    def __post_init__(self) -> None:
        count = self.transmittance.shape
        for name in (*_REQUIRED, *_OPTIONAL):
            values = getattr(self, name)
            if values is not None and (values.ndim != 1 or values.shape != count):
                raise InputError(f"{name} has shape {values.shape}, transmittance {count}; give one value a profile")
            if name in _REQUIRED and not np.isfinite(values).all():
                raise InputError(f"{name} of the simulated set has NaN or infinity; leave those profiles out")
        for name in _LEVELS:
            values = getattr(self, name)
            if values is not None and (values.shape != (*count, len(SIGMA)) or not np.isfinite(values).all()):
                raise InputError(f"{name} has shape {values.shape}; give {len(SIGMA)} finite values a profile")
        if not ((self.transmittance > 0.0) & (self.transmittance <= 1.0)).all():
            raise InputError("transmittance of the simulated set lies outside (0, 1]")

    def __len__(self) -> int:
        return int(self.transmittance.size)

    @property
    def terms(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Transmittance, upwelling and downwelling radiance, in the order in which physics takes them."""
        return self.transmittance, self.upwelling_radiance, self.downwelling_radiance

    @property
    def atmosphere_inputs(self) -> dict[str, NDArray[np.float64]]:
        """What a model may ask for about the atmosphere, by the names of its contract, each of shape (profile,)."""
        known = {
            "water_vapour": self.water_vapour,
            "surface_pressure": self.surface_pressure,
            "air_temperature": self.air_temperature_2m,
        }
        for names, values in (
            (TEMPERATURE_LEVELS, self.air_temperature_sigma),
            (HUMIDITY_LEVELS, self.specific_humidity_sigma),
        ):
            if values is not None:
                known.update(zip(names, values.T, strict=True))
        return known

    def select(self, chosen: NDArray[np.bool_]) -> SimulatedSet:
        """Return the profiles where `chosen`, a boolean array with one value a profile, is true."""
        arrays = {
            field.name: getattr(self, field.name)[chosen]
            for field in fields(self)
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return replace(self, **arrays)


def read_simulated(path: Path | str) -> SimulatedSet:
    """Read a simulated set that `lst-raster simulate` wrote.

    Parameters
    ----------
    path : path
        NetCDF file with the dimension `profile`.

    Returns
    -------
    SimulatedSet
        The file's content.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is not a simulated set; the message says what is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise InputNotFoundError(f"{path} does not exist; make it with lst-raster simulate")
    with open_netcdf(path, str(path)) as dataset, reading(f"{path} cannot be read as netCDF", "make it again"):
        values = {name: dataset[name].values for name in (*_REQUIRED, *_OPTIONAL, *_LEVELS) if name in dataset}
        attributes = dict(dataset.attrs)
    return _from_variables(path, values, attributes)


def _from_variables(path: Path, values: Mapping[str, NDArray[Any]], attributes: Mapping[str, object]) -> SimulatedSet:
    missing = [name for name in _REQUIRED if name not in values]
    if missing or "sensor" not in attributes:
        lacks = ", ".join(missing) or "the attribute sensor"
        raise InputError(f"{path} is not a simulated set: it lacks {lacks}; make it with lst-raster simulate")
    arrays = {name: _typed(name, array) for name, array in values.items()}
    return SimulatedSet(
        sensor=str(attributes["sensor"]),
        source=str(attributes.get("source", "")),
        version=str(attributes.get("lst_raster_version", "")),
        **arrays,
    )


def _typed(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if name == "time":
        return array
    return array.astype(np.int8 if name in ("split", "perturbation", "land") else np.float64)


Mask = NDArray[np.bool_]

DRY = 3.0
"""Water vapour column below which air is extremely dry. [kg m-2]"""
HIGH = 850.0
"""Surface pressure below which ground is high: about 1,460 m in the standard atmosphere. [hPa]"""
INVERSION, INVERSION_LEVELS = 1.0, (0.95, 0.9)
"""Air is inverted where it is warmer than at 2 m by more than this on one of these sigma levels. [K], [1]"""
HOT, ARID = 303.0, 20.0
"""Air temperature from which, and water vapour column up to which, land is a hot desert. [K], [kg m-2]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """A kind of air."""

    title: str
    """What it is called in tables."""
    reason: str
    """Threshold and why it is that."""
    where: Callable[[SimulatedSet], Mask]
    """Profiles that belong to it, shape (profile,)."""


def _all(simulated: SimulatedSet) -> Mask:
    return np.ones(len(simulated), bool)


def _class(name: str, simulated: SimulatedSet) -> Mask:
    low, high = WATER_VAPOUR_CLASSES[name]
    return (simulated.water_vapour >= low) & (simulated.water_vapour < high)


def _dry(simulated: SimulatedSet) -> Mask:
    return simulated.water_vapour < DRY


def _high(simulated: SimulatedSet) -> Mask:
    return simulated.surface_pressure < HIGH


def _inverted(simulated: SimulatedSet) -> Mask:
    if simulated.air_temperature_sigma is None:  # a set from before the levels: nothing is known of it
        return np.zeros(len(simulated), bool)
    aloft = simulated.air_temperature_sigma[:, [SIGMA.index(level) for level in INVERSION_LEVELS]].max(axis=1)
    return np.asarray(aloft > simulated.air_temperature_2m + INVERSION)


def _desert(simulated: SimulatedSet) -> Mask:
    land = np.ones(len(simulated), bool) if simulated.land is None else simulated.land == 1
    return land & (simulated.air_temperature_2m >= HOT) & (simulated.water_vapour <= ARID)


_CLASSES = {
    name: Regime(
        title=f"{name}, extreme humidity" if name == "50+" else name,
        reason="Tropical air masses: the window is nearly closed, and most methods fail there."
        if name == "50+"
        else f"Water vapour {name} kg m-2.",
        where=partial(_class, name),
    )
    for name in WATER_VAPOUR_CLASSES
}

REGIMES: Mapping[str, Regime] = MappingProxyType(
    {
        "all": Regime(title="all", reason="Every profile of the set.", where=_all),
        **_CLASSES,
        "dry": Regime(
            title="extreme dryness",
            reason=f"Below {DRY:g} kg m-2: cold deserts, plateaus and polar winters, where the continuum is nothing "
            "and what is left is the lines, the minor gases, the aerosol and the emissivity.",
            where=_dry,
        ),
        "high": Regime(
            title="high elevation",
            reason=f"Surface pressure below {HIGH:g} hPa, about 1,460 m in the standard atmosphere: a part of the air "
            "that is in every other column is missing here.",
            where=_high,
        ),
        "inversion": Regime(
            title="inversions",
            reason=f"Air at sigma {INVERSION_LEVELS[0]:g} or {INVERSION_LEVELS[1]:g} (some 400 to 1,000 m above the "
            f"ground) more than {INVERSION:g} K warmer than at 2 m: the temperature at 2 m misleads about the air "
            "that emits. One kelvin is beyond the rounding of forecasts and keeps out well mixed air.",
            where=_inverted,
        ),
        "desert": Regime(
            title="hot deserts",
            reason=f"Land (where the set tells it) with at least {HOT:g} K at 2 m, 30 degrees Celsius, and at most "
            f"{ARID:g} kg m-2, half of what such air over a moist surface holds.",
            where=_desert,
        ),
    }
)
"""Regimes by name; a profile may belong to several."""

HUMID = "50+"
"""Name of the regime of extreme humidity."""


def regimes_of(simulated: SimulatedSet) -> dict[str, Mask]:
    """Tell the profiles of each regime: name to boolean array of shape (profile,)."""
    return {name: regime.where(simulated) for name, regime in REGIMES.items()}
