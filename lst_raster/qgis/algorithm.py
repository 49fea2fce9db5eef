"""Base class of the algorithms: parameters from a form, the program in a subprocess, its messages as feedback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingLayerPostProcessorInterface,
    QgsSettings,
)

from .forms import Form
from .parameters import definition, value
from .program import Cancelled, ProgramError, environment, find_program, run_program, shown, version_warning

SETTING = "LST_RASTER_PROGRAM"
"""Name of the setting with the path of the program."""


def configured_program() -> list[str]:
    """Command that starts the program; raises ProgramError if it is not found."""
    return find_program(str(QgsSettings().value(f"Processing/Configuration/{SETTING}") or ""))


class LstRasterAlgorithm(QgsProcessingAlgorithm):
    """Algorithm that runs a command of `lst-raster`."""

    command = ""
    title = ""  # in the toolbox
    form = Form(options=())
    help = ""  # HTML
    keywords = ""  # for the search, separated by commas

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, Any] = {}

    def name(self) -> str:
        return self.command

    def displayName(self) -> str:
        return self.title

    def shortHelpString(self) -> str:
        return self.help

    def shortDescription(self) -> str:
        return self.help.partition("</p>")[0].replace("<p>", "")

    def tags(self) -> list[str]:
        return ["lst", "landsat", "thermal", "temperature", *self.keywords.split(",")]

    def createInstance(self) -> LstRasterAlgorithm:
        return type(self)()

    def initAlgorithm(self, configuration: Any = None) -> None:
        for option in self.form.options:
            self.addParameter(definition(option))
        self.add_outputs()

    def add_outputs(self) -> None:
        """Add destinations and outputs."""
        raise NotImplementedError

    def prepareAlgorithm(self, parameters: dict[str, Any], context: Any, feedback: Any) -> bool:
        """Read the form; layers are accessible in the main thread only, which calls this method."""
        self._values = {option.name: value(option, self, parameters, context) for option in self.form.options}
        problem = self.form.problem(self._values)
        if problem:
            raise QgsProcessingException(problem)
        return True

    def raster_destination(self, parameters: dict[str, Any], context: Any) -> str:
        """Path of the output raster."""
        path = str(self.parameterAsOutputLayer(parameters, "OUTPUT", context))
        if not path.lower().endswith(".tif"):
            raise QgsProcessingException(f"the output {path} is not a GeoTIFF; give it a name that ends in .tif")
        return path

    def run_command(self, feedback: Any, *extra: str) -> list[str] | None:
        """Run the command with the values of the form and extra options.

        Returns the lines of its standard output, or None if the user has cancelled. Raises QgsProcessingException with
        the program's message if it fails.
        """
        try:
            program = configured_program()
            warning = version_warning(program)
            if warning:
                feedback.pushWarning(warning)
            arguments = [self.command, *self.form.arguments(self._values, *extra)]
            feedback.pushCommandInfo(shown([*program, *arguments]))
            command = [*program, "--messages", "json", "--stop-with-input", *arguments]
            return run_program(command, environment(), feedback)
        except Cancelled:
            feedback.pushInfo("Cancelled; incomplete files were removed")
            return None
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error


class SidecarStyle(QgsProcessingLayerPostProcessorInterface):
    """Applies the style file with the name of the layer's file."""

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        style = Path(layer.source()).with_suffix(".qml")
        if style.is_file():
            layer.loadNamedStyle(os.fspath(style))
            layer.triggerRepaint()


SIDECAR_STYLE = SidecarStyle()
"""The only instance: QGIS keeps no reference to it."""


def style_when_loaded(context: Any, path: str) -> None:
    """Style a layer after loading, if QGIS will load it."""
    if context.willLoadLayerOnCompletion(path):
        context.layerToLoadOnCompletionDetails(path).setPostProcessor(SIDECAR_STYLE)


def load_when_done(context: Any, path: str, name: str, output: str) -> None:
    """Load a file, with its style, at the end of the algorithm, if there is a project."""
    project = context.project()
    if project is not None and Path(path).exists():
        context.addLayerToLoadOnCompletion(path, QgsProcessingContext.LayerDetails(name, project, output))
        style_when_loaded(context, path)
