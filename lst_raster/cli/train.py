"""``lst-raster train``: from simulated sets to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from lst_raster.cli import options
from lst_raster.cli.progress import progress_bar
from lst_raster.cli.results import show


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write the model to.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the simulated sets [default: CONFIG's].")
@click.option("--overwrite", is_flag=True, help="Replace a model that is there already.")
@options.quiet
@options.as_json
def train(config: Path, output: Path, data: Path | None, overwrite: bool, quiet: bool, as_json: bool) -> None:
    """Train a model as the TOML file CONFIG says, and measure it on held-out simulated sets.

    The folder gets model.onnx, atmosphere.onnx, metrics.json, MODEL_CARD.md and a copy of CONFIG.
    """
    from lst_raster._resources import require

    for module in ("torch", "onnx"):
        require(module, "train")
    from lst_raster.training.run import train_model

    with progress_bar("Training", quiet=quiet) as progress:
        metrics = train_model(config, output, data=data, overwrite=overwrite, progress=progress)
    show({"model": output, "metrics": metrics}, [*_lines(metrics), output], as_json)


def _lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    for title, result in metrics.items():
        errors = result["lst"]["all"]
        yield f"{title}: RMSE {errors['rmse']:.2f} K, bias {errors['bias']:+.2f} K, {result['profiles']} profiles"
