"""A training run from a TOML file to a folder with a model."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lst_raster.errors import ConfigError, OutputError
from lst_raster.inference.contract import GRAPHS
from lst_raster.network.calibration import Calibration
from lst_raster.network.config import TrainingConfig, read_config
from lst_raster.network.data import read_sets, split_sets, training_set
from lst_raster.network.measure import FOLDS, calibrate, fold_steps, measure, part_of
from lst_raster.network.model import CoupledNetwork
from lst_raster.network.model_card import contract_of, model_card, plain, provenance, valid_ranges
from lst_raster.network.onnx_export import AtmosphereGraph, RetrievalGraph, export_onnx
from lst_raster.network.training_loop import Progress, train
from lst_raster.profiles.simulated_set import SimulatedSet

CONFIG, METRICS, CARD = "train.toml", "metrics.json", "MODEL_CARD.md"
FILES = (*GRAPHS.values(), CONFIG, METRICS, CARD)
"""What a run writes."""
VALIDATION = "validation"  # title of the validation profiles among the metrics


def train_model(
    config_path: Path,
    output: Path,
    *,
    data: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a model as a configuration says, measure it, and write it to a folder.

    Parameters
    ----------
    config_path : Path
        TOML file (`lst_raster.network.config`).
    output : Path
        Folder to write `FILES` to; nothing is written unless the run comes to its end.
    data : Path, optional
        Folder of the simulated sets, by default that of the TOML file.
    overwrite : bool
        Replace files of an earlier run.
    progress : callable, optional
        Called with the steps done and their total; returns False to stop the run.

    Returns
    -------
    dict
        The metrics: title of a held-out set to what `lst_raster.network.measure.measure` finds.

    Raises
    ------
    ConfigError, UnknownSensorError
        The configuration is not understood, or a set is of another sensor band.
    InputNotFoundError, InputError
        A file does not exist or is not a simulated set.
    OutputError
        The folder holds a model already, or cannot be written.
    CancelledError
        `progress` asked to stop.
    """
    config = read_config(config_path)
    folder = config_path.parent if data is None else data
    _refuse_existing(output, overwrite)
    whole, learnt, checked = _read(config, folder)
    tests = {
        title: read_sets([path], folder, config.sensor)[0] for title, path in config.data.test.items()
    }  # read before the training: a wrong path should not cost its minutes
    with _staging(output) as stage:  # opened first: nor should an unwritable folder
        first, total = config.optimiser.steps, config.optimiser.steps + FOLDS * fold_steps(config)
        network = train(training_set(learnt, config), config, part_of(progress, 0, total))
        calibration = calibrate(network, whole, config, part_of(progress, first, total))
        held_out = _held_out(checked, tests)
        metrics = {title: measure(network, simulated, calibration) for title, simulated in held_out.items()}
        ranges = valid_ranges(network, learnt)
        about = {
            "training": provenance(config, folder, learnt, checked),
            "calibration": asdict(calibration),
            "metrics": metrics,
        }
        _write_model(network, calibration, {kind: contract_of(kind, config, ranges) | about for kind in GRAPHS}, stage)
        (stage / METRICS).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        shutil.copyfile(config_path, stage / CONFIG)
    return metrics


def _read(config: TrainingConfig, folder: Path) -> tuple[list[SimulatedSet], ...]:
    """Read the sets of the training whole, what of them is learnt, and what validates; empty ones are left out."""
    whole = read_sets(config.data.train, folder, config.sensor)
    learnt, checked = split_sets(whole)
    checked += read_sets(config.data.validation, folder, config.sensor)
    learnt, checked = [one for one in learnt if len(one)], [one for one in checked if len(one)]
    if not learnt:
        raise ConfigError("data.train has no profile to learn from; give a simulated set with split = 0")
    return whole, learnt, checked


def _held_out(checked: list[SimulatedSet], tests: Mapping[str, SimulatedSet]) -> dict[str, SimulatedSet]:
    names = [VALIDATION, *(f"{VALIDATION} {number}" for number in range(2, len(checked) + 1))]
    return dict(zip(names, checked, strict=False)) | dict(tests)


def _write_model(
    network: CoupledNetwork, calibration: Calibration, metadata: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    modules = {
        "retrieval": RetrievalGraph(network, calibration),
        "atmosphere": AtmosphereGraph(network, calibration),
    }
    for kind, about in metadata.items():
        inputs, outputs = ([one["name"] for one in about[key]] for key in ("inputs", "outputs"))
        export_onnx(modules[kind], inputs, outputs, plain(about), folder / GRAPHS[kind])
    (folder / CARD).write_text(model_card(metadata["retrieval"]), encoding="utf-8")


def _refuse_existing(output: Path, overwrite: bool) -> None:
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file; give a folder")
    found = [name for name in FILES if (output / name).exists()]
    if found and not overwrite:
        raise OutputError(f"{output} holds {', '.join(found)} already; pass --overwrite to replace the model")


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """Yield a folder beside the output, and move what is in it there once all of it is written."""
    stage = output.parent / f".{output.name}.{secrets.token_hex(8)}.tmp"
    try:
        stage.mkdir(parents=True)
        yield stage
        output.mkdir(exist_ok=True)
        for path in sorted(stage.iterdir()):
            path.replace(output / path.name)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
