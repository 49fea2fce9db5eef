"""The algorithm "Batch"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingException,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFolderDestination,
)

from . import forms
from .algorithm import LstRasterAlgorithm, load_when_done


class Batch(LstRasterAlgorithm):
    """Land surface temperature of many scenes."""

    command = "batch"
    title = "Retrieve LST of many scenes"
    form = forms.BATCH
    words = "batch,time series,scene list,STAC"
    help = (
        "<p>Land surface temperature, in kelvin, of many Landsat thermal scenes: files, a folder, or lists (CSV, "
        "STAC).</p>"
        "<p>Emissivity and air are the same question as for one scene, and hold for all. A scene that fails does not "
        "keep the others from being done; the folder gets a report and a log for each scene. What was done by an "
        "earlier run is kept.</p>"
    )

    def add_outputs(self) -> None:
        self.addParameter(QgsProcessingParameterBoolean("LOAD", "Open the products", False))
        self.addParameter(QgsProcessingParameterFolderDestination("OUTPUT", "Folder of the products"))
        self.addOutput(QgsProcessingOutputMultipleLayers("PRODUCTS", "Products"))
        self.addOutput(QgsProcessingOutputNumber("FAILED", "Scenes that failed"))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        folder = Path(self.parameterAsString(parameters, "OUTPUT", context))
        folder.mkdir(parents=True, exist_ok=True)
        before = _written(folder)
        try:
            if self.run_command(feedback, "--output", str(folder)) is None:
                return {}
        except QgsProcessingException as error:
            if _written(folder) == before or not _products(folder):
                raise
            feedback.reportError(str(error), False)  # scenes that failed do not lose the others
        products = _products(folder)
        if self.parameterAsBool(parameters, "LOAD", context):
            for path in products:
                load_when_done(context, path, Path(path).stem, "PRODUCTS")
        return {"OUTPUT": str(folder), "PRODUCTS": products, "FAILED": _counts(folder).get("failed", 0)}


def _written(folder: Path) -> int:
    """When the report was written; 0 where there is none."""
    report = folder / "report.json"
    return report.stat().st_mtime_ns if report.is_file() else 0


def _report(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _products(folder: Path) -> list[str]:
    return [str(scene["product"]) for scene in _report(folder).get("scenes", []) if scene.get("product")]


def _counts(folder: Path) -> dict[str, int]:
    return dict(_report(folder).get("counts", {}))
