"""Land surface temperature from single-band Landsat thermal scenes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lst_raster.batch.read_lists import read_scene_list, search_scenes
    from lst_raster.batch.retrieve_many import retrieve_many
    from lst_raster.batch.scene_lists import ListedScene
    from lst_raster.batch.task import SceneResult
    from lst_raster.compositing.composite import Composite, composite
    from lst_raster.compositing.series import Series, series
    from lst_raster.compositing.zones import Zones, zones
    from lst_raster.inference.model import Model
    from lst_raster.io.level2_scene import Level2Scene
    from lst_raster.io.measured_scene import MeasuredScene
    from lst_raster.io.open_scene import open_scene
    from lst_raster.io.scene import Scene
    from lst_raster.product.preview.run import preview
    from lst_raster.retrieval.retrieve import Product, retrieve
    from lst_raster.xarray_api.open_product import open_product
    from lst_raster.xarray_api.retrieve_array import retrieve_array
    from lst_raster.xarray_api.write_product import write_product

__version__ = "0.1.0"

__all__ = [
    "Composite",
    "Level2Scene",
    "ListedScene",
    "MeasuredScene",
    "Model",
    "Product",
    "Scene",
    "SceneResult",
    "Series",
    "Zones",
    "__version__",
    "composite",
    "open_product",
    "open_scene",
    "preview",
    "read_scene_list",
    "retrieve",
    "retrieve_array",
    "retrieve_many",
    "search_scenes",
    "series",
    "write_product",
    "zones",
]

# Public names are imported on first use (PEP 562): `import lst_raster` takes milliseconds.
_HOMES = {
    "Composite": "lst_raster.compositing.composite",
    "Level2Scene": "lst_raster.io.level2_scene",
    "ListedScene": "lst_raster.batch.scene_lists",
    "MeasuredScene": "lst_raster.io.measured_scene",
    "Model": "lst_raster.inference.model",
    "Product": "lst_raster.retrieval.retrieve",
    "Scene": "lst_raster.io.scene",
    "SceneResult": "lst_raster.batch.task",
    "Series": "lst_raster.compositing.series",
    "Zones": "lst_raster.compositing.zones",
    "composite": "lst_raster.compositing.composite",
    "open_product": "lst_raster.xarray_api.open_product",
    "open_scene": "lst_raster.io.open_scene",
    "preview": "lst_raster.product.preview.run",
    "read_scene_list": "lst_raster.batch.read_lists",
    "retrieve": "lst_raster.retrieval.retrieve",
    "retrieve_array": "lst_raster.xarray_api.retrieve_array",
    "retrieve_many": "lst_raster.batch.retrieve_many",
    "search_scenes": "lst_raster.batch.read_lists",
    "series": "lst_raster.compositing.series",
    "write_product": "lst_raster.xarray_api.write_product",
    "zones": "lst_raster.compositing.zones",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
