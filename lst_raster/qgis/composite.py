"""The algorithm "Composite"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingOutputRasterLayer, QgsProcessingParameterRasterDestination

from . import forms
from .algorithm import LstRasterAlgorithm, style_when_loaded


class Composite(LstRasterAlgorithm):
    """Products combined over time."""

    command = "composite"
    title = "Composite of surface temperatures"
    form = forms.COMPOSITE
    words = "mosaic,mean,median,percentile,season,time series"
    help = (
        "<p>One raster out of many products: median, mean, percentile, maximum, minimum, standard deviation, count or "
        "uncertainty-weighted mean of each pixel over time.</p>"
        "<p>Pixels without a temperature, such as clouds, do not count. The number of dates of each pixel lies beside "
        "the raster, _COUNT.tif.</p>"
    )

    def add_outputs(self) -> None:
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Composite"))
        self.addOutput(QgsProcessingOutputRasterLayer("COUNT", "Number of dates"))

    def prepareAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> bool:
        well = super().prepareAlgorithm(parameters, context, feedback)
        if self._values["STATISTIC"] != "percentile":  # it may be left from before
            self._values["PERCENTILE"] = None
        return well

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        path = self.raster_destination(parameters, context)
        lines = self.run_command(feedback, "--overwrite", "--output", path)
        if lines is None:
            return {}
        style_when_loaded(context, path)
        counts = [line for line in lines if line.endswith("_COUNT.tif") and Path(line).is_file()]
        return {"OUTPUT": path, **({"COUNT": counts[0]} if counts else {})}
