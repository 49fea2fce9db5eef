"""``lst-raster evaluate``: measure a model on a simulated set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show

if TYPE_CHECKING:
    from lst_raster.validation.evaluate import Evaluation


@click.command(
    "evaluate",
    cls=Command,
    examples="""
    lst-raster evaluate landsat8-b10/surface simulated/test.nc --noisy
""",
)
@click.argument("model", shell_complete=options.models)
@click.argument("simulated", type=click.Path(path_type=Path))
@click.option("--noisy", is_flag=True, help="Put typical errors on the inputs (see --json for their size).")
@click.option("--per-profile", default=20, show_default=True, type=click.IntRange(min=1), help="Surfaces a profile.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the surfaces.")
@options.as_json
def evaluate(model: str, simulated: Path, noisy: bool, per_profile: int, seed: int, as_json: bool) -> None:
    """Measure MODEL (a shipped one by name, or a path) on the simulated set SIMULATED.

    The table gives root mean square, mean and mean absolute error in kelvin, in all and by class of water vapour
    [kg m-2], beside published methods on the same samples; then the share of the model's errors that lie within the
    uncertainty it states (68 % is right).
    """
    from lst_raster.inference.model import Model
    from lst_raster.profiles.sampling import InputErrors
    from lst_raster.profiles.simulated_set import read_simulated
    from lst_raster.validation.evaluate import evaluate as measure

    result = measure(
        Model.load(model),
        read_simulated(simulated),
        per_profile=per_profile,
        seed=seed,
        input_errors=InputErrors() if noisy else None,
    )
    show(result.as_dict(), _table(result), as_json)


def _table(result: Evaluation) -> Iterator[str]:
    inputs = "exact inputs" if result.input_errors is None else "noisy inputs"
    title = f"{result.model}: {result.profiles} profiles, {result.per_profile} surfaces each, {inputs}"
    classes = list(result.methods[result.model])
    width = max(len(name) for name in result.methods) + 2
    lines = [title]
    for key, label in (("rmse", "RMSE [K]"), ("bias", "bias [K]"), ("mae", "MAE [K]")):
        lines += ["", f"{label:<{width}}" + "".join(f"{name:>8}" for name in classes)]
        for method, summaries in result.methods.items():
            lines.append(f"{method:<{width}}" + "".join(f"{getattr(summaries[c], key):8.2f}" for c in classes))
    first = result.methods[result.model]
    lines += ["", f"{'samples':<{width}}" + "".join(f"{first[c].samples:8d}" for c in classes)]
    shares = "".join(f"{'-' if share is None else f'{100 * share:.0f}':>8}" for share in result.coverage.values())
    yield from [*lines, f"{'within [%]':<{width}}" + shares]
