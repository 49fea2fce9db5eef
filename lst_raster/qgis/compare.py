"""The algorithm "Compare"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingException, QgsProcessingOutputNumber, QgsProcessingParameterFolderDestination

from . import forms
from .algorithm import LstRasterAlgorithm

_NUMBERS = {
    "COUNT": ("count", "Pixels compared"),
    "BIAS": ("bias", "Bias [K]"),
    "MEDIAN": ("median", "Median [K]"),
    "RMSE": ("rmse", "Root mean square difference [K]"),
    "SD": ("sd", "Standard deviation [K]"),
    "ROBUST_SD": ("robust_sd", "Robust standard deviation [K]"),
    "MINIMUM": ("minimum", "Minimum [K]"),
    "MAXIMUM": ("maximum", "Maximum [K]"),
    "CORRELATION": ("correlation", "Correlation"),
}


class Compare(LstRasterAlgorithm):
    """Two rasters of surface temperature beside each other."""

    command = "compare"
    title = "Compare surface temperatures"
    form = forms.COMPARE
    words = "difference,bias,rmse,validation,USGS"
    help = (
        "<p>How two rasters of surface temperature differ, A less B, in kelvin, over the pixels that have a value in "
        "both.</p>"
        "<p>Bias, median, RMSE, standard deviations and correlation are told in the log, and are outputs for models. "
        "With a folder, a map and a histogram of the differences are written as PNG.</p>"
    )

    def add_outputs(self) -> None:
        folder = QgsProcessingParameterFolderDestination("OUTPUT", "Folder for map and histogram", optional=True)
        folder.setCreateByDefault(False)
        self.addParameter(folder)
        for name, (_, label) in _NUMBERS.items():
            self.addOutput(QgsProcessingOutputNumber(name, label))

    def processAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        extra = ["--json"]
        folder = self.parameterAsString(parameters, "OUTPUT", context)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            extra += ["--output", folder, "--overwrite"]
        lines = self.run_command(feedback, *extra)
        if lines is None:
            return {}
        found = _read(lines)
        numbers = {name: found["difference"].get(key) for name, (key, _) in _NUMBERS.items()}
        for name, number in numbers.items():
            feedback.pushInfo(f"{_NUMBERS[name][1]}: {'none' if number is None else format(number, '.6g')}")
        return {**numbers, **({"OUTPUT": folder} if folder else {})}


def _read(lines: list[str]) -> dict[str, Any]:
    try:
        found = json.loads("\n".join(lines))
        found["difference"].get("bias")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise QgsProcessingException(f"lst-raster compare did not write the JSON it should: {error}") from error
    return dict(found)
