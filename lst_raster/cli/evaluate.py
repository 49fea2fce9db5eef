"""`lst-raster evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show

if TYPE_CHECKING:
    from lst_raster.validation.evaluate import Evaluation


@click.command("evaluate", cls=Command)
@click.argument("model", shell_complete=options.models)
@click.argument("simulated", type=click.Path(path_type=Path))
@click.option("--noisy", is_flag=True, help="Add typical errors to the inputs (--json lists their sizes).")
@click.option("--per-profile", default=20, show_default=True, type=click.IntRange(min=1), help="Surfaces per profile.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the surfaces.")
@options.as_json
def evaluate(model: str, simulated: Path, noisy: bool, per_profile: int, seed: int, as_json: bool) -> None:
    """Evaluate MODEL (a shipped one by name, or a path) on the simulated set SIMULATED.

    The table lists root mean square, mean and mean absolute error in kelvin, over all samples and by class of water
    vapour [kg m-2], also of published methods on the same samples. Its last line is the fraction of the model's errors
    within the stated uncertainty (68 % is ideal).

    Examples
    --------
    lst-raster evaluate landsat8-b10/surface simulated/test.nc --noisy
    """
    from lst_raster.inference.model import Model
    from lst_raster.profiles.sampling import InputErrors
    from lst_raster.profiles.simulated_set import read_simulated
    from lst_raster.validation.evaluate import evaluate as measure

    errors = InputErrors() if noisy else None
    result = measure(
        Model.load(model), read_simulated(simulated), per_profile=per_profile, seed=seed, input_errors=errors
    )
    show(result.as_dict(), _table(result), as_json)


def _table(result: Evaluation) -> Iterator[str]:
    inputs = "exact inputs" if result.input_errors is None else "noisy inputs"
    yield f"{result.model}: {result.profiles} profiles, {result.per_profile} surfaces each, {inputs}"
    classes = list(result.methods[result.model])
    width = max(len(name) for name in result.methods) + 2
    for key, label in (("rmse", "RMSE [K]"), ("bias", "bias [K]"), ("mae", "MAE [K]")):
        yield ""
        yield f"{label:<{width}}" + "".join(f"{name:>8}" for name in classes)
        for method, summaries in result.methods.items():
            yield f"{method:<{width}}" + "".join(f"{getattr(summaries[c], key):8.2f}" for c in classes)
    first = result.methods[result.model]
    fractions = ["-" if fraction is None else f"{100 * fraction:.0f}" for fraction in result.coverage.values()]
    yield ""
    yield f"{'samples':<{width}}" + "".join(f"{first[c].samples:8d}" for c in classes)
    yield f"{'within [%]':<{width}}" + "".join(f"{fraction:>8}" for fraction in fractions)
