"""Accuracy of the coupled network of both bands for larger errors of the second band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lst_raster.profiles.sampling import CONDITIONS, InputErrors, Samples, add_input_errors
from lst_raster.profiles.two_band_sampling import COMMON_FRACTION, TwoBandErrors
from tests.benchmarks.accuracy.fits import COUPLED, TIER_NAMES, TWO_BAND_TIERS
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import NOTHING, VAPOUR, Rows, headline, measure
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Selection, Setting
from tests.benchmarks.accuracy.tables import all_and_humid, chosen, distinct, markdown, method_label

NAME = "both_bands_errors"
TIERS = (TIER_NAMES[0], TWO_BAND_TIERS[0])
COMMON = "common fraction"


@dataclass(frozen=True, kw_only=True, slots=True)
class Varied:
    """Something that is varied."""

    title: str
    """Title in tables, with unit."""
    values: tuple[float, ...]


VARIED: Mapping[str, Varied] = {
    "emissivity_difference": Varied(
        title="error of the emissivity of the second band, over that of the first [1]", values=(0.0, 0.005, 0.01, 0.02)
    ),
    "stray_light": Varied(title="stray light in the second band [K]", values=(0.0, 0.1, 0.3, 0.5)),
    COMMON: Varied(
        title="fraction of the variance of the errors of emissivity that is common to the neighbourhood [1]",
        values=(0.0, COMMON_FRACTION, 1.0),
    ),
}
"""Values by field of `InputErrors`, and fractions of the variance."""


def _jobs(setting: Setting) -> list[Job]:
    jobs = []
    for title in setting.two_band_tests[:1]:
        for tier in TIERS:
            for seed in range(setting.plan.seeds):
                for name, varied in VARIED.items():
                    for value in varied.values:
                        facts = {"method": COUPLED, "tier": tier, "seed": seed, "varied": name, "value": value}
                        jobs.append(
                            Job(
                                section=NAME,
                                retrieval=setting.fit(COUPLED, tier, seed),
                                selection=Selection(source=setting.source_of(title)),
                                measure=_task(title, facts, name, value),
                            )
                        )
    return jobs


def _task(title: str, facts: Mapping[str, object], name: str, value: float) -> partial[Rows]:
    known = {inputs: CONDITIONS[inputs] for inputs in (VAPOUR, NOTHING)}
    task = partial(measure, facts=facts, parts=headline, titles=(title,), both_bands=True)
    if name == COMMON:
        return partial(task, known=known, add_errors=partial(add_common_errors, common=value))
    return partial(task, known={inputs: replace(errors, **{name: value}) for inputs, errors in known.items()})


def add_common_errors(samples: Samples, errors: InputErrors, seed: int, common: float) -> Samples:
    """Add errors as `add_input_errors`, with another fraction of those of emissivity common to the neighbourhood."""
    others = replace(errors, emissivity=0.0, emissivity_difference=0.0, stray_light=0.0)
    given = add_input_errors(samples, others, seed)
    second, shape, random = given.second, given.radiance.shape, np.random.default_rng(seed + 1)
    assert second is not None
    deviations = errors.emissivity, errors.emissivity_difference, errors.stray_light
    drawn = TwoBandErrors.draw(*deviations, shape, random, common)
    around = second.around.inputs(drawn, errors.stray_light, errors.emissivity_difference)
    return replace(
        given,
        emissivity=np.minimum(given.emissivity + drawn.emissivity, 1.0),
        second=second.with_errors(drawn, 0.0, random),
        atmosphere={**given.atmosphere, **{name: np.broadcast_to(one, shape) for name, one in around.items()}},
    )


def _text(rows: Rows) -> str:
    parts = [_WORDS]
    for name, varied in VARIED.items():
        mine = chosen(rows, varied=name)
        lines = [
            [
                f"{method_label(COUPLED, tier)}, {inputs}",
                *(all_and_humid(chosen(mine, tier=tier, inputs=inputs, value=value)) for value in varied.values),
            ]
            for inputs, tier in distinct(mine, "inputs", "tier")
        ]
        parts.append(markdown([varied.title, *(f"{value:g}" for value in varied.values)], lines))
    return "\n\n".join(parts)


_WORDS = f"""\
The coupled networks of the comparison of both bands, on its first test set, with one property of the errors changed at
a time. The network is given the standard deviations, but not the fraction of the variance; training includes all these
errors, with a fraction of {COMMON_FRACTION:g}. One band does not depend on the errors of the second. Each cell: RMSE /
MAE above 50 kg m-2 [K]."""

SECTION = Section(name=NAME, title="Both bands: errors of the second band", jobs=_jobs, text=_text)
