"""Base class of the algorithms: parameters from a form, the program in a subprocess, its messages as feedback."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from qgis import core

from .forms import Form, Option, address, bounding_box, vector_file
from .program import Cancelled, ProgramError, environment, find_program, run_program, shown, version_warning

SETTING = "LST_RASTER_PROGRAM"
"""Name of the setting with the path of the program."""
_STEPS = 40  # intervals along each side of an extent in which it is converted to degrees
_FAR = 720.0  # coordinates beyond are not degrees


def configured_program() -> list[str]:
    """Command that starts the program; raises ProgramError if it is not found."""
    return find_program(str(core.QgsSettings().value(f"Processing/Configuration/{SETTING}") or ""))


def definition(option: Option) -> core.QgsProcessingParameterDefinition:
    """Make the parameter of an option, with the widget for its kind."""
    parameter = _parameter(option)
    parameter.setHelp(option.help)
    if option.advanced:
        parameter.setFlags(parameter.flags() | core.QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return parameter


def _parameter(option: Option) -> core.QgsProcessingParameterDefinition:
    name, label, kind, optional = option.name, option.label, option.kind, option.optional
    if kind in ("number", "integer"):
        number = core.QgsProcessingParameterNumber
        type_ = number.Type.Integer if kind == "integer" else number.Type.Double
        limits = dict(zip(("minValue", "maxValue"), option.limits))
        return number(name, label, type_, option.default, optional, **limits)
    if kind == "switch":
        return core.QgsProcessingParameterBoolean(name, label, option.default)
    if kind == "choice":
        return core.QgsProcessingParameterEnum(name, label, list(option.choices), False, option.default, optional, True)
    if kind in ("files", "layers"):
        source = core.QgsProcessing.SourceType
        type_ = source.TypeRaster if kind == "layers" else source.TypeFile
        return core.QgsProcessingParameterMultipleLayers(name, label, type_, optional=optional)
    if kind in ("file", "folder"):
        behavior = core.QgsProcessingParameterFile.Behavior
        type_ = behavior.Folder if kind == "folder" else behavior.File
        return core.QgsProcessingParameterFile(name, label, type_, optional=optional)
    if kind == "layer":
        return core.QgsProcessingParameterRasterLayer(name, label, optional=optional)
    if kind in ("points", "polygons"):
        source = core.QgsProcessing.SourceType
        type_ = source.TypeVectorPoint if kind == "points" else source.TypeVectorPolygon
        return core.QgsProcessingParameterVectorLayer(name, label, [type_], optional=optional)
    if kind == "crs":
        return core.QgsProcessingParameterCrs(name, label, optional=optional)
    if kind == "extent":
        return core.QgsProcessingParameterExtent(name, label, optional=optional)
    return core.QgsProcessingParameterString(name, label, option.default, optional=optional)


_READERS = {
    **dict.fromkeys(("text", "list", "words", "file", "folder"), "parameterAsString"),
    "number": "parameterAsDouble",
    "integer": "parameterAsInt",
    "switch": "parameterAsBool",
    "choice": "parameterAsEnumString",
    "files": "parameterAsFileList",
}
# methods of an algorithm that read the values of other kinds


def value(option: Option, algorithm: Any, parameters: dict[str, Any], context: Any) -> Any:
    """Value of a parameter: a text, number, boolean, list of paths or extent; None if it is empty."""
    given = parameters.get(option.name, option.default)
    if given is None or given == "" or (hasattr(given, "isNull") and given.isNull()):  # null variants are Qt 5's
        return None
    if option.kind == "layer":
        layer = algorithm.parameterAsRasterLayer(parameters, option.name, context)
        if layer is None:
            raise core.QgsProcessingException(f"'{option.label}': {given} is no raster that QGIS can open")
        return _source(option, layer)
    if option.kind == "layers":
        return [_source(option, layer) for layer in algorithm.parameterAsLayerList(parameters, option.name, context)]
    if option.kind in ("points", "polygons"):
        layer = algorithm.parameterAsVectorLayer(parameters, option.name, context)
        if layer is None:
            raise core.QgsProcessingException(f"'{option.label}': {given} is no vector layer that QGIS can open")
        return _vector_source(option, layer)
    if option.kind == "crs":
        crs = algorithm.parameterAsCrs(parameters, option.name, context)
        return str(crs.authid() or crs.toWkt())
    if option.kind == "extent":
        return _extent(option, algorithm, parameters, context)
    found = getattr(algorithm, _READERS[option.kind])(parameters, option.name, context)
    return found.strip() if option.kind == "text" else found


def _source(option: Option, layer: Any) -> str:
    if layer.providerType() != "gdal":
        text = f"the layer {layer.name()} is not a raster file ({layer.providerType()}); save it as GeoTIFF"
        raise core.QgsProcessingException(f"'{option.label}': {text}")
    return address(str(layer.source()))


def _vector_source(option: Option, layer: Any) -> str:
    found = vector_file(str(layer.source())) if layer.providerType() == "ogr" else ""
    if not found:
        text = f"the layer {layer.name()} is not a whole file; save its features as GeoPackage"
        raise core.QgsProcessingException(f"'{option.label}': {text}")
    return found


def _extent(option: Option, algorithm: Any, parameters: dict[str, Any], context: Any) -> Any:
    """Extent in degrees: west, south, east, north.

    It is sampled because QGIS 3.22 converts an extent that crosses the date line or contains a pole to a wrong one.
    """
    given = parameters.get(option.name)
    extent = algorithm.parameterAsExtent(parameters, option.name, context)
    source = algorithm.parameterAsExtentCrs(parameters, option.name, context)  # that of the project if none is given
    degrees = core.QgsCoordinateReferenceSystem("EPSG:4326")
    stated = re.search(r"\[(.+)\]\s*$", given) if isinstance(given, str) else None
    if stated and not core.QgsCoordinateReferenceSystem(stated[1]).isValid():
        raise core.QgsProcessingException(f"'{option.label}': there is no coordinate reference system {stated[1]}")
    if not source.isValid():
        source = degrees
    corners = (extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum())
    if source.isGeographic() and max(map(abs, corners)) > _FAR:
        text = f"{given} is not in degrees; add the coordinate reference system, such as [EPSG:32616]"
        raise core.QgsProcessingException(f"'{option.label}': {text}")
    box = bounding_box(_samples(extent, core.QgsCoordinateTransform(source, degrees, context.transformContext())))
    if box is None:
        text = f"{given} is not an area on the Earth in {source.authid()}; give west,east,south,north, such as "
        raise core.QgsProcessingException(f"'{option.label}': {text}10.1,10.5,47.9,48.2 [EPSG:4326]")
    return box


def _samples(extent: Any, transform: Any) -> list[tuple[float, float]]:
    """Longitudes and latitudes of a grid of points in an extent; without those that cannot be converted."""
    points = []
    for column in range(_STEPS + 1):
        x = extent.xMinimum() + extent.width() * column / _STEPS
        for row in range(_STEPS + 1):
            try:
                point = transform.transform(core.QgsPointXY(x, extent.yMinimum() + extent.height() * row / _STEPS))
            except core.QgsCsException:
                continue
            if math.isfinite(point.x()) and math.isfinite(point.y()):
                points.append((point.x(), point.y()))
    return points


class LstRasterAlgorithm(core.QgsProcessingAlgorithm):
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
            raise core.QgsProcessingException(problem)
        return True

    def raster_destination(self, parameters: dict[str, Any], context: Any) -> str:
        """Path of the output raster."""
        path = str(self.parameterAsOutputLayer(parameters, "OUTPUT", context))
        if not path.lower().endswith(".tif"):
            raise core.QgsProcessingException(f"the output {path} is not a GeoTIFF; give it a name that ends in .tif")
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
            raise core.QgsProcessingException(str(error)) from error


class SidecarStyle(core.QgsProcessingLayerPostProcessorInterface):
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
        context.addLayerToLoadOnCompletion(path, core.QgsProcessingContext.LayerDetails(name, project, output))
        style_when_loaded(context, path)
