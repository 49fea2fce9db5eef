"""Models for custom sensor bands, trained with the settings of the shipped models."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.network.train import CONFIG, train_model
from lst_raster.network.training_loop import Progress
from lst_raster.resources import user_path
from lst_raster.sensors.bands import response_path, sensor_band
from lst_raster.sensors.custom import SIMULATED

STEPS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"column": (1500, 1500), "surface": (1500, 1500), "profile": (3000, 1500)}
)
"""Gradient steps of each tier's network and of its calibration, as for the shipped models."""

_TEMPLATE = """\
# To rebuild:  lst-raster train --sensor {sensor} --tier {tier} --overwrite{steps_option}
# with the output of lst-raster simulate for the profiles named in the model card.
sensor = "{sensor}"
tier = "{tier}"
version = "1"
seed = 0

[data]
train = "{data}"

[optimiser]
steps = {steps}

[calibration]
steps = {calibration}
"""


def config_text(sensor: str, tier: str, data: str, steps: int | None = None) -> str:
    """Write the configuration of a training run on the simulated set `data`; `steps` scales the calibration's too."""
    default, calibration = STEPS[tier]
    return _TEMPLATE.format(
        sensor=sensor,
        tier=tier,
        data=data,
        steps=steps or default,
        calibration=calibration if steps is None else max(1, calibration * steps // default),
        steps_option="" if steps is None else f" --steps {steps}",
    )


def train_custom_sensor(
    sensor: str, tier: str, *, simulated: Path | None = None, output: Path | None = None, steps: int | None = None,
    overwrite: bool = False, progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Train one tier (a key of `STEPS`) for a sensor band, and return the folder of the model and its metrics.

    The default of `simulated` is the simulated set in the folder of the custom sensor, of `output` the folder
    ``models/SENSOR/TIER`` in the user's folder, where `retrieve` finds it, and of `steps` that of the shipped models.
    Raises InputNotFoundError without a simulated set, InputError for a shipped sensor without data or output, and the
    errors of `train_model`.
    """
    band = sensor_band(sensor)
    if not band.is_custom and (simulated is None or output is None):
        raise InputError(f"{band.name} comes with the package and its models; to train others give --data and -o")
    source = simulated or response_path(band.name).with_name(SIMULATED)
    if not source.is_file():
        raise InputNotFoundError(f"{source} does not exist; make it: lst-raster simulate --sensor {band.name}")
    target = output or user_path("models", band.name, tier)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / CONFIG
        config.write_text(config_text(band.name, tier, source.name, steps), encoding="utf-8")
        metrics = train_model(config, target, data=source.parent, overwrite=overwrite, progress=progress)
    return target, metrics
