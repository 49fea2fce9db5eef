"""Simulated sets: atmospheric profiles with the radiative terms of a sensor band, and their regimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES, water_vapour_masks
from lst_raster.reading import open_netcdf, reading
from lst_raster.sensors.bands import second_band
from lst_raster.simulator.gases import Composition
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, SIGMA, TEMPERATURE_LEVELS

if TYPE_CHECKING:
    import xarray as xr  # slow import

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

_TERMS = ("transmittance", "upwelling_radiance", "downwelling_radiance")
_REQUIRED = (*_TERMS, "water_vapour", "surface_pressure", "air_temperature_2m")
_FLAGS = ("perturbation", "land")
_OPTIONAL = (
    *("surface_temperature", "latitude", "longitude", "time"),
    *("aerosol_optical_depth", "continuum_scaling", "gas_year", "weight"),
    *_FLAGS,
)
_SOURCE = "profile_source"
_ON_LEVELS = ("air_temperature_sigma", "specific_humidity_sigma")


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedSet:
    """Radiative transfer results in one band for a set of profiles, with the atmospheric inputs of a retrieval.

    All arrays have the shape (profile,), those on sigma levels (profile, level); optional ones are None where the file
    has no such variable. Raises InputError for different lengths, missing values and impossible transmittances.
    """

    sensor: str  # sensor band, a name for `lst_raster.sensors.bands.sensor_band`
    transmittance: Float  # transmittance along the view path [1]
    upwelling_radiance: Float  # radiance emitted towards the sensor [W m-2 sr-1 um-1]
    downwelling_radiance: Float  # hemispheric mean downwelling radiance at the surface [W m-2 sr-1 um-1]
    water_vapour: Float  # water vapour column [kg m-2]
    surface_pressure: Float  # pressure at the surface [hPa]
    air_temperature_2m: Float  # air temperature at 2 m [K]
    surface_temperature: Float | None = None  # skin temperature in the source of the profile [K]
    latitude: Float | None = None  # latitude, north positive [degree]
    longitude: Float | None = None  # longitude, east positive [degree]
    time: NDArray[np.datetime64] | None = None  # time of the profile, UTC
    aerosol_optical_depth: Float | None = None  # absorption optical depth of the aerosol at 11 um [1]
    continuum_scaling: Float | None = None  # factor on the water vapour continuum [1]
    gas_year: Float | None = None  # year of the minor gas concentrations
    perturbation: NDArray[np.int8] | None = None
    """0 for an unmodified profile of the source, else the `SyntheticExtreme`."""
    land: NDArray[np.int8] | None = None  # 1 over land, 0 over water, -1 where unknown
    weight: Float | None = None  # weight of the profile in training [1]
    profile_source: NDArray[np.str_] | None = None  # source of the profile, for example "GFS 2011-01-15"
    air_temperature_sigma: Float | None = None
    """Air temperature on the levels of `lst_raster.simulator.sigma_levels.SIGMA`, (profile, level). [K]"""
    specific_humidity_sigma: Float | None = None  # specific humidity on these levels, (profile, level) [kg kg-1]
    source: str = ""  # source of the profiles
    version: str = ""  # version of lst-raster that wrote the set
    second_band: SimulatedSet | None = None  # the same profiles in the second band, for retrievals with two bands

    def __post_init__(self) -> None:
        count = self.transmittance.shape
        for name in (*_REQUIRED, *_OPTIONAL, _SOURCE):
            values = getattr(self, name)
            if values is not None and (values.ndim != 1 or values.shape != count):
                raise InputError(f"{name} has shape {values.shape}, transmittance {count}; give one value per profile")
            if name in _REQUIRED and not np.isfinite(values).all():
                raise InputError(f"{name} of the simulated set has NaN or infinite values; remove those profiles")
        for name in _ON_LEVELS:
            values = getattr(self, name)
            if values is not None and (values.shape != (*count, len(SIGMA)) or not np.isfinite(values).all()):
                raise InputError(f"{name} has shape {values.shape}; give {len(SIGMA)} finite values per profile")
        if not ((self.transmittance > 0.0) & (self.transmittance <= 1.0)).all():
            raise InputError("transmittance of the simulated set is outside (0, 1]; remove those profiles")
        other = second_band(self.sensor)
        if self.second_band is not None and (other is None or self.second_band.sensor != other.name):
            raise InputError(
                f"the second simulated set is of {self.second_band.sensor}; give that of "
                f"{other.name if other else 'two bands of Landsat 8 or 9'}"
            )
        if self.second_band is not None and not self._has_profiles_of(self.second_band):
            raise InputError(
                f"the simulated sets of {self.sensor} and {self.second_band.sensor} are of different profiles, or have "
                "different draws of aerosol, continuum and year; simulate both in one run"
            )
        if self.weight is not None and not ((self.weight >= 0.0) & np.isfinite(self.weight)).all():
            raise InputError("weight of the simulated set is negative or NaN; set it to 0 or more")

    def __len__(self) -> int:
        return int(self.transmittance.size)

    def _has_profiles_of(self, other: SimulatedSet) -> bool:
        own, others = self.atmosphere_inputs, other.atmosphere_inputs
        return len(self) == len(other) and all(np.array_equal(own[name], others[name]) for name in own)

    @property
    def terms(self) -> tuple[Float, Float, Float]:
        """Transmittance, upwelling and downwelling radiance, in the order of the arguments in `physics`."""
        return self.transmittance, self.upwelling_radiance, self.downwelling_radiance

    @property
    def weights(self) -> Float:
        """Weight of each profile in training, 1 where the set has none. [1]"""
        return np.ones(len(self)) if self.weight is None else self.weight

    @property
    def is_unmodified(self) -> Mask:
        """Mask of the unmodified profiles of the source; False for synthetic extremes."""
        return np.ones(len(self), bool) if self.perturbation is None else np.asarray(self.perturbation == 0)

    @property
    def atmosphere_inputs(self) -> dict[str, Float]:
        """Atmospheric inputs of models without errors, by the names of the contract, each of shape (profile,)."""
        inputs = {
            "water_vapour": self.water_vapour,
            "surface_pressure": self.surface_pressure,
            "air_temperature": self.air_temperature_2m,
            "aerosol_optical_depth": self._or_default(self.aerosol_optical_depth, Composition().aerosol_optical_depth),
            "gas_year": self._or_default(self.gas_year, Composition().year),
        }
        if self.air_temperature_sigma is not None:
            inputs.update(zip(TEMPERATURE_LEVELS, self.air_temperature_sigma.T, strict=True))
        if self.specific_humidity_sigma is not None:
            inputs.update(zip(HUMIDITY_LEVELS, self.specific_humidity_sigma.T, strict=True))
        return inputs

    def _or_default(self, values: Float | None, default: float) -> Float:
        return np.full(len(self), default) if values is None else values

    def select(self, mask: Mask) -> SimulatedSet:
        """Return the profiles where a boolean array of shape (profile,) is true."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays: dict[str, Any] = {name: array[mask] for name, array in values.items() if isinstance(array, np.ndarray)}
        if self.second_band is not None:
            arrays["second_band"] = self.second_band.select(mask)
        return replace(self, **arrays)


