"""The algorithm "Retrieve LST"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingOutputRasterLayer,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterRasterDestination,
)

from . import forms
from .algorithm import LstRasterAlgorithm, load_when_done, style_when_loaded

_BESIDE = {"UNCERTAINTY": ("_UNC.tif", "LST uncertainty"), "QUALITY": ("_QA.tif", "LST quality")}


class Retrieve(LstRasterAlgorithm):
    """Land surface temperature of one scene."""

    command = "retrieve"
    title = "Retrieve LST"
    form = forms.RETRIEVE
    words = "surface temperature,single channel,emissivity,water vapour,heat,urban heat island"
    help = (
        "<p>Land surface temperature, in kelvin, of a single-band Landsat thermal scene (Landsat 4 to 9, Level 1).</p>"
        "<p>Give the thermal band, or a whole product, and what you know of the air and the ground. What is not given "
        "is assumed, with a warning: the standard atmosphere of latitude and season, and an emissivity of 0.97. Water "
        "vapour and air temperature matter most; a reanalysis with levels of pressure is best.</p>"
        "<p>Beside the temperature lie its uncertainty (_UNC.tif), its quality bits (_QA.tif), a STAC item and a "
        "picture. Clouds have no temperature, where the scene has a quality band.</p>"
    )

    def add_outputs(self) -> None:
        loading = QgsProcessingParameterBoolean("LOAD_ALL", "Open uncertainty and quality band as well", False)
        self.addParameter(loading)
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Land surface temperature"))
        for name, (_, label) in _BESIDE.items():
            self.addOutput(QgsProcessingOutputRasterLayer(name, label))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        path = self.raster_destination(parameters, context)
        lines = self.run_command(feedback, "--overwrite", "--output", path)
        if lines is None:
            return {}
        style_when_loaded(context, path)
        found = {"OUTPUT": path}
        for name, (suffix, label) in _BESIDE.items():
            beside = str(Path(path).with_suffix("")) + suffix
            if Path(beside).is_file() and not self._values["LST_ONLY"]:
                found[name] = beside
                if self.parameterAsBool(parameters, "LOAD_ALL", context):
                    load_when_done(context, beside, label, name)
        return found
