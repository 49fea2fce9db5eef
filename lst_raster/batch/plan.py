"""Plan of a batch: its options, and a task for each scene."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from lst_raster.batch.scene_lists import ListedScene
from lst_raster.batch.task import Opening, Task
from lst_raster.errors import InputError, LstRasterError, OutputError
from lst_raster.inference.model import Model
from lst_raster.inputs.fields import Source
from lst_raster.inputs.resolve import resolve_inputs
from lst_raster.io.address import Address
from lst_raster.io.remote import fetch
from lst_raster.io.scene import Scene
from lst_raster.product.paths import OutputForm
from lst_raster.retrieval.masks import choose_masking


class RetrieveOptions(TypedDict, total=False):
    """Arguments of `retrieve`, each as there: all but the scene, where it goes, and its progress."""

    emissivity: Source | Sequence[Source] | None
    water_vapour: Source | None
    air_temperature: Source | None
    surface_pressure: Source | None
    reanalysis: str | Path | Sequence[str | Path]
    dem: Source | None
    align: bool
    model: Model | str | Path | None
    mask_clouds: bool
    mask_dilation: float
    form: OutputForm
    exact: bool
    threads: int | None
    overwrite: bool


_AIR = ("water_vapour", "air_temperature", "surface_pressure")


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What would become of a scene."""

    scene: ListedScene
    """The scene."""
    product: str
    """Path or address of its product."""
    exists: bool
    """Whether it exists: then it is kept if it is made of the same inputs."""
    sensor: str | None = None
    """Sensor band, None where the scene cannot be opened."""
    date: str | None = None
    """Date of acquisition, None where nothing tells it."""
    model: str | None = None
    """Name of the model."""
    error: LstRasterError | None = None
    """Why it would fail, as far as can be told without reading the pixels."""


def make_tasks(
    scenes: Sequence[ListedScene], out: str | Path, opening: Opening, options: Mapping[str, Any]
) -> list[Task]:
    """Make a task of every scene.

    Parameters
    ----------
    scenes : sequence of ListedScene
        The scenes.
    out : str or path
        Folder of the products.
    opening : Opening
        How scenes are opened.
    options : mapping
        Arguments of `retrieve` that they share.

    Raises
    ------
    InputError
        There is none, two would have one product, or an argument is not one of `retrieve`.
    OutputError
        The folder is a file.
    """
    unknown = options.keys() - RetrieveOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(RetrieveOptions.__annotations__)
        raise InputError(f"retrieve takes no {', '.join(sorted(unknown))} of many scenes; it takes {known}")
    if not scenes:
        raise InputError("the list names no scenes; give at least one")
    folder = folder_of(out)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is not a folder; choose another")
    targets = [_target(scene, out) for scene in scenes]
    _require_distinct(scenes, targets)
    return [
        Task(number=number, scene=scene, target=target, opening=opening, options=options)
        for number, (scene, target) in enumerate(zip(scenes, targets, strict=True))
    ]


def folder_of(out: str | Path) -> Path | None:
    """Folder on this machine's disks, None where it is in an object store."""
    return Path(out) if Address.parse(str(out)) is None else None


def plan(task: Task) -> Planned:
    """Tell what would become of a scene; its pixels are not read."""
    known: dict[str, Any] = {"scene": task.scene, "product": task.target, "exists": _exists(task.target)}
    try:
        scene = task.open()
        known |= {"sensor": scene.sensor, "date": str(scene.date) if scene.date else None}
        return Planned(**known, model=_model(scene, task.arguments()))
    except LstRasterError as error:
        return Planned(**known, error=error)


def _model(scene: Scene, arguments: Mapping[str, Any]) -> str | None:
    """Name of the model that would be used; errors as `retrieve`, as far as what is given beside the scene goes."""
    files = arguments.get("reanalysis", ())
    inputs = resolve_inputs(
        scene, {name: arguments.get(name) for name in _AIR}, arguments.get("model"),
        emissivity=arguments.get("emissivity"), reanalysis=[files] if isinstance(files, str | Path) else files,
        dem=arguments.get("dem"), align=arguments.get("align", False),
    )  # fmt: skip
    choose_masking(
        scene, clouds=arguments.get("mask_clouds", True), dilation=arguments.get("mask_dilation", 0.0),
        align=arguments.get("align", False),
    )  # fmt: skip
    return inputs.model.contract.name if inputs.model else None


def _target(scene: ListedScene, out: str | Path) -> str:
    if folder_of(out) is None:
        return f"{str(out).rstrip('/')}/{scene.name}_LST.tif"
    return str(Path(out) / f"{scene.name}_LST.tif")


def _require_distinct(scenes: Sequence[ListedScene], targets: Sequence[str]) -> None:
    """Refuse two scenes with one product, be it in upper and lower case: some file systems take them for one."""
    by_target: dict[str, list[ListedScene]] = defaultdict(list)
    for scene, target in zip(scenes, targets, strict=True):
        by_target[target.lower()].append(scene)
    shared = [same for same in by_target.values() if len(same) > 1]
    if shared:
        first = shared[0]
        raise InputError(
            f"{len(first)} scenes would have the one product {first[0].name}_LST.tif: "
            f"{', '.join(scene.shown for scene in first[:4])}; leave out all but one, or give them names in a table "
            f"(.csv, column name){f'; so would {len(shared) - 1} others' if len(shared) > 1 else ''}"
        )


def _exists(target: str) -> bool:
    address = Address.parse(target)
    if address is None:
        return Path(target).exists()
    try:
        return bool(fetch(address, 0, 1).content)
    except LstRasterError:
        return False
