"""Arguments of `retrieve` that the scenes of a batch share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from lst_raster.engine.product.files import OutputForm
from lst_raster.inference.model import Model
from lst_raster.scene.fields import Source


class RetrieveOptions(TypedDict, total=False):
    """Arguments of `retrieve`, each as there: all but the scene, where it goes, and its progress."""

    emissivity: Source | Sequence[Source] | None
    water_vapour: Source | None
    air_temperature: Source | None
    surface_pressure: Source | None
    reanalysis: str | Path | Sequence[str | Path]
    dem: Source | None
    align: bool
    model: Model | str | Path | None
    mask_clouds: bool
    mask_dilation: float
    form: OutputForm
    exact: bool
    threads: int | None
    overwrite: bool
