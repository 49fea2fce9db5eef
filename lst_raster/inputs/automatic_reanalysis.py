"""The words ``auto`` and ``auto:levels`` in place of reanalysis files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.inputs.reanalysis.products import AUTOMATIC
from lst_raster.inputs.resolve import needs_of_reanalysis
from lst_raster.io.level2_scene import Level2Scene
from lst_raster.io.scene import Scene

Reanalysis = str | Path | Sequence[str | Path]


def is_automatic(reanalysis: Reanalysis) -> bool:
    """Whether the reanalysis is to be fetched; raises InputError for a word together with files."""
    reanalysis = _listed(reanalysis)
    words = [entry for entry in reanalysis if isinstance(entry, str) and entry in AUTOMATIC]
    if words and len(reanalysis) > 1:
        others = ", ".join(str(entry) for entry in reanalysis if entry != words[0]) or words[0]
        raise InputError(
            f"reanalysis is {words[0]} together with {others}; give {' or '.join(AUTOMATIC)} alone, or files"
        )
    return bool(words)


def reanalysis_files(
    scene: Scene, reanalysis: Reanalysis, given: Collection[str],
    model: Model | str | Path | None, *, fetches: bool = True,
) -> tuple[list[str | Path], tuple[str, ...]]:  # fmt: skip
    """Files of a reanalysis, those to be fetched from the cache or a server, and warnings about missing ones.

    `given` has the names of the quantities that the user gives; with ``auto``, nothing is fetched if the model needs no
    others. Levels are fetched for ``auto:levels``, and for a given model that needs them. Without `fetches` there are
    no files in place of a word. Raises InputError for a word together with files.
    """
    files = _listed(reanalysis)
    if not is_automatic(files):
        return files, ()
    has_atmosphere = isinstance(scene, Level2Scene) and scene.air is not None
    if not fetches or has_atmosphere:
        return [], ()
    needs_surface, needs_levels = needs_of_reanalysis(scene, given, model)
    levels = needs_levels and (str(files[0]) == AUTOMATIC[1] or model is not None)
    if not (needs_surface or levels):
        return [], ()
    from lst_raster.inputs.reanalysis.fetch.automatic import fetch_automatically

    found = fetch_automatically(scene, levels=levels)
    return list(found.files), found.warnings


def awaits_levels(scene: Scene, reanalysis: Reanalysis, model: Model | str | Path | None) -> bool:
    """Whether a given model needs levels that are yet to be fetched."""
    return model is not None and is_automatic(reanalysis) and needs_of_reanalysis(scene, (), model)[1]


def _listed(reanalysis: Reanalysis) -> list[str | Path]:
    return [reanalysis] if isinstance(reanalysis, str | Path) else list(reanalysis)
