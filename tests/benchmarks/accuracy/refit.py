"""Published methods with coefficients refitted to a training set by least squares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.planck import brightness_temperature
from lst_raster.physics.published_retrievals import (
    mono_window_temperature,
    single_channel_temperature,
    split_window_temperature,
    wien_temperature,
)
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.profiles.sampling import CONDITIONS, Samples, add_input_errors, draw_surfaces, observe
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.sensors.bands import sensor_band
from lst_raster.validation.published import mono_window_class

Float = NDArray[np.float64]

PER_PROFILE = 10
"""Number of surfaces per training profile."""
TYPICAL = 295.0  # temperature at which C2 / effective wavelength of a band is evaluated [K]
FEWEST = 3 * PER_PROFILE  # minimum number of samples for separate coefficients of a class


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleChannel:
    """Generalised single-channel method with given coefficients."""

    psi: tuple[tuple[float, float, float], ...]
    """Coefficients of the three psi functions, quadratic term first, for water vapour in g cm-2."""
    b_gamma: float
    """C2 / effective wavelength of the band. [K]"""

    def __call__(self, given: Samples) -> Float:
        """Retrieve temperatures, same shape as the samples. [K]"""
        brightness = _brightness_temperature(given)
        return np.asarray(
            single_channel_temperature(
                given.radiance, brightness, given.emissivity, given.water_vapour, self.psi, self.b_gamma
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MonoWindow:
    """Statistical mono-window method with given coefficients."""

    coefficients: tuple[tuple[float, float, float], ...]
    """A [1], B [K] and C [K] for each class of water vapour."""

    def __call__(self, given: Samples) -> Float:
        """Retrieve temperatures, same shape as the samples. [K]"""
        chosen = np.array(self.coefficients)[mono_window_class(given.water_vapour)]
        return np.asarray(
            mono_window_temperature(_brightness_temperature(given), given.emissivity, *np.moveaxis(chosen, -1, 0))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitWindow:
    """Split-window method with given coefficients, for samples with the second band."""

    coefficients: tuple[float, ...]
    """c0 to c6 of `split_window_temperature`."""

    def __call__(self, given: Samples) -> Float:
        """Retrieve temperatures, same shape as the samples. [K]"""
        second = given.second
        assert second is not None
        other = brightness_temperature(second.radiance, sensor_band(second.sensor).planck)
        return np.asarray(
            split_window_temperature(
                _brightness_temperature(given), other, given.emissivity, second.emissivity, given.water_vapour,
                self.coefficients,
            )
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class EquationFromVapour:
    """Radiative transfer equation with terms that are quadratic functions of the water vapour."""

    terms: tuple[tuple[float, float, float], ...]
    """Coefficients of transmittance, upwelling and downwelling radiance, quadratic term first, for kg m-2."""
    least: float
    """Smallest transmittance of the training set, used as lower limit. [1]"""

    def __call__(self, given: Samples) -> Float:
        """Retrieve temperatures, same shape as the samples; NaN if upwelling radiance exceeds the radiance. [K]"""
        transmittance, upwelling, downwelling = (np.polyval(one, given.water_vapour) for one in self.terms)
        return np.asarray(
            surface_temperature(
                given.radiance,
                given.emissivity,
                np.clip(transmittance, self.least, 1.0),
                upwelling,
                downwelling,
                sensor_band(given.simulated.sensor).planck,
            )
        )


def refit_single_channel(sets: Sequence[SimulatedSet], seed: int) -> SingleChannel:
    """Fit the psi functions, quadratic in water vapour, to minimise the squared error of the temperature.

    The form is linear in its nine coefficients: the column of a coefficient is the formula with that coefficient set
    to 1 and the others to 0, minus the formula with all 0. `seed` is that of the surfaces.
    """
    given, weight = _training(sets, seed)
    b_gamma = float(wien_temperature(TYPICAL, sensor_band(given.simulated.sensor).planck))
    nothing = SingleChannel(psi=_psi(np.zeros(9)), b_gamma=b_gamma)(given)
    columns = [SingleChannel(psi=_psi(one), b_gamma=b_gamma)(given) - nothing for one in np.eye(9)]
    found = _least_squares(columns, given.surface_temperature - nothing, weight)
    return SingleChannel(psi=_psi(found), b_gamma=b_gamma)


def refit_mono_window(sets: Sequence[SimulatedSet], seed: int) -> MonoWindow:
    """Fit the coefficients of each published class of water vapour to minimise the squared error of the temperature.

    A class with fewer than `FEWEST` samples gets the coefficients fitted to all classes.
    """
    given, weight = _training(sets, seed)
    count = int(mono_window_class(np.float64(np.inf))) + 1
    columns = [
        np.asarray(mono_window_temperature(_brightness_temperature(given), given.emissivity, *one)) for one in np.eye(3)
    ]  # linear in its coefficients
    class_ = mono_window_class(given.water_vapour)
    members = [class_ == number for number in range(count)]
    members = [chosen if chosen.sum() >= FEWEST else np.ones_like(chosen) for chosen in members]
    found = [
        _least_squares([one[chosen] for one in columns], given.surface_temperature[chosen], weight[chosen])
        for chosen in members
    ]
    return MonoWindow(coefficients=tuple((float(a), float(b), float(c)) for a, b, c in found))


def refit_equation(sets: Sequence[SimulatedSet], seed: int) -> EquationFromVapour:
    """Fit each term of the equation as a quadratic function of the water vapour; `seed` is not used."""
    weight = np.sqrt(np.concatenate([_weights(one) for one in sets]))
    vapour = np.concatenate([one.water_vapour for one in sets])
    terms = [np.concatenate(parts) for parts in zip(*(one.terms for one in sets), strict=True)]
    found = [np.polyfit(vapour, term, 2, w=weight) for term in terms]
    return EquationFromVapour(
        terms=tuple((float(a), float(b), float(c)) for a, b, c in found), least=float(terms[0].min())
    )


def refit_split_window(sets: Sequence[SimulatedSet], seed: int) -> SplitWindow:
    """Fit the coefficients to minimise the squared error of the temperature, with input errors of all `CONDITIONS`.

    The form is linear in its seven coefficients. With exact samples the noise of the difference of the bands would be
    amplified in use.
    """
    count = 7
    forms = [SplitWindow(coefficients=tuple(row)) for row in (np.zeros(count), *np.eye(count))]
    parts = []
    for one in sets:
        exact = observe(one, draw_surfaces(one.air_temperature_2m, PER_PROFILE, seed))
        weight = np.repeat(_weights(one), PER_PROFILE)
        for errors in CONDITIONS.values():
            given = add_input_errors(exact, errors, seed + 1)
            nothing, *found = (form(given) for form in forms)
            differences = [values - nothing for values in (*found, exact.surface_temperature)]
            parts.append(np.stack([*(values.ravel() for values in differences), weight]))
    *columns, target, weight = np.concatenate(parts, axis=1)
    return SplitWindow(coefficients=tuple(_least_squares(columns, target, weight).tolist()))


Refit = Callable[[Sequence[SimulatedSet], int], Callable[[Samples], Float]]

REFITS: Mapping[str, Refit] = MappingProxyType(
    {
        "single-channel, refitted": refit_single_channel,
        "mono-window, refitted": refit_mono_window,
        "equation, terms from water vapour": refit_equation,
    }
)
"""Functions by method name that fit a retrieval to training sets with a seed."""
TWO_BAND_REFITS: Mapping[str, Refit] = MappingProxyType({"split-window, refitted": refit_split_window})
"""The same of methods of two bands, for sets with the second band."""
EVERY_REFIT: Mapping[str, Refit] = MappingProxyType({**REFITS, **TWO_BAND_REFITS})
"""Both."""


def _psi(flat: NDArray[np.float64]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(a), float(b), float(c)) for a, b, c in flat.reshape(3, 3))


def _brightness_temperature(given: Samples) -> Any:
    return brightness_temperature(given.radiance, sensor_band(given.simulated.sensor).planck)


def _training(sets: Sequence[SimulatedSet], seed: int) -> tuple[Samples, Float]:
    """Flat exact samples of all sets with their weights."""
    parts = [observe(one, draw_surfaces(one.air_temperature_2m, PER_PROFILE, seed)) for one in sets]
    weight = np.concatenate([np.repeat(_weights(one), PER_PROFILE) for one in sets])

    def joined(arrays: Sequence[Float]) -> Float:
        return np.concatenate([values.ravel() for values in arrays])

    return Samples(
        simulated=parts[0].simulated,  # for the sensor band
        surface_temperature=joined([one.surface_temperature for one in parts]),
        radiance=joined([one.radiance for one in parts]),
        emissivity=joined([one.emissivity for one in parts]),
        atmosphere={"water_vapour": joined([one.water_vapour for one in parts])},
    ), weight


def _weights(simulated: SimulatedSet) -> Float:
    return np.ones(len(simulated)) if simulated.weight is None else simulated.weight


def _least_squares(columns: Sequence[Float], target: Float, weight: Float) -> NDArray[np.float64]:
    """Weighted least squares; columns are normalised for conditioning."""
    root = np.sqrt(weight)
    design = np.stack(columns, axis=-1) * root[:, None]
    size = np.maximum(np.linalg.norm(design, axis=0), 1e-300)
    return np.asarray(np.linalg.lstsq(design / size, target * root, rcond=None)[0] / size)
