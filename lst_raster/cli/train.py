"""``lst-raster train``: from simulated sets to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import progress_bar

_TIERS = ("column", "surface", "profile")


@click.command(
    "train",
    cls=Command,
    examples="""
    lst-raster train train.toml --data simulated -o my-model
    lst-raster train --sensor my-band --tier surface
""",
)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--sensor", metavar="NAME", help="Sensor band of your own, to be trained without a CONFIG.")
@click.option(
    "--tier", "tiers", multiple=True, type=click.Choice(_TIERS), help="With --sensor; may be repeated. [default: all]"
)
@click.option("--steps", type=click.IntRange(min=10), metavar="N", help="With --sensor: fewer steps, for a trial.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder to write the model to. [default with --sensor: where retrieve finds it]",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Folder of the simulated sets [default: CONFIG's]; with --sensor the simulated set.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a model that is there already.")
@options.quiet
@options.as_json
def train(
    config: Path | None, sensor: str | None, tiers: tuple[str, ...], steps: int | None, output: Path | None,
    data: Path | None, overwrite: bool, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train a model as the TOML file CONFIG says, and measure it on held-out simulated sets.

    With --sensor NAME no CONFIG is needed: from what lst-raster simulate --sensor NAME made every tier is trained as
    the shipped models were, and the profiles of the validation regions measure it. The folder gets model.onnx,
    atmosphere.onnx, metrics.json, MODEL_CARD.md and a copy of CONFIG.
    """
    from lst_raster.resources import require

    if (config is None) == (sensor is None):
        raise click.UsageError("give CONFIG, or --sensor NAME for a sensor band of your own, and not both")
    for module in ("torch", "onnx"):
        require(module, "train")
    if config is not None:
        made = [_by_config(config, output, data, overwrite, quiet, given=tiers or steps)]
    else:
        made = [_own(str(sensor), tier, steps, output, data, overwrite, quiet) for tier in tiers or _TIERS]
    models = [{"model": folder, "metrics": metrics} for folder, metrics in made]
    lines = [line for folder, metrics in made for line in (*_lines(metrics), folder)]
    show(models[0] if config is not None else {"models": models}, lines, as_json)


def _own(
    sensor: str, tier: str, steps: int | None, output: Path | None, data: Path | None, overwrite: bool, quiet: bool
) -> tuple[Path, Mapping[str, Any]]:
    from lst_raster.network.train import train_custom_sensor

    with progress_bar(f"Training {tier}", quiet=quiet) as progress:
        return train_custom_sensor(
            sensor, tier, simulated=data, output=output / tier if output else None, steps=steps,
            overwrite=overwrite, progress=progress,
        )  # fmt: skip


def _by_config(
    config: Path, output: Path | None, data: Path | None, overwrite: bool, quiet: bool, given: Any
) -> tuple[Path, Mapping[str, Any]]:
    from lst_raster.network.train import train_model

    if output is None:
        raise click.UsageError("say by -o into which folder the model goes")
    if given:
        raise click.UsageError("--tier and --steps are for --sensor; write them into CONFIG")
    with progress_bar("Training", quiet=quiet) as progress:
        return output, train_model(config, output, data=data, overwrite=overwrite, progress=progress)


def _lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    for title, result in metrics.items():
        errors = result["lst"]["all"]
        yield f"{title}: RMSE {errors['rmse']:.2f} K, bias {errors['bias']:+.2f} K, {result['profiles']} profiles"
