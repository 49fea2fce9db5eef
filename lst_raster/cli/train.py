"""`lst-raster train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.command import Command, show
from lst_raster.cli.progress import progress_bar

_TIERS = ("column", "surface", "profile")


@click.command("train", cls=Command)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--sensor", metavar="NAME", help="Custom sensor band to train for, without CONFIG.")
@click.option(
    "--tier", "tiers", multiple=True, type=click.Choice(_TIERS), help="With --sensor. Repeatable. [default: all]"
)
@click.option("--steps", type=click.IntRange(min=10), metavar="N", help="With --sensor: fewer steps, for a trial.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder to write the model to. [default with --sensor: where retrieve finds it]",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Folder of the simulated sets [default: as in CONFIG]; with --sensor the simulated set.",
)  # fmt: skip
@options.overwrite
@options.quiet
@options.as_json
def train(
    config: Path | None, sensor: str | None, tiers: tuple[str, ...], steps: int | None, output: Path | None,
    data: Path | None, overwrite: bool, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Train a model as specified in the TOML file CONFIG, and evaluate it on held-out simulated sets.

    With --sensor NAME no CONFIG is needed: all tiers are trained like the shipped models on the output of lst-raster
    simulate --sensor NAME, and evaluated on the profiles of the validation regions. The folder contains model.onnx,
    atmosphere.onnx, metrics.json, MODEL_CARD.md and a copy of CONFIG.

    Examples
    --------
    lst-raster train train.toml --data simulated -o my-model
    lst-raster train --sensor my-band --tier surface
    """
    from lst_raster.resources import require

    if (config is None) == (sensor is None):
        raise click.UsageError("give CONFIG, or --sensor NAME for a custom sensor band, not both")
    for module in ("torch", "onnx"):
        require(module, "train")
    from lst_raster.network.train import train_custom_sensor, train_model

    made: list[tuple[Path, Mapping[str, Any]]] = []
    if config is None:
        for tier in tiers or _TIERS:
            folder = output / tier if output else None
            with progress_bar(f"Training {tier}", quiet=quiet) as progress:
                trained = train_custom_sensor(
                    str(sensor), tier, simulated=data, output=folder, steps=steps, overwrite=overwrite,
                    progress=progress,
                )  # fmt: skip
            made.append(trained)
    elif output is None:
        raise click.UsageError("give the folder of the model with -o")
    elif tiers or steps:
        raise click.UsageError("--tier and --steps are for --sensor; set them in CONFIG")
    else:
        with progress_bar("Training", quiet=quiet) as progress:
            made.append((output, train_model(config, output, data=data, overwrite=overwrite, progress=progress)))
    models = [{"model": folder, "metrics": metrics} for folder, metrics in made]
    lines: list[object] = []
    for folder, metrics in made:
        for title, result in metrics.items():
            rmse, bias = result["lst"]["all"]["rmse"], result["lst"]["all"]["bias"]
            lines.append(f"{title}: RMSE {rmse:.2f} K, bias {bias:+.2f} K, {result['profiles']} profiles")
        lines.append(folder)
    show(models[0] if config is not None else {"models": models}, lines, as_json)
