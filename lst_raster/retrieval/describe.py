"""Descriptions of scenes, models and products, and of the retrieval with default options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rasterio.errors import RasterioError

from lst_raster.errors import LstRasterError
from lst_raster.inference.contract import GRAPHS, Variable, with_unit
from lst_raster.inference.model import Model, has_model
from lst_raster.inputs.resolve import assumption_warnings, choose_bands, resolve_inputs
from lst_raster.io.address import Address, Location, location_of, without_secrets
from lst_raster.io.grid import Grid
from lst_raster.io.landsat import satellite_of
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.io.open_scene import open_scene
from lst_raster.io.scene import Scene
from lst_raster.io.scene_download import is_product_or_item
from lst_raster.io.stac_services import FoundItem, find_item
from lst_raster.product.destination import open_product_raster
from lst_raster.retrieval.masks import choose_masking, mask_warnings
from lst_raster.sensors.bands import second_band, sensor_band
from lst_raster.simulator.sigma_levels import HUMIDITY_LEVELS, TEMPERATURE_LEVELS

Description = dict[str, Any]
"""Properties by name, for JSON: texts, numbers, lists, None where unknown."""

_PRODUCT_TAG = "lst_raster_version"
_LEVEL_TITLES = {
    name: f"{names[0]} to {names[-1].rpartition('_')[2]} ({len(names)} levels)"
    for names in (TEMPERATURE_LEVELS, HUMIDITY_LEVELS)
    for name in names
}
_STATISTICS = {"minimum": "STATISTICS_MINIMUM", "mean": "STATISTICS_MEAN", "maximum": "STATISTICS_MAXIMUM"}


def describe(
    thing: str | Path | Address | FoundItem, *, band: str | None = None, sensor: str | None = None,
    date: str | None = None, level_2: bool = False, quantity: str | None = None,
) -> Description:  # fmt: skip
    """Describe a scene, a model or a product; ``kind`` is ``scene``, ``model``, ``product`` or ``item``.

    `thing` is a scene as for `open_scene`, the name of a shipped model, the path of a model, or a product on disk or on
    a server. The options are for scenes only, as for `open_scene`. Raises the LstRasterError of opening a scene where
    it is none of them.
    """
    if isinstance(thing, FoundItem) or is_product_or_item(thing):
        return _describe_item(thing if isinstance(thing, FoundItem) else find_item(str(thing)))
    place = location_of(thing)
    if isinstance(place, Path):
        is_file = place.suffix.lower() == ".onnx" or any((place / file).is_file() for file in GRAPHS.values())
        if is_file or has_model(str(place)):
            return _describe_model(Model.load(thing if isinstance(thing, str) else place))
    product = _describe_product(place)
    if product is not None:
        return product
    opened = partial(open_scene, thing, band=band, sensor=sensor, date=date)
    scene = opened(level_2=level_2, quantity=quantity)
    found = _describe_scene(scene, sensor, date)
    if isinstance(scene, Level2Scene) and not level_2:
        found["retrieve_level_2_would_use"] = _plan_of_product(opened)
    return found


def _describe_item(found: FoundItem) -> Description:
    """Describe a product in a public service, without its files."""
    properties = found.item.get("properties") or {}
    return {
        "kind": "item", "name": found.identifier, "service": found.service.title if found.service else None,
        "address": without_secrets(found.address), "date": properties.get("datetime"),
        "platform": properties.get("platform"), "cloud_cover": properties.get("eo:cloud_cover"),
        "assets": sorted(found.item["assets"]),
    }  # fmt: skip


def _describe_model(model: Model) -> Description:
    contract = model.contract
    inputs: dict[str, list[Variable]] = {}
    for variable in contract.inputs:  # those on sigma levels count as one
        inputs.setdefault(_LEVEL_TITLES.get(variable.name, variable.name), []).append(variable)
    metrics, other = model.metadata.get("metrics", {}), second_band(contract.sensor)
    bands = [sensor_band(contract.sensor), *([other] if other and contract.has_two_bands else [])]
    return {
        "kind": "model", "name": contract.name, "sensor": ", ".join(f"{band.name} ({band.title})" for band in bands),
        "tier": contract.tier, "version": model.metadata.get("version", "unversioned"), "graph": contract.graph,
        "file": model.path.name, "sha256": model.digest,
        "made_by": f"lst-raster {model.metadata.get('lst_raster_version', 'unknown')}",
        "inputs": {name: _valid_range(variables) for name, variables in inputs.items()},
        "outputs": {variable.name: variable.units for variable in contract.outputs},
        "rmse_of_lst": {title: _errors(test) for title, test in metrics.items()},
    }  # fmt: skip


def _errors(test: Mapping[str, Any]) -> Description:
    """Root mean square errors of a test set by condition of the inputs."""
    measured = {name: part["lst"] for name, part in test.items() if isinstance(part, Mapping) and "lst" in part}
    return {name.replace(" ", "_"): f"{lst['all']['rmse']:.2f} K" for name, lst in measured.items()}


def _valid_range(variables: list[Variable]) -> str:
    """Enclose the valid ranges of inputs of the same unit."""
    units = with_unit(variables[0].units)
    ranges = [variable.valid_range for variable in variables if variable.valid_range is not None]
    if not ranges:
        return f"any{units}"
    return f"{min(low for low, _ in ranges):g} to {max(high for _, high in ranges):g}{units}"


def _describe_product(path: Location) -> Description | None:
    """Describe a product of this package; None for other files."""
    if not (path.is_file() if isinstance(path, Path) else path.suffix.lower() in (".tif", ".tiff")):
        return None
    try:
        with open_product_raster(path) as dataset:
            if not dataset.count:  # a container of rasters, such as netCDF with several variables
                return None
            tags, statistics, grid = dataset.tags(), dataset.tags(1), Grid.of(dataset)
            step = dataset.scales[0]  # statistics are those of the numbers in the file
    except RasterioError:
        return None
    if _PRODUCT_TAG not in tags:
        return None
    kelvin = {name: f"{float(statistics[key]) * step:.2f} K" for name, key in _STATISTICS.items() if key in statistics}
    percentage = statistics.get("STATISTICS_VALID_PERCENT")
    return {
        "kind": "product", "file": path.name, "grid": str(grid),
        "temperature": {**kelvin, "pixels_with_one": f"{percentage} %" if percentage else None},
        "provenance": {key: value for key, value in sorted(tags.items()) if key.islower()},
    }  # fmt: skip


def _describe_scene(scene: Scene, sensor: str | None, date: str | None) -> Description:
    files, mtl = scene.files, scene.files.mtl
    sensor_source = date_source = "the file's name"
    if sensor is not None:
        sensor_source = "--sensor"
    elif mtl and satellite_of(mtl) is not None:
        sensor_source = mtl.path.name
    if date is not None:
        date_source = "--date"
    elif mtl and "DATE_ACQUIRED" in mtl.entries:
        date_source = mtl.path.name
    elif files.name.date is None:
        date_source = "the file's item ACQUISITION_DATE"
    return {
        "kind": "scene", "name": scene.stem, "file": scene.place.label, "thermal_bands": list(files.bands),
        "sensor": f"{scene.sensor} ({sensor_band(scene.sensor).title}), from {sensor_source}",
        "date": f"{scene.date}, from {date_source}" if scene.date else None,
        "latitude": round(scene.latitude, 4) if scene.latitude is not None else None, "grid": str(scene.grid),
        "metadata": mtl.path.name if mtl else None, "collection": mtl.collection if mtl else None,
        "calibration": str(scene.calibration), "quality_band": files.quality.name if files.quality else None,
        "saturation_band": files.saturation.name if files.saturation else None,
        "retrieve_would_use": _default_plan(scene),
    }  # fmt: skip


def _plan_of_product(opened: Callable[..., Scene]) -> Description:
    """List what `retrieve` chooses with the atmosphere of a Level-2 product, or the error that it would raise."""
    try:
        return _default_plan(opened(level_2=True))
    except LstRasterError as error:
        return {"model": f"none: {error}"}


def _default_plan(scene: Scene) -> Description:
    """List inputs and mask that `retrieve` chooses without further options, or the error that it would raise."""
    plan: Description = {}
    try:
        scene = choose_bands(scene)
        inputs = resolve_inputs(scene, {}, None)
    except LstRasterError as error:
        plan["model"] = f"none: {error}"
    else:
        bands = f"bands {scene.files.name.band} and {scene.second.files.name.band}" if scene.second else "this band"
        why = f"shipped for {bands}; no atmospheric inputs given"
        model = f"{inputs.model.contract.name} ({why})" if inputs.model else "none: the terms of a Level-2 product"
        plan |= {"model": model, **inputs.texts, "warnings": assumption_warnings(scene, inputs)}
    try:
        masking = choose_masking(scene, clouds=True, dilation=0.0)
        plan["mask"] = str(masking)
        if lines := mask_warnings(scene, masking):
            plan["warnings"] = [*plan.get("warnings", []), *lines]
    except LstRasterError as error:
        plan["mask"] = f"none: {error}"
    return plan
