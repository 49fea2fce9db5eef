"""Sensitivity of the retrieved temperature to each input, compared with the radiative transfer equation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.planck import band_radiance, band_radiance_slope, brightness_temperature
from lst_raster.physics.uncertainty import Terms, atmosphere_error, emissivity_error
from lst_raster.profiles.sampling import Samples, draw_surfaces, observe
from lst_raster.profiles.simulated_set import SimulatedSet
from lst_raster.sensors.bands import sensor_band
from tests.benchmarks.accuracy.changed_atmosphere import (
    HUMIDITY_CHANGE,
    TEMPERATURE_CHANGE,
    PerturbedColumns,
    perturbed_columns,
)
from tests.benchmarks.accuracy.fits import COUPLED, PLAIN, Fit, Retrieval
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.methods import unfitted_retrievals
from tests.benchmarks.accuracy.refit import REFITS
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Selection, Setting
from tests.benchmarks.accuracy.tables import chosen, distinct, markdown, method_label, number

Float = NDArray[np.float64]

NAME = "sensitivity"
COLUMNS_PER_SURFACE = 3  # simulated columns per surface of the plan: 60 for the full plan
SURFACES, SEED = 10, 0
KELVIN, EMISSIVITY = 0.5, 0.005
"""Finite differences of brightness temperature [K] and emissivity [1], centred."""
UNITS = {
    "brightness temperature": "1 K",
    "emissivity": "0.01",
    "humidity": "10 %",
    "air temperature": "1 K",
}
"""Change of each input; humidity and air temperature change at 2 m and on all levels."""
_PER = {"brightness temperature": 1.0, "emissivity": 0.01, "humidity": 0.1, "air temperature": 1.0}


def _jobs(setting: Setting) -> list[Job]:
    air = perturbed_columns(setting.sensor, COLUMNS_PER_SURFACE * setting.plan.per_profile)
    wanted: list[tuple[str, str, Fit | Retrieval]] = [*unfitted_retrievals(setting)]
    wanted += [(method, "", setting.fit(method)) for method in REFITS]
    wanted += [(method, tier, setting.fit(method, tier)) for tier in setting.tiers for method in (PLAIN, COUPLED)]
    selection = Selection(source=setting.source_of(setting.first))
    return [
        Job(
            section=NAME,
            retrieval=what,
            selection=selection,
            measure=partial(respond, facts={"method": method, "tier": tier}, air=air),
        )
        for method, tier, what in wanted
    ]


def respond(setting: Setting, retrieval: Retrieval, *, facts: Mapping[str, Any], air: PerturbedColumns) -> Rows:
    """Evaluate the sensitivities of a retrieval; one row per input."""
    given = observe(air.base, draw_surfaces(air.base.air_temperature_2m, SURFACES, SEED))
    expected, found = expected_responses(air, given), retrieval_responses(retrieval, air, given)
    return [{**facts, "input": name, **_agreement(found[name], expected[name])} for name in UNITS]


def expected_responses(air: PerturbedColumns, given: Samples) -> dict[str, Float]:
    """Temperature responses from the derivatives of the equation, shape (profile, sample), per step of `UNITS`. [K]

    The at-sensor radiance is constant: another emissivity or atmosphere implies another surface temperature.
    """
    band = sensor_band(given.simulated.sensor).planck
    terms: Terms = tuple(values[:, None] for values in air.base.terms)  # type: ignore[assignment]  # three
    about = (given.surface_temperature, given.radiance, given.emissivity, terms)
    one_kelvin = band_radiance_slope(brightness_temperature(given.radiance, band), band)
    nothing = np.zeros_like(given.radiance)
    responses = {
        # Higher surface-leaving radiance is equivalent to lower upwelling radiance.
        "brightness temperature": atmosphere_error(*about, (nothing, -one_kelvin, nothing), band),
        "emissivity": emissivity_error(given.surface_temperature, given.emissivity, terms[2], _PER["emissivity"], band),
        "humidity": atmosphere_error(
            *about, _per_unit(air.base, air.more_humid, _PER["humidity"] / HUMIDITY_CHANGE), band
        ),
        "air temperature": atmosphere_error(
            *about, _per_unit(air.base, air.warmer, _PER["air temperature"] / TEMPERATURE_CHANGE), band
        ),
    }
    return {name: np.asarray(values) for name, values in responses.items()}


def retrieval_responses(retrieval: Retrieval, air: PerturbedColumns, given: Samples) -> dict[str, Float]:
    """Temperature responses from finite differences, shape (profile, sample), per step of `UNITS`. [K]"""
    band = sensor_band(given.simulated.sensor).planck
    brightness = brightness_temperature(given.radiance, band)

    def with_brightness(change: float) -> Float:
        return retrieval(replace(given, radiance=band_radiance(brightness + change, band)))

    def with_emissivity(change: float) -> Float:
        return retrieval(replace(given, emissivity=given.emissivity + change))

    def atmosphere_response(other: SimulatedSet) -> Float:
        shape = given.radiance.shape
        inputs = {name: np.broadcast_to(one[:, None], shape) for name, one in other.atmosphere_inputs.items()}
        return retrieval(replace(given, atmosphere={**given.atmosphere, **inputs})) - retrieval(given)

    return {
        "brightness temperature": (with_brightness(KELVIN / 2) - with_brightness(-KELVIN / 2)) / KELVIN,
        "emissivity": (with_emissivity(EMISSIVITY / 2) - with_emissivity(-EMISSIVITY / 2))
        * (_PER["emissivity"] / EMISSIVITY),
        "humidity": atmosphere_response(air.more_humid) * (_PER["humidity"] / HUMIDITY_CHANGE),
        "air temperature": atmosphere_response(air.warmer) * (_PER["air temperature"] / TEMPERATURE_CHANGE),
    }


def _per_unit(base: SimulatedSet, changed: SimulatedSet, factor: float) -> Terms:
    changes = [(after - before)[:, None] * factor for before, after in zip(base.terms, changed.terms, strict=True)]
    return changes[0], changes[1], changes[2]


def _agreement(found: Float, expected: Float) -> dict[str, float]:
    known = np.isfinite(found)
    difference = found[known] - expected[known]
    return {
        "samples": int(known.sum()),
        "expected": float(np.mean(expected[known])),
        "found": float(np.mean(found[known])),
        "rms_difference": float(np.sqrt(np.mean(difference**2))),
        "rms_expected": float(np.sqrt(np.mean(expected[known] ** 2))),
    }


def _text(rows: Rows) -> str:
    head = ["[K]", *(f"{name}, per {unit}" for name, unit in UNITS.items())]
    physics = [number(chosen(rows, input=name), "expected", signed=True) for name in UNITS]
    size = [number(chosen(rows, input=name), "rms_expected") for name in UNITS]
    lines = [["physics, mean / root mean square", *(f"{a} / {b}" for a, b in zip(physics, size, strict=True))]]
    for method, tier in distinct(rows, "method", "tier"):
        mine = chosen(rows, method=method, tier=tier)
        cells = [
            f"{number(one, 'found', signed=True)} / {number(one, 'rms_difference')}"
            for one in (chosen(mine, input=name) for name in UNITS)
        ]
        lines.append([method_label(method, tier), *cells])
    return "\n\n".join([_WORDS, markdown(head, lines)])


_WORDS = """\
A method may be accurate on average and still have wrong sensitivities, so that an edge in emissivity or a change of the
analysis changes its temperature by a wrong amount. For real columns of the library, from the driest to the most humid,
the inputs are changed one at a time, and the change of the temperature is compared with the derivative of the radiative
transfer equation (`lst_raster/physics/uncertainty.py`). Humidity and air temperature are changed on all levels
together, and the column is simulated again; a method gets its inputs from the changed column. Each cell: mean
sensitivity / root mean square difference from the physics.

The sensitivities to atmospheric inputs need care: with few inputs, one is correlated with others, as humid atmospheres
are usually warmer. The response is then right on average but not for the change of one input. This does not apply to
brightness temperature and emissivity."""

SECTION = Section(name=NAME, title="Sensitivity to the inputs", jobs=_jobs, text=_text)
