"""Retrievals that need no fit: published methods and shipped models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lst_raster.inference.model import Model, shipped_models
from lst_raster.profiles.sampling import InputErrors, Samples, retrieve_samples
from lst_raster.validation.published import (
    SPLIT_WINDOW,
    has_split_window,
    published_methods,
    retrieve_published,
    split_window,
)
from tests.benchmarks.accuracy.fits import TIER_NAMES, Retrieval
from tests.benchmarks.accuracy.setting import Setting

SHIPPED = "shipped model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A published method with its published coefficients."""

    method: str
    """One of `lst_raster.validation.published.published_methods`."""

    def __call__(self, given: Samples) -> NDArray[np.float64]:
        """Retrieve temperatures, same shape as the samples. [K]"""
        return retrieve_published(given.simulated.sensor, given.radiance, given.emissivity, given.water_vapour)[
            self.method
        ]


class PublishedSplitWindow:
    """The split-window method with its published coefficients, for samples with the second band."""

    def __call__(self, given: Samples) -> NDArray[np.float64]:
        """Retrieve temperatures, same shape as the samples. [K]"""
        second = given.second
        assert second is not None
        radiances, emissivities = (given.radiance, second.radiance), (given.emissivity, second.emissivity)
        return split_window(given.simulated.sensor, radiances, emissivities, given.water_vapour)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipped:
    """A shipped model."""

    model: Model

    def __call__(self, given: Samples) -> NDArray[np.float64]:
        """Retrieve temperatures, same shape as the samples. [K]"""
        known = given.inputs()
        inputs = {variable.name: known[variable.name] for variable in self.model.contract.inputs}
        return np.asarray(self.model.predict(**inputs)["lst"], float)

    def uncertainty(self, given: Samples, errors: InputErrors) -> NDArray[np.float64]:
        """Standard uncertainty, same shape as the samples. [K]"""
        names = [variable.name for variable in self.model.contract.atmosphere_inputs]
        return np.asarray(retrieve_samples(self.model.atmosphere, given, errors, names).uncertainty, float)


def unfitted_retrievals(setting: Setting) -> list[tuple[str, str, Retrieval]]:
    """Method, tier and retrieval of the published methods and the shipped models of the setting."""
    known: list[tuple[str, str, Retrieval]] = [(name, "", one) for name, one in published(setting.sensor).items()]
    models = [(tier, Model.load(f"{setting.sensor}/{tier}")) for tier in setting.shipped]
    return known + [(SHIPPED, tier, Shipped(model=model)) for tier, model in models]


def published(sensor: str) -> dict[str, Published]:
    """Published methods available for a sensor band, by name in the tables."""
    return {f"{name}, published": Published(method=name) for name in published_methods(sensor)}


def published_of_two_bands(sensor: str) -> dict[str, PublishedSplitWindow]:
    """The same of methods of two bands."""
    return {f"{SPLIT_WINDOW}, published": PublishedSplitWindow()} if has_split_window(sensor) else {}


def shipped_tiers(sensor: str) -> tuple[str, ...]:
    """Tiers of the models shipped for a sensor band."""
    return tuple(tier for tier in TIER_NAMES if f"{sensor}/{tier}" in shipped_models())
