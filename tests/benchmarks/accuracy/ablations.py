"""Ablations: the coupled network without one of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from lst_raster.profiles.simulated_set import HUMID
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.fits import COUPLED, NO_MECHANISM, NO_NUISANCE, UNBOUNDED
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import CONDITIONS, Rows, headline, measure
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Setting
from tests.benchmarks.accuracy.tables import chosen, distinct, markdown, number, series

NAME, TIER = "ablations", "surface"
COMPLETE = "complete network"
_TERMS = ("transmittance", "upwelling_radiance", "downwelling_radiance")

VARIANTS: Mapping[str, tuple[str, Mapping[str, float]]] = MappingProxyType(
    {
        COMPLETE: (COUPLED, {}),
        "without the loss on the temperature": (COUPLED, {"lst": 0.0}),
        **{f"without the loss on the {name.replace('_', ' ')}": (COUPLED, {name: 0.0}) for name in _TERMS},
        "without the loss on all three terms": (COUPLED, dict.fromkeys(_TERMS, 0.0)),
        "without the closure": (COUPLED, {"closure": 0.0}),
        "without the likelihood": (COUPLED, {"likelihood": 0.0}),
        "only the loss on the temperature": (
            COUPLED, dict.fromkeys((*_TERMS, "closure", "likelihood"), 0.0),
        ),
        "without bounds on the atmosphere": (UNBOUNDED, {}),
        "without the fitted linear model": (NO_MECHANISM, {}),
        "without the nuisance parameters in training": (NO_NUISANCE, {}),
    }
)  # fmt: skip
"""Variants by name: method, and non-default weights of the loss."""


def _jobs(setting: Setting) -> list[Job]:
    jobs = []
    for variant, (method, loss) in VARIANTS.items():
        for seed in range(setting.plan.fewer_seeds):
            task = partial(
                measure, parts=headline, facts={"variant": variant, "method": method, "tier": TIER, "seed": seed}
            )
            jobs.append(Job(section=NAME, retrieval=setting.fit(method, TIER, seed, loss), measure=task))
    return jobs


def _text(rows: Rows) -> str:
    parts = [_WORDS]
    for title in distinct(rows, "set"):
        mine = chosen(rows, set=title)
        conditions = [one for one in CONDITIONS if chosen(mine, inputs=one)]
        lines = []
        for variant in distinct(mine, "variant"):
            cells = [variant]
            for inputs in conditions:
                found = chosen(mine, variant=variant, inputs=inputs)
                cells += [
                    number(chosen(found, regime="all"), "rmse", digits=3, spread=True),
                    number(chosen(found, regime=HUMID), "mae"),
                ]
            total = chosen(mine, variant=variant, regime="all")
            lines.append([*cells, f"{sum(row['missing'] for row in total)}"])
        head = [name for one in conditions for name in (f"{one}: RMSE [K]", "MAE above 50")]
        parts.append(markdown([title, *head, "not retrieved"], lines))
    return "\n\n".join(parts)


def _charts(rows: Rows) -> Mapping[str, Chart]:
    first = rows[0]["set"]
    variants = distinct(rows, "variant")

    def of(inputs: str, variant: str) -> Rows:
        return chosen(rows, set=first, inputs=inputs, variant=variant, regime="all")

    drawn = [one for one in CONDITIONS if chosen(rows, set=first, inputs=one)]
    return {
        "ablations": Chart(
            title=f"Ablations of the coupled network: {first}",
            label="RMSE [K]",
            places=tuple(variants),
            from_zero=False,
            series=tuple(series(f"inputs {one}", variants, partial(of, one)) for one in drawn),
        )
    }


_WORDS = """\
The network of the tier `surface` is trained without one term of its loss (docs/science/network.md), without the bounds
that make each output a possible atmosphere (and thus without the linear model), without the fitted linear model, and
without aerosol, continuum and gas year as additional inputs during training. The last column is the number of samples
without retrieved temperature over all seeds and conditions. The likelihood is for the predicted uncertainty, which
these tables do not show."""

SECTION = Section(name=NAME, title="Ablations", jobs=_jobs, text=_text, charts=_charts)
