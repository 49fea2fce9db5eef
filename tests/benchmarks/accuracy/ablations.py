"""Ablations: the coupled network without one of its parts, or with other inputs from the scene."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from lst_raster.profiles.simulated_set import HUMID
from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.fits import COUPLED, NO_MECHANISM, SEES_BOTH, SEES_NEITHER, SEES_PIXEL, UNBOUNDED
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import Rows, headline, measure
from tests.benchmarks.accuracy.section import Section
from tests.benchmarks.accuracy.setting import Selection, Setting
from tests.benchmarks.accuracy.tables import chosen, distinct, markdown, number, series

NAME, TIER = "ablations", "surface"
COMPLETE = "complete network"
_TERMS = ("transmittance", "upwelling_radiance", "downwelling_radiance")

VARIANTS: Mapping[str, tuple[str, Mapping[str, float]]] = MappingProxyType(
    {
        COMPLETE: (COUPLED, {}),
        "without the loss on the temperature": (COUPLED, {"lst": 0.0}),
        "without the loss on all three terms": (COUPLED, dict.fromkeys(_TERMS, 0.0)),
        "without the closure": (COUPLED, {"closure": 0.0}),
        "without the likelihood": (COUPLED, {"likelihood": 0.0}),
        "only the loss on the temperature": (
            COUPLED, dict.fromkeys((*_TERMS, "closure", "likelihood"), 0.0),
        ),
        "without bounds on the atmosphere": (UNBOUNDED, {}),
        "without the fitted linear model": (NO_MECHANISM, {}),
        "without the temperature of the neighbourhood": (SEES_NEITHER, {}),
        "with that of the pixel in its place": (SEES_PIXEL, {}),
        "with that of the pixel too": (SEES_BOTH, {}),
    }
)  # fmt: skip
"""Variants by name: method, and non-default weights of the loss."""


def _jobs(setting: Setting) -> list[Job]:
    jobs, selection = [], Selection(source=setting.source_of(setting.first))
    for variant, (method, loss) in VARIANTS.items():
        for seed in range(setting.plan.fewer_seeds):
            facts = {"variant": variant, "method": method, "tier": TIER, "seed": seed}
            task = partial(measure, parts=headline, facts=facts, titles=(setting.first,))
            fit_spec = setting.shorter_fit(method, TIER, seed, loss)
            jobs.append(Job(section=NAME, retrieval=fit_spec, selection=selection, measure=task))
    return jobs


def _text(rows: Rows) -> str:
    names, lines = distinct(rows, "inputs"), []
    for variant in distinct(rows, "variant"):
        cells = []
        for name in names:
            found = chosen(rows, variant=variant, inputs=name)
            error = number(chosen(found, regime="all"), "rmse", digits=3, spread=True)
            cells.append(f"{error} / {number(chosen(found, regime=HUMID), 'mae')}")
        total = chosen(rows, variant=variant, regime="all")
        lines.append([variant, *cells, f"{sum(row['missing'] for row in total)}"])
    head = [f"{rows[0]['set']}: RMSE / MAE above 50 kg m-2 [K]", *names, "not retrieved"]
    return "\n\n".join([_WORDS, markdown(head, lines)])


def _charts(rows: Rows) -> Mapping[str, Chart]:
    variants = distinct(rows, "variant")

    def of(inputs: str, variant: str) -> Rows:
        return chosen(rows, inputs=inputs, variant=variant, regime="all")

    return {
        "ablations": Chart(
            title=f"Ablations of the coupled network: {rows[0]['set']}",
            label="RMSE [K]",
            places=tuple(variants),
            from_zero=False,
            series=tuple(series(f"inputs: {one}", variants, partial(of, one)) for one in distinct(rows, "inputs")),
        )
    }


_WORDS = """\
The network of the tier `surface` is trained without one term of its loss (docs/science/network.md), without the bounds
that make each output a possible atmosphere (and thus without the linear model), without the fitted linear model, and
with other temperatures of the scene as inputs of the network: none, or brightness temperature and emissivity of each
pixel, in place of or in addition to the brightness temperature of the neighbourhood. With the pixel the network could
not run on a coarse grid. In the sampling design the surfaces of the pixels are independent of their neighbourhood.
The last column is the number of samples without retrieved temperature over all seeds and conditions. The likelihood is
for the predicted uncertainty, which this table does not show."""

SECTION = Section(name=NAME, title="Ablations", jobs=_jobs, text=_text, charts=_charts)
