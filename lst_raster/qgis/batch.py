"""The algorithm "Batch"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingOutputMultipleLayers,
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

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        folder = Path(self.parameterAsString(parameters, "OUTPUT", context))
        folder.mkdir(parents=True, exist_ok=True)
        lines = self.run_command(feedback, "--output", str(folder))
        if lines is None:
            return {}
        products = [line for line in lines if line.endswith(".tif") and Path(line).is_file()]
        if self.parameterAsBool(parameters, "LOAD", context):
            for path in products:
                load_when_done(context, path, Path(path).stem, "PRODUCTS")
        return {"OUTPUT": str(folder), "PRODUCTS": products}
