"""Questions of a form as parameters of QGIS, and their values."""

from __future__ import annotations

from collections.abc import Callable
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

from .options import Option, address


def definition(option: Option) -> QgsProcessingParameterDefinition:
    """Make the parameter of a question, with the widget that belongs to its kind."""
    parameter = _MAKERS[option.kind](option)
    parameter.setHelp(option.help)
    if option.advanced:
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
    return parameter


def value(option: Option, algorithm: Any, parameters: dict[str, Any], context: Any) -> Any:
    """Value of a parameter: a text, number, boolean or list of paths; None where it is left empty."""
    given = parameters.get(option.name, option.default)
    if given is None or given == NULL or given == "":
        return None
    if option.kind in _LOOKED_AT:
        return _LOOKED_AT[option.kind](option, algorithm, parameters, context)
    return getattr(algorithm, _READERS[option.kind])(parameters, option.name, context)


def _number(option: Option) -> QgsProcessingParameterDefinition:
    whole = option.kind == "integer"
    kind = QgsProcessingParameterNumber.Integer if whole else QgsProcessingParameterNumber.Double
    limits = dict(zip(("minValue", "maxValue"), option.limits))
    return QgsProcessingParameterNumber(option.name, option.label, kind, option.default, option.optional, **limits)


def _choice(option: Option) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterEnum(
        option.name, option.label, list(option.choices), False, option.default, option.optional, True
    )


def _several(option: Option) -> QgsProcessingParameterDefinition:
    kind = QgsProcessing.TypeRaster if option.kind == "layers" else QgsProcessing.TypeFile
    return QgsProcessingParameterMultipleLayers(option.name, option.label, kind, optional=option.optional)


def _path(option: Option) -> QgsProcessingParameterDefinition:
    folder = option.kind == "folder"
    behaviour = QgsProcessingParameterFile.Folder if folder else QgsProcessingParameterFile.File
    return QgsProcessingParameterFile(option.name, option.label, behaviour, optional=option.optional)


def _text(option: Option) -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterString(option.name, option.label, option.default, optional=option.optional)


_MAKERS: dict[str, Callable[[Option], QgsProcessingParameterDefinition]] = {
    "text": _text,
    "list": _text,
    "words": _text,
    "number": _number,
    "integer": _number,
    "switch": lambda option: QgsProcessingParameterBoolean(option.name, option.label, option.default),
    "choice": _choice,
    "crs": lambda option: QgsProcessingParameterCrs(option.name, option.label, optional=option.optional),
    "layer": lambda option: QgsProcessingParameterRasterLayer(option.name, option.label, optional=option.optional),
    "layers": _several,
    "file": _path,
    "files": _several,
    "folder": _path,
}


def _layer(option: Option, algorithm: Any, parameters: dict[str, Any], context: Any) -> str:
    layer = algorithm.parameterAsRasterLayer(parameters, option.name, context)
    if layer is None:
        raise QgsProcessingException(f"'{option.label}': {parameters[option.name]} is no raster that QGIS can open")
    return _source(option, layer)


def _layers(option: Option, algorithm: Any, parameters: dict[str, Any], context: Any) -> list[str]:
    return [_source(option, layer) for layer in algorithm.parameterAsLayerList(parameters, option.name, context)]


def _source(option: Option, layer: Any) -> str:
    if layer.providerType() != "gdal":
        raise QgsProcessingException(
            f"'{option.label}': the layer {layer.name()} is no raster file ({layer.providerType()}); save it as GeoTIFF"
        )
    return address(str(layer.source()))


def _crs(option: Option, algorithm: Any, parameters: dict[str, Any], context: Any) -> str:
    crs = algorithm.parameterAsCrs(parameters, option.name, context)
    return str(crs.authid() or crs.toWkt())


_LOOKED_AT = {"layer": _layer, "layers": _layers, "crs": _crs}
_READERS = {
    **dict.fromkeys(("text", "list", "words", "file", "folder"), "parameterAsString"),
    "number": "parameterAsDouble",
    "integer": "parameterAsInt",
    "switch": "parameterAsBool",
    "choice": "parameterAsEnumString",
    "files": "parameterAsFileList",
}
"""Methods of an algorithm by which the other values are read."""
