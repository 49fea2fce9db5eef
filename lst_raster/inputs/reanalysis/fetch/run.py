"""Getting the reanalysis that a scene needs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, MissingExtraError, OutputError, RemoteError
from lst_raster.inputs.fields import Field
from lst_raster.inputs.reanalysis.fetch.plan import Plan, Say
from lst_raster.inputs.reanalysis.over_scene import fields_over_scene, profiles_over_scene
from lst_raster.inputs.reanalysis.products import SERVERS
from lst_raster.inputs.reanalysis.request import make_request
from lst_raster.io.scene import Scene
from lst_raster.physics.quantities import AIR_TEMPERATURE, ELEVATION, SURFACE_PRESSURE, WATER_VAPOUR

_WANTED = (WATER_VAPOUR.name, AIR_TEMPERATURE.name, SURFACE_PRESSURE.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What was asked for, and what was fetched of it."""

    plan: Plan
    """What was asked for."""
    request: Path
    """File that holds the plan as JSON."""
    files: tuple[Path, ...]
    """Files that `retrieve` takes, none where nothing was to be fetched."""


def fetch_reanalysis(
    scene: Scene, *, source: str = "era5", folder: str | Path = ".", server: str | None = None,
    levels: bool = False, dry_run: bool = False, overwrite: bool = False, say: Say | None = None,
) -> Fetched:  # fmt: skip
    """Fetch the reanalysis around a scene's time and place.

    The request is written as JSON first of all. Files are fetched into a hidden folder, read, laid over the scene, and
    only then get their names: what has its name serves.

    Parameters
    ----------
    scene : Scene
        The scene; it must tell the time of acquisition and have a coordinate system.
    source : str
        ``era5`` (the Climate Data Store), ``era5-arco`` (Google's public cloud) or ``merra2`` (NASA).
    folder : str or path
        Where to write.
    server : str, optional
        Address of another server that speaks the same protocol.
    levels : bool
        Whether to fetch temperature and humidity on levels of pressure too, for models of the tier ``profile``.
    dry_run : bool
        Whether to stop when the request is written; then no server is asked.
    overwrite : bool
        Whether to replace files that exist.
    say : callable, optional
        Takes news, line by line.

    Returns
    -------
    Fetched
        The request and the files.

    Raises
    ------
    InputError
        The scene has no time or no coordinate system, or the source is not known.
    MissingExtraError
        A package is missing that asks the server.
    RemoteAccessError
        There are no credentials, or they are refused.
    RemoteError
        The server does not answer, refuses, or sends what does not serve.
    OutputError
        A file exists, or cannot be written.
    """
    if source not in SERVERS:
        raise InputError(f"source {source!r} is none of {', '.join(SERVERS)}")
    ask = make_request(scene)
    assert ask.when is not None and ask.box is not None
    folder = Path(folder)
    plan = SERVERS[source].make().plan(scene.stem, ask.when, ask.box, server, levels=levels)
    request = folder / f"{scene.stem}_{source}_request.json"
    with atomic_write(request) as temporary:
        temporary.write_text(plan.as_json())
    if dry_run:
        return Fetched(plan=plan, request=request, files=())
    try:
        files = _fetch(scene, plan, folder, server, levels, overwrite, say or _unheard)
    except (RemoteError, MissingExtraError) as reason:
        raise type(reason)(f"{reason}; the request is in {request}") from reason
    except OSError as reason:
        raise OutputError(f"cannot write into {folder}: {reason.strerror or reason}; is the disk full?") from reason
    return Fetched(plan=plan, request=request, files=files)


def _fetch(
    scene: Scene, plan: Plan, folder: Path, server: str | None, levels: bool, overwrite: bool, say: Say
) -> tuple[Path, ...]:  # fmt: skip
    targets = tuple(folder / part.file for part in plan.parts)
    existing = next((target for target in targets if target.exists()), None)
    if existing is not None and not overwrite:
        raise OutputError(f"{existing} exists; --overwrite replaces it")
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{scene.stem}.") as hidden:
        SERVERS[plan.source].make().download(plan, Path(hidden), server, say)
        arrived = [Path(hidden) / part.file for part in plan.parts]
        _check(scene, arrived, levels)
        for file, target in zip(arrived, targets, strict=True):
            file.replace(target)
    return targets


def _check(scene: Scene, files: list[Path], levels: bool) -> None:
    """Lay what arrived over the scene, as `retrieve` will."""
    try:
        ground = Field(quantity=ELEVATION, source=0.0)
        found = fields_over_scene(scene, files, _WANTED, ground, with_levels=levels)
        if levels:
            profiles_over_scene(scene, files)
    except InputError as reason:
        raise RemoteError(f"what arrived does not serve: {reason}") from reason
    missing = [name.replace("_", " ") for name in _WANTED if name not in found]
    if missing:
        raise RemoteError(f"what arrived has no {', '.join(missing)}")


def _unheard(line: str) -> None:
    pass
