"""Plan of a batch: its options and one task per scene."""

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
from lst_raster.product.paths import OutputFormat
from lst_raster.retrieval.masks import choose_masking


class RetrieveOptions(TypedDict, total=False):
    """Arguments of `retrieve` except the scene, the output and the progress."""

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
    form: OutputFormat
    exact: bool
    threads: int | None
    overwrite: bool


_ATMOSPHERE_FIELDS = ("water_vapour", "air_temperature", "surface_pressure")


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Planned processing of a scene."""

    scene: ListedScene
    product: str  # path or address of the product
    exists: bool  # whether the product exists; it is kept if its inputs are the same
    sensor: str | None = None  # sensor band, None if the scene cannot be opened
    date: str | None = None  # date of acquisition, None if unknown
    model: str | None = None  # name of the model
    error: LstRasterError | None = None  # expected failure, as far as known without the pixels


def make_tasks(
    scenes: Sequence[ListedScene], out: str | Path, opening: Opening, options: Mapping[str, Any]
) -> list[Task]:
    """Make a task of every scene; `out` is the folder of the products, `options` are arguments of `retrieve`.

    Raise InputError if there are no scenes, two have the same product, or an option is unknown, and OutputError if
    the folder is a file.
    """
    unknown = options.keys() - RetrieveOptions.__annotations__.keys()
    if unknown:
        known = ", ".join(RetrieveOptions.__annotations__)
        raise InputError(f"unknown options for many scenes: {', '.join(sorted(unknown))}; valid are {known}")
    if not scenes:
        raise InputError("the list has no scenes; give at least one")
    folder = folder_of(out)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is not a folder; choose another")
    names = [f"{scene.name}_LST.tif" for scene in scenes]
    targets = [f"{str(out).rstrip('/')}/{name}" if folder is None else str(folder / name) for name in names]
    _require_distinct(scenes, targets)
    return [
        Task(number=number, scene=scene, target=target, opening=opening, options=options)
        for number, (scene, target) in enumerate(zip(scenes, targets, strict=True))
    ]


def folder_of(out: str | Path) -> Path | None:
    """Folder on a local disk, None for an address in an object store."""
    return Path(out) if Address.parse(str(out)) is None else None


def plan(task: Task) -> Planned:
    """Check a scene and its inputs without reading the pixels."""
    known: dict[str, Any] = {"scene": task.scene, "product": task.target, "exists": _exists(task.target)}
    try:
        scene = task.open()
        known |= {"sensor": scene.sensor, "date": str(scene.date) if scene.date else None}
        return Planned(**known, model=_model_name(scene, task.arguments()))
    except LstRasterError as error:
        return Planned(**known, error=error)


def _model_name(scene: Scene, arguments: Mapping[str, Any]) -> str | None:
    """Name of the model that `retrieve` would use; errors of the inputs as in `retrieve`."""
    files, align = arguments.get("reanalysis", ()), arguments.get("align", False)
    inputs = resolve_inputs(
        scene, {name: arguments.get(name) for name in _ATMOSPHERE_FIELDS}, arguments.get("model"),
        emissivity=arguments.get("emissivity"), reanalysis=[files] if isinstance(files, str | Path) else files,
        dem=arguments.get("dem"), align=align,
    )  # fmt: skip
    choose_masking(
        scene, clouds=arguments.get("mask_clouds", True), dilation=arguments.get("mask_dilation", 0.0), align=align
    )
    return inputs.model.contract.name if inputs.model else None


def _require_distinct(scenes: Sequence[ListedScene], targets: Sequence[str]) -> None:
    """Require one product per scene, also on file systems that ignore case."""
    by_target: dict[str, list[ListedScene]] = defaultdict(list)
    for scene, target in zip(scenes, targets, strict=True):
        by_target[target.lower()].append(scene)
    shared = [same for same in by_target.values() if len(same) > 1]
    if shared:
        first = shared[0]
        more = f" ({len(shared) - 1} other products are not unique either)" if len(shared) > 1 else ""
        raise InputError(
            f"{len(first)} scenes would have the same product {first[0].name}_LST.tif: "
            f"{', '.join(scene.shown for scene in first[:4])}{more}; leave out all but one, or give them names in a "
            "table (.csv, column name)"
        )


def _exists(target: str) -> bool:
    address = Address.parse(target)
    if address is None:
        return Path(target).exists()
    try:
        return bool(fetch(address, 0, 1).content)
    except LstRasterError:
        return False
