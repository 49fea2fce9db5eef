"""The neighbourhood of a scene for tests of one band."""

from __future__ import annotations

from lst_raster.inputs.emissivity.merge import choose_emissivity
from lst_raster.inputs.fields import Field
from lst_raster.io.scene import Scene
from lst_raster.retrieval.masks import Masking
from lst_raster.retrieval.neighbourhood import neighbourhood_fields


def neighbourhood_of(scene: Scene, masking: Masking, threads: int = 1) -> Field:
    """Brightness temperature of the neighbourhood. [K]"""
    return neighbourhood_fields(scene, choose_emissivity(scene, None), masking, threads)[0]
