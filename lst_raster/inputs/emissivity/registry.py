"""Emissivity sources by keyword. A new source is one row here, and the module named in its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from lst_raster.errors import InputError

if TYPE_CHECKING:
    from lst_raster.inputs.emissivity.source import EmissivitySource
    from lst_raster.io.scene import Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedSource:
    """A source for ``--emissivity KEYWORD[:ARGUMENT]``."""

    keyword: str  # Keyword of the option
    code: int  # Value of the field ``emissivity_source`` in the quality band of a product, 4 to 31; never changed
    kind: str  # Name of that value, and `EmissivitySource.kind` of the source
    description: str  # Description of that value
    module: str  # Module of this package
    source: str  # Function in that module, called as ``source(scene, argument, align=...)``
    # Form of the argument, for example ``FOLDER``; in square brackets if it is optional; empty for none
    argument: str = ""
    water_as_soil: bool = False  # Whether the source treats water as soil: then ``quality`` is inserted before it

    @property
    def form(self) -> str:
        """Form of the option's value.

        Examples
        --------
        >>> SOURCES["aster-ged"].form, SOURCES["st-emis"].form
        ('aster-ged:FOLDER', 'st-emis[:PRODUCT]')
        """
        argument = f"[:{self.argument[1:]}" if self.argument.startswith("[") else f":{self.argument}"
        return self.keyword + (argument if self.argument else "")

    def make(self, scene: Scene, argument: str, *, align: bool) -> EmissivitySource:
        """Create the source for a scene; raises InputError or InputNotFoundError if that is impossible."""
        if self.argument and not self.argument.startswith("[") and not argument:
            raise InputError(f"emissivity {self.keyword} needs a path; give {self.form}")
        module = import_module(f"lst_raster.inputs.emissivity.{self.module}")
        made: EmissivitySource = getattr(module, self.source)(scene, argument, align=align)
        return made


SOURCES: Mapping[str, NamedSource] = MappingProxyType(
    {
        row.keyword: row
        for row in (
            NamedSource(
                keyword="quality", code=4, kind="quality", description="water or snow, by the scene's quality band",
                module="scene_bands", source="quality_source",
            ),
            NamedSource(
                keyword="ndvi", code=5, kind="ndvi", description="vegetation index of the scene",
                module="scene_bands", source="ndvi_source", water_as_soil=True,
            ),
            NamedSource(
                keyword="aster-ged", code=6, kind="aster_ged", description="ASTER GED",
                module="aster_ged", source="aster_source", argument="FOLDER", water_as_soil=True,
            ),
            NamedSource(
                keyword="landcover", code=7, kind="land_cover", description="map of land cover",
                module="land_cover", source="land_cover_source", argument="MAP.tif[:TABLE]",
            ),
            NamedSource(
                keyword="st-emis", code=8, kind="level_2", description="ST_EMIS of a USGS Level-2 product",
                module="scene_bands", source="level2_source", argument="[PRODUCT]",
            ),
        )
    }
)  # fmt: skip
"""The sources, by keyword."""

QUALITY_VALUES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        0: ("none", "no emissivity"),
        1: ("assumed", "the same everywhere, assumed"),
        2: ("number", "a number given by the user"),
        3: ("raster", "a raster given by the user"),
        **{row.code: (row.kind, row.description) for row in SOURCES.values()},
    }
)
"""Name and description of every value of the field ``emissivity_source``."""
