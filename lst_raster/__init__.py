"""Land surface temperature from single-band Landsat thermal scenes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lst_raster.engine.arrays.product import open_product
    from lst_raster.engine.arrays.retrieve import retrieve_array
    from lst_raster.engine.arrays.write import write_product
    from lst_raster.engine.batch.many import retrieve_many
    from lst_raster.engine.batch.result import SceneResult
    from lst_raster.engine.composite.run import Composite, composite
    from lst_raster.engine.preview.run import preview
    from lst_raster.engine.retrieve import Product, retrieve
    from lst_raster.inference.model import Model
    from lst_raster.scene.level2 import Level2Scene
    from lst_raster.scene.lists.listed import ListedScene
    from lst_raster.scene.lists.read import read_scene_list
    from lst_raster.scene.lists.search import search_scenes
    from lst_raster.scene.measured import MeasuredScene
    from lst_raster.scene.scene import Scene

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
    "__version__",
    "composite",
    "open_product",
    "preview",
    "read_scene_list",
    "retrieve",
    "retrieve_array",
    "retrieve_many",
    "search_scenes",
    "write_product",
]

# The public names load when they are used (PEP 562): `import lst_raster` takes milliseconds.
_HOMES = {
    "Composite": "lst_raster.engine.composite.run",
    "Level2Scene": "lst_raster.scene.level2",
    "ListedScene": "lst_raster.scene.lists.listed",
    "MeasuredScene": "lst_raster.scene.measured",
    "Model": "lst_raster.inference.model",
    "Product": "lst_raster.engine.retrieve",
    "Scene": "lst_raster.scene.scene",
    "SceneResult": "lst_raster.engine.batch.result",
    "composite": "lst_raster.engine.composite.run",
    "open_product": "lst_raster.engine.arrays.product",
    "preview": "lst_raster.engine.preview.run",
    "read_scene_list": "lst_raster.scene.lists.read",
    "retrieve": "lst_raster.engine.retrieve",
    "retrieve_array": "lst_raster.engine.arrays.retrieve",
    "retrieve_many": "lst_raster.engine.batch.many",
    "search_scenes": "lst_raster.scene.lists.search",
    "write_product": "lst_raster.engine.arrays.write",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
