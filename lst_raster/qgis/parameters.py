"""Options of a form as QGIS parameters, and their values."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    NULL,
    QgsProcessing,
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from .forms import Option, address


def definition(option: Option) -> QgsProcessingParameterDefinition:
    """Make the parameter of an option, with the widget for its kind."""
    parameter = _parameter(option)
    parameter.setHelp(option.help)
    if option.advanced:
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return parameter


def _parameter(option: Option) -> QgsProcessingParameterDefinition:
    name, label, kind, optional = option.name, option.label, option.kind, option.optional
    if kind in ("number", "integer"):
        number = QgsProcessingParameterNumber
        type_ = number.Integer if kind == "integer" else number.Double
        limits = dict(zip(("minValue", "maxValue"), option.limits))
        return number(name, label, type_, option.default, optional, **limits)
    if kind == "switch":
        return QgsProcessingParameterBoolean(name, label, option.default)
    if kind == "choice":
        return QgsProcessingParameterEnum(name, label, list(option.choices), False, option.default, optional, True)
    if kind in ("files", "layers"):
        layers = QgsProcessing.TypeRaster if kind == "layers" else QgsProcessing.TypeFile
        return QgsProcessingParameterMultipleLayers(name, label, layers, optional=optional)
    if kind in ("file", "folder"):
        file = QgsProcessingParameterFile
        return file(name, label, file.Folder if kind == "folder" else file.File, optional=optional)
    if kind == "layer":
        return QgsProcessingParameterRasterLayer(name, label, optional=optional)
    if kind == "crs":
        return QgsProcessingParameterCrs(name, label, optional=optional)
    return QgsProcessingParameterString(name, label, option.default, optional=optional)


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
    """Value of a parameter: a text, number, boolean or list of paths; None if it is empty."""
    given = parameters.get(option.name, option.default)
    if given is None or given == NULL or given == "":
        return None
    if option.kind == "layer":
        layer = algorithm.parameterAsRasterLayer(parameters, option.name, context)
        if layer is None:
            raise QgsProcessingException(f"'{option.label}': {given} is no raster that QGIS can open")
        return _source(option, layer)
    if option.kind == "layers":
        return [_source(option, layer) for layer in algorithm.parameterAsLayerList(parameters, option.name, context)]
    if option.kind == "crs":
        crs = algorithm.parameterAsCrs(parameters, option.name, context)
        return str(crs.authid() or crs.toWkt())
    return getattr(algorithm, _READERS[option.kind])(parameters, option.name, context)


def _source(option: Option, layer: Any) -> str:
    if layer.providerType() != "gdal":
        text = f"the layer {layer.name()} is not a raster file ({layer.providerType()}); save it as GeoTIFF"
        raise QgsProcessingException(f"'{option.label}': {text}")
    return address(str(layer.source()))
