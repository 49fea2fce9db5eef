"""Download of the reanalysis for a scene."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
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

_REQUIRED = (WATER_VAPOUR.name, AIR_TEMPERATURE.name, SURFACE_PRESSURE.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """Result of `fetch_reanalysis`."""

    plan: Plan  # The downloads
    request: Path  # File with the plan as JSON
    files: tuple[Path, ...]  # Downloaded files, the input of `retrieve`; empty after a dry run


def fetch_reanalysis(
    scene: Scene, *, source: str = "era5", folder: str | Path = ".", server: str | None = None,
    levels: bool = False, dry_run: bool = False, overwrite: bool = False, say: Say | None = None,
) -> Fetched:  # fmt: skip
    """Download the reanalysis around the time and the area of a scene.

    The request is first written as JSON. Files are downloaded into a hidden folder, read, interpolated to the scene,
    and only then moved to their final names, so that every file with its final name is complete.

    `source` is ``era5`` (Climate Data Store), ``era5-ncar`` (NCAR), ``era5-arco`` (Google's public cloud) or ``merra2``
    (NASA); `folder` the output folder; `server` the address of another server with the same protocol. With `levels`,
    temperature and humidity on pressure levels are included, for models of the tier ``profile``. With `dry_run` only
    the request is written, without contacting a server. `say` receives one-line messages for the user.

    Raises InputError if the scene has no time or coordinate system, or the source is unknown; MissingExtraError if the
    client package of the source is missing; RemoteAccessError if credentials are missing or refused; RemoteError if the
    server fails or sends unusable data; OutputError if a file exists and `overwrite` is not set, or cannot be written.
    """
    if source not in SERVERS:
        raise InputError(f"source {source!r} is none of {', '.join(SERVERS)}")
    wanted = make_request(scene)
    assert wanted.when is not None and wanted.box is not None
    folder = Path(folder)
    plan = SERVERS[source].load().plan(scene.stem, wanted.when, wanted.box, server, levels=levels)
    request = folder / f"{scene.stem}_{source}_request.json"
    with atomic_write(request) as temporary:
        temporary.write_text(plan.as_json())
    if dry_run:
        return Fetched(plan=plan, request=request, files=())
    targets = tuple(folder / part.file for part in plan.parts)
    existing = next((target for target in targets if target.exists()), None)
    if existing is not None and not overwrite:
        raise OutputError(f"{existing} exists; --overwrite replaces it")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{scene.stem}.") as hidden:
            for _ in SERVERS[source].load().download(plan, Path(hidden), server, say or (lambda line: None)):
                pass
            downloaded = [Path(hidden) / part.file for part in plan.parts]
            require_usable(scene, downloaded, levels=levels)
            for file, target in zip(downloaded, targets, strict=True):
                file.replace(target)
    except (RemoteError, MissingExtraError) as reason:
        raise type(reason)(f"{reason}; the request is in {request}") from reason
    except OSError as reason:
        raise OutputError(f"cannot write into {folder}: {reason.strerror or reason}; is the disk full?") from reason
    return Fetched(plan=plan, request=request, files=targets)


def require_usable(scene: Scene, files: Sequence[Path], *, levels: bool) -> None:
    """Interpolate the files to the scene, as `retrieve` does; raises RemoteError if they cannot be used."""
    try:
        ground = Field(quantity=ELEVATION, source=0.0)
        found = fields_over_scene(scene, files, _REQUIRED, ground, with_levels=levels)
        if levels:
            profiles_over_scene(scene, files)
    except InputError as reason:
        raise RemoteError(f"the downloaded files cannot be used: {reason}") from reason
    missing = [name.replace("_", " ") for name in _REQUIRED if name not in found]
    if missing:
        raise RemoteError(f"the downloaded files have no {', '.join(missing)}")
