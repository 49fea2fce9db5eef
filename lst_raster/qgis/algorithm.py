"""What the algorithms have in common: parameters from a form, the program as a child, its messages as feedback."""

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

from .child import Cancelled, ProgramError, run_program
from .options import Form
from .parameters import definition, value
from .program import environment, find_program, shown, version_warning

SETTING = "LST_RASTER_PROGRAM"
"""Name of the setting that holds the path of the program."""


class LstRasterAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that runs a command of `lst-raster`."""

    command = ""
    """The command."""
    title = ""
    """What the toolbox calls it."""
    form = Form(options=())
    """What it asks for."""
    help = ""
    """What the form tells, HTML."""
    words = ""
    """Words it is found by, parted by commas."""

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
        return ["lst", "landsat", "thermal", "temperature", *self.words.split(",")]

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
        """Read the form; layers may be looked at here alone, in the thread they live in."""
        self._values = {option.name: value(option, self, parameters, context) for option in self.form.options}
        problem = self.form.problem(self._values)
        if problem:
            raise QgsProcessingException(problem)
        return True

    def raster_destination(self, parameters: dict[str, Any], context: Any) -> str:
        """Path of the raster to be made."""
        path = str(self.parameterAsOutputLayer(parameters, "OUTPUT", context))
        if not path.lower().endswith(".tif"):
            raise QgsProcessingException(f"the raster {path} would be a GeoTIFF; give it a name that ends in .tif")
        return path

    def run_command(self, feedback: Any, *extra: str) -> list[str] | None:
        """Run the program.

        Parameters
        ----------
        feedback : QgsProcessingFeedback
            Is told what the program says.
        *extra : str
            Options that are not in the form.

        Returns
        -------
        list of str or None
            Lines of its standard output; None if the user has cancelled.

        Raises
        ------
        QgsProcessingException
            It failed; the message is the program's.
        """
        try:
            program = find_program(str(QgsSettings().value(f"Processing/Configuration/{SETTING}") or ""))
            warning = version_warning(program)
            if warning:
                feedback.pushWarning(warning)
            arguments = [self.command, *self.form.arguments(self._values, *extra)]
            feedback.pushCommandInfo(shown([*program, *arguments]))
            command = [*program, "--messages", "json", "--stop-with-input", *arguments]
            return run_program(command, environment(), feedback)
        except Cancelled:
            feedback.pushInfo("Cancelled; what was not finished is removed")
            return None
        except ProgramError as error:
            raise QgsProcessingException(str(error)) from error


class SidecarStyle(QgsProcessingLayerPostProcessorInterface):
    """Gives a layer the style that lies beside its file."""

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        style = Path(layer.source()).with_suffix(".qml")
        if style.is_file():
            layer.loadNamedStyle(os.fspath(style))
            layer.triggerRepaint()


SIDECAR_STYLE = SidecarStyle()
"""The one there is: QGIS keeps no reference to it."""


def style_when_loaded(context: Any, path: str) -> None:
    """Have a layer styled when QGIS loads it, if it does."""
    if context.willLoadLayerOnCompletion(path):
        context.layerToLoadOnCompletionDetails(path).setPostProcessor(SIDECAR_STYLE)


def load_when_done(context: Any, path: str, name: str, output: str) -> None:
    """Have QGIS load a file, with its style, where it shows layers."""
    project = context.project()
    if project is not None and Path(path).exists():
        context.addLayerToLoadOnCompletion(path, QgsProcessingContext.LayerDetails(name, project, output))
        style_when_loaded(context, path)
