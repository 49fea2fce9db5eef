"""Training runs: from a TOML configuration to a model folder, also for custom sensor bands."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from lst_raster.errors import ConfigError, InputError, InputNotFoundError, OutputError
from lst_raster.inference.contract import GRAPHS
from lst_raster.network.config import CalibrationConfig, OptimiserConfig, TrainingConfig, read_config
from lst_raster.network.data import read_sets, training_set
from lst_raster.network.measure import FOLDS, calibrate, fold_steps, measure, measure_folds, train_folds
from lst_raster.network.methods import train
from lst_raster.network.model import Calibration, CoupledNetwork
from lst_raster.network.model_card import contract_of, model_card, provenance, to_json, valid_ranges
from lst_raster.network.onnx_export import AtmosphereGraph, RetrievalGraph, TwoBandRetrievalGraph, export_onnx
from lst_raster.network.training_loop import Progress, offset_progress
from lst_raster.network.two_bands import TwoBandNetwork
from lst_raster.physics.uncertainty import noise_radiance
from lst_raster.resources import user_path
from lst_raster.sensors.bands import response_path, second_band, sensor_band
from lst_raster.sensors.custom import SIMULATED

CONFIG, METRICS, CARD = "train.toml", "metrics.json", "MODEL_CARD.md"
FILES = (*GRAPHS.values(), CONFIG, METRICS, CARD)  # files that a run writes
CROSS_VALIDATION = "cross-validation"  # title of the folds among the metrics


def train_model(
    config_path: Path, output: Path, *, data: Path | None = None, overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train a model from a configuration file, evaluate it, write `FILES` to a folder, and return the metrics.

    `data` is the folder of the simulated sets, by default that of the TOML file. `progress` is called with the steps
    done and their total. Nothing is written unless the run completes. The result maps `CROSS_VALIDATION` and the title
    of each held-out set to metrics (`lst_raster.network.measure.measure`).

    Raises ConfigError and UnknownSensorError for an invalid configuration, InputNotFoundError and InputError for a
    missing or invalid simulated set, OutputError where the folder contains a model or cannot be written, and
    CancelledError when `progress` returns False.
    """
    config = read_config(config_path)
    folder = config_path.parent if data is None else data
    _check_output(output, overwrite)

    # Read the test sets and create the output folder first: errors are raised before minutes of training.
    sources = config.data
    sets = read_sets(sources.train, sources.second_train, folder, config)
    if not sets:
        raise ConfigError("data.train is empty; give a simulated set")
    seconds = [sources.second_test[title] for title in sources.test if title in sources.second_test]
    held_out = dict(zip(sources.test, read_sets(list(sources.test.values()), seconds, folder, config), strict=True))

    with _staging(output) as stage:
        steps, total = config.optimiser.steps, config.optimiser.steps + FOLDS * fold_steps(config)
        network = train(training_set(sets, config), config, offset_progress(progress, 0, total))
        folds = train_folds(sets, config, offset_progress(progress, steps, total))
        calibration = calibrate(network, folds)
        metrics = {CROSS_VALIDATION: measure_folds(folds, network, calibration)} if folds else {}
        metrics |= {title: measure(network, simulated, calibration) for title, simulated in held_out.items()}

        ranges = valid_ranges(network, sets)
        record = {
            "training": provenance(config, folder, sets),
            "calibration": asdict(calibration),
            "metrics": metrics,
        }
        graphs = {"retrieval": _retrieval_graph(network, config, calibration)}
        graphs["atmosphere"] = AtmosphereGraph(network, calibration)
        for kind, graph in graphs.items():
            metadata = contract_of(kind, config, ranges) | record
            inputs, outputs = ([one["name"] for one in metadata[key]] for key in ("inputs", "outputs"))
            export_onnx(graph, inputs, outputs, to_json(metadata), stage / GRAPHS[kind])
        card = model_card(contract_of("retrieval", config, ranges) | record)
        (stage / CARD).write_text(card, encoding="utf-8")
        (stage / METRICS).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        shutil.copyfile(config_path, stage / CONFIG)
    return metrics


def _retrieval_graph(network: CoupledNetwork, config: TrainingConfig, calibration: Calibration) -> nn.Module:
    if not isinstance(network, TwoBandNetwork):
        return RetrievalGraph(network, calibration)
    other = second_band(config.sensor)
    assert other is not None
    noise = [float(noise_radiance(band.noise, band.planck)) for band in (sensor_band(config.sensor), other)]
    return TwoBandRetrievalGraph(network, (noise[0], noise[1]), calibration)


def _check_output(output: Path, overwrite: bool) -> None:
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file; give a folder")
    existing = [name for name in FILES if (output / name).exists()]
    if existing and not overwrite:
        raise OutputError(f"{output} contains {', '.join(existing)} already; pass --overwrite to replace the model")


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """Yield a temporary folder next to the output, and move its files there when the block completes."""
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


_TEMPLATE = """\
# To rebuild:  lst-raster train --sensor {sensor} --tier {tier} --overwrite{steps_option}
# with the output of lst-raster simulate for the profiles named in the model card.
sensor = "{sensor}"
tier = "{tier}"
version = "1"
seed = 0

[data]
train = "{data}"
"""
_FEWER = """
[optimiser]
steps = {steps}

[calibration]
steps = {calibration}
"""


def config_text(sensor: str, tier: str, data: str, steps: int | None = None) -> str:
    """Configuration of a training run as TOML; `data` is the simulated set, `steps` scales the calibration's too."""
    text = _TEMPLATE.format(
        sensor=sensor, tier=tier, data=data, steps_option="" if steps is None else f" --steps {steps}"
    )
    if steps is None:
        return text
    calibration = max(1, CalibrationConfig().steps * steps // OptimiserConfig().steps)
    return text + _FEWER.format(steps=steps, calibration=calibration)


def train_custom_sensor(
    sensor: str, tier: str, *, simulated: Path | None = None, output: Path | None = None, steps: int | None = None,
    overwrite: bool = False, progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Train one tier (a key of `TIERS`) for a sensor band, and return the folder of the model and its metrics.

    Defaults: `simulated` is the simulated set in the folder of the custom sensor; `output` is the folder
    ``models/SENSOR/TIER`` in the user's data folder, where `retrieve` searches for models; `steps` are those of the
    shipped models. Raises InputNotFoundError without a simulated set, InputError for a shipped sensor without data or
    output, and the errors of `train_model`.
    """
    band = sensor_band(sensor)
    if not band.is_custom and (simulated is None or output is None):
        raise InputError(f"{band.name} is a shipped sensor band with models; to train another, give --data and -o")
    source = simulated or response_path(band.name).with_name(SIMULATED)
    if not source.is_file():
        raise InputNotFoundError(f"{source} does not exist; create it with lst-raster simulate --sensor {band.name}")
    target = output or user_path("models", band.name, tier)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / CONFIG
        config.write_text(config_text(band.name, tier, source.name, steps), encoding="utf-8")
        metrics = train_model(config, target, data=source.parent, overwrite=overwrite, progress=progress)
    return target, metrics