def read_simulated(path: Path | str, second: Path | str | None = None) -> SimulatedSet:
    """Read a simulated set written by `lst-raster simulate`, and optionally that of the second band.

    Raises InputNotFoundError; InputError for a damaged set, or a second one that is not of the same profiles.
    """
    if second is not None:
        return replace(read_simulated(path), second_band=read_simulated(second))
    path = Path(path)
    if not path.is_file():
        raise InputNotFoundError(f"{path} does not exist; create it with lst-raster simulate")
    with open_netcdf(path, str(path)) as dataset, reading(f"{path} cannot be read as netCDF", "create it again"):
        values = {name: dataset[name].values for name in (*_REQUIRED, *_OPTIONAL, *_ON_LEVELS) if name in dataset}
        attributes = dict(dataset.attrs)
        if _SOURCE in dataset:
            values[_SOURCE] = _flag_names(dataset[_SOURCE], path)
    missing = [name for name in _REQUIRED if name not in values]
    if missing or "sensor" not in attributes:
        lacks = ", ".join(missing) or "the attribute sensor"
        raise InputError(f"{path} is not a simulated set: it lacks {lacks}; create it with lst-raster simulate")
    arrays: dict[str, Any] = {
        name: array if name in ("time", _SOURCE) else array.astype(np.int8 if name in _FLAGS else np.float64)
        for name, array in values.items()
    }
    return SimulatedSet(
        sensor=str(attributes["sensor"]),
        source=str(attributes.get("source", "")),
        version=str(attributes.get("lst_raster_version", "")),
        **arrays,
    )


