"""The algorithm "Composite"."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterRasterDestination

from . import forms
from .algorithm import LstRasterAlgorithm, style_when_loaded


class Composite(LstRasterAlgorithm):
    """Products combined over time."""

    command = "composite"
    title = "Composite of surface temperatures"
    form = forms.COMPOSITE
    words = "mosaic,mean,median,percentile,season,time series"
    help = (
        "<p>One raster out of many products: mean, median, percentile, maximum, minimum, standard deviation, count or "
        "uncertainty-weighted mean of each pixel over time.</p>"
        "<p>Pixels without a temperature, such as clouds, do not count.</p>"
    )

    def add_outputs(self) -> None:
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Composite"))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        path = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        lines = self.run_command(feedback, "--overwrite", "--output", path)
        if lines is None:
            return {}
        style_when_loaded(context, path)
        return {"OUTPUT": path}