def _flag_names(variable: xr.DataArray, path: Path) -> NDArray[np.str_]:
    """Names of the flags of a variable, without the underscores in place of blanks."""
    names = [name.replace("_", " ") for name in str(variable.attrs.get("flag_meanings", "")).split()]
    numbers = np.atleast_1d(variable.attrs.get("flag_values", ())).tolist()
    found = dict(zip(numbers, names, strict=False))
    unnamed = sorted(set(variable.values.tolist()) - set(found))
    if unnamed:
        raise InputError(f"{variable.name} of {path} has no flag_meanings for {unnamed[:5]}; create it again")
    return np.array([found[number] for number in variable.values.tolist()], dtype=str)


DRY = 3.0  # water vapour column below which an atmosphere is extremely dry [kg m-2]
LOW_PRESSURE = 850.0
"""Surface pressure below which the elevation is high: about 1,460 m in the standard atmosphere. [hPa]"""
INVERSION, INVERSION_LEVELS = 1.0, (0.95, 0.9)
"""In an inversion one of these sigma levels is warmer than the 2 m air temperature by more than this. [K], [1]"""
HOT, ARID = 303.0, 20.0
"""Hot deserts have at least this air temperature and at most this water vapour column. [K], [kg m-2]"""
HUMID = "50+"  # name of the regime of extreme humidity


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """A class of atmospheres for which errors are reported."""

    title: str  # title in tables
    reason: str  # threshold and its reason


REGIMES: Mapping[str, Regime] = MappingProxyType(
    {
        "all": Regime(title="all", reason="Every profile of the set."),
        **{
            name: Regime(title=name, reason=f"Water vapour {name} kg m-2.")
            for name in WATER_VAPOUR_CLASSES
            if name != HUMID
        },
        HUMID: Regime(
            title=f"{HUMID}, extreme humidity",
            reason="Tropical air masses: the window is nearly closed, and most methods fail there.",
        ),
        "dry": Regime(
            title="extreme dryness",
            reason=f"Below {DRY:g} kg m-2: cold deserts, plateaus and polar winters, where the continuum is negligible "
            "and lines, minor gases, aerosol and emissivity dominate.",
        ),
        "high": Regime(
            title="high elevation",
            reason=f"Surface pressure below {LOW_PRESSURE:g} hPa, about 1,460 m in the standard atmosphere: the lowest "
            "part of the atmosphere is missing.",
        ),
        "inversion": Regime(
            title="inversions",
            reason=f"Sigma {INVERSION_LEVELS[0]:g} or {INVERSION_LEVELS[1]:g} (some 400 to 1,000 m above the ground) "
            f"more than {INVERSION:g} K warmer than 2 m: the temperature at 2 m is not that of the emitting layers. "
            "One kelvin exceeds the rounding of forecasts and excludes well mixed boundary layers.",
        ),
        "desert": Regime(
            title="hot deserts",
            reason=f"Land (also where it is not known) with at least {HOT:g} K at 2 m, 30 degrees Celsius, and at "
            f"most {ARID:g} kg m-2, half of the column over a moist surface at that temperature.",
        ),
    }
)
"""Regimes by name; a profile may belong to several."""


def regime_masks(simulated: SimulatedSet) -> dict[str, Mask]:
    """Mask of the profiles in each of `REGIMES`, by name, of shape (profile,)."""
    vapour, air = simulated.water_vapour, simulated.air_temperature_2m
    everywhere = np.ones(len(simulated), bool)
    inversion = ~everywhere  # for sets without levels
    if simulated.air_temperature_sigma is not None:
        levels = [SIGMA.index(level) for level in INVERSION_LEVELS]
        inversion = np.asarray(simulated.air_temperature_sigma[:, levels].max(axis=1) > air + INVERSION)
    land = everywhere if simulated.land is None else simulated.land != 0
    return {
        "all": everywhere,
        **water_vapour_masks(vapour),
        "dry": vapour < DRY,
        "high": simulated.surface_pressure < LOW_PRESSURE,
        "inversion": inversion,
        "desert": land & (air >= HOT) & (vapour <= ARID),
    }
