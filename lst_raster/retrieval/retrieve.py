"""Land surface temperature of a scene: the stages of a retrieval, in order, for the command line and the Python API.

`retrieve` opens the scene, resolves the inputs, chooses the masks, prepares the run (with the coarse grid of the
atmosphere), plans the product, looks for an existing one, checks the output, writes the product, and collects the
warnings.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lst_raster import __version__
from lst_raster.errors import SceneError
from lst_raster.inference.model import Model
from lst_raster.inputs.fields import Source
from lst_raster.inputs.reanalysis.read import reanalysis_location
from lst_raster.inputs.resolve import Inputs, input_warnings, resolve_inputs, warnings_of
from lst_raster.io.address import Address, Location
from lst_raster.io.plausibility import HOTTEST_GROUND, LARGELY
from lst_raster.io.raster import gdal_settings
from lst_raster.io.scene import Scene
from lst_raster.product.destination import check_targets, product_path
from lst_raster.product.paths import OutputForm, ProductPaths
from lst_raster.product.sidecars import write_sidecars
from lst_raster.product.stac import COUNTS, RUN
from lst_raster.product.staging import new_files
from lst_raster.retrieval.interpolation_check import TOLERANCE, InterpolationCheck
from lst_raster.retrieval.masks import Masking, choose_masking
from lst_raster.retrieval.resume import (
    SameProduct,
    States,
    file_states,
    find_same,
    fingerprint,
    require_identified,
    require_unchanged,
)
from lst_raster.retrieval.run import CACHE, Progress, Run, TileCounts, open_cogs, write_tiles
from lst_raster.retrieval.workers import available_threads
from lst_raster.sensors.bands import definition_path

_LOGGER = logging.getLogger(__name__)

DEFAULT_FORM = OutputForm()
"""Temperature, uncertainty and quality, of a type and a compression that every program reads."""

EQUATION = "L = tau [e B(Ts) + (1 - e) Ld] + Lu, solved for Ts"
"""The equation that a product solves, for its provenance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """A finished product."""

    path: Location
    """The Cloud Optimized GeoTIFF of the temperature, a path or an address in an object store; the names of the other
    files begin as its own."""
    files: tuple[Location, ...]
    """All files that were written."""
    tags: Mapping[str, str]
    """Its provenance, as its metadata holds it."""
    pixels: int
    """Number of pixels of the scene."""
    retrieved: int
    """Number of pixels with a temperature."""
    warnings: tuple[str, ...]
    """What was assumed, and what is unusual, one line each; the log has them too."""
    reused: bool = False
    """Whether it existed already, made of the same inputs, and was kept."""

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _product_of, ({**values, "tags": dict(self.tags)},)  # a read-only mapping does not pickle


def _product_of(values: dict[str, Any]) -> Product:
    return Product(**{**values, "tags": MappingProxyType(values["tags"])})


def retrieve(
    scene: Scene | str | Location,
    *,
    output: str | Path | Address = ".",
    emissivity: Source | Sequence[Source] | None = None,
    water_vapour: Source | None = None,
    air_temperature: Source | None = None,
    surface_pressure: Source | None = None,
    reanalysis: str | Path | Sequence[str | Path] = (),
    dem: Source | None = None,
    align: bool = False,
    model: Model | str | Path | None = None,
    mask_clouds: bool = True,
    mask_dilation: float = 0.0,
    form: OutputForm = DEFAULT_FORM,
    exact: bool = False,
    threads: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Product:
    """Retrieve the land surface temperature of a scene.

    What is not given and not in the reanalysis is assumed, with a warning in the log at the end: emissivity 0.97, and
    of the atmosphere the standard atmosphere of the scene's latitude and season.

    Parameters
    ----------
    scene : Scene, str, path or Address
        The scene, or a path or an address that `Scene.open` takes: thermal band, folder, metadata file or archive. A
        `Level2Scene` has its own air: then nothing but the emissivity can be given.
    output : str, path or Address
        Folder of the product ``<stem>_LST.tif``, or the path of the product itself; of either also the ``s3`` address.
    emissivity : float, str, path, or sequence of them, optional
        Surface emissivity: a number, a raster on the scene's grid, or one of
        `lst_raster.inputs.emissivity.registry.SOURCES`, such as ``ndvi`` or ``aster-ged:FOLDER``; of several each pixel
        takes the first that has one. [1]
    water_vapour : float, str or path, optional
        Water vapour column, a number, a text such as ``29mm`` or ``2.9cm``, or a raster. [kg m-2]
    air_temperature : float, str or path, optional
        Air temperature 2 m above the ground, a number or a raster. [K]
    surface_pressure : float, str or path, optional
        Air pressure at the ground, a number or a raster. [hPa]
    reanalysis : str, path, or sequence of them, optional
        Files (netCDF, GRIB or a ZIP of them) with the water vapour, and perhaps the air temperature and the surface
        pressure, for the scene's time and place. What is given by itself comes first.
    dem : float, str or path, optional
        Elevation of the ground, a number or a raster: reanalysis (from its own surface) and standard atmosphere (from
        the sea) are brought to it; what is given by itself is not. [m]
    align : bool
        Whether rasters on another grid are warped onto the scene's, instead of refused.
    model : Model, str or path, optional
        The model, its name or its path. Without it that of the scene's sensor of the tier ``profile`` where the
        reanalysis has temperature and humidity on levels; else ``column`` where the water vapour is given and the air
        temperature is not, else ``surface``.
    mask_clouds : bool
        Whether clouds, dilated clouds, their shadows and cirrus get no temperature, where the scene has a quality band.
    mask_dilation : float
        Distance around them that gets none either. [m]
    form : OutputForm
        What is written, in which type and compression.
    exact : bool
        Whether the model runs at every pixel, instead of on a grid from which the air is interpolated. It does so
        anyway where a quantity of the air is given as a raster.
    threads : int, optional
        Number of tiles worked on at the same time; the processors of this process by default.
    overwrite : bool
        Whether an existing product is replaced; without it one that is made of the same inputs is kept as it is, and
        another one is an error.
    progress : callable, optional
        Called after every tile with the tiles done and their total; where it returns False the run stops.

    Returns
    -------
    Product
        The product: float32 on the scene's grid, NaN where there is no temperature. [K]

    Raises
    ------
    InputNotFoundError, SceneError, UnknownSensorError
        As `Scene.open`.
    InputError, GridMismatchError
        Something given is not possible, or not on the scene's grid; or a file has changed while it was read.
    ModelError
        There is no such model, or it is for another sensor band.
    OutputError
        The product exists, or cannot be written. Nothing half written stays.
    RemoteError
        A server or an object store does not answer, or refuses.
    CancelledError
        `progress` returned False. Nothing half written stays.
    """
    scene = scene if isinstance(scene, Scene) else Scene.open(scene)
    files = [reanalysis] if isinstance(reanalysis, str | Path) else list(reanalysis)
    given = {"water_vapour": water_vapour, "air_temperature": air_temperature, "surface_pressure": surface_pressure}
    inputs = resolve_inputs(scene, given, model, emissivity=emissivity, reanalysis=files, dem=dem, align=align)
    masking = choose_masking(scene, clouds=mask_clouds, dilation=mask_dilation, align=align)
    run = Run.prepare(scene, inputs, masking, form, exact=exact)
    plan = plan_product(run, output, files, exact=exact)
    if not overwrite:
        existing = existing_product(plan)
        if existing is not None:
            return existing
    check_output(plan, overwrite=overwrite)
    tally = write_product(plan, threads or available_threads(), progress or _unwatched)
    warnings = warnings_after(plan, tally)
    for line in warnings:
        _LOGGER.warning(line)
    return _product(plan, plan.tags, tally, warnings)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductPlan:
    """A product before it is written."""

    run: Run
    """Scene, inputs, masks and form."""
    paths: ProductPaths
    """Where its files will be."""
    tags: dict[str, str]
    """Its provenance; the counts of the run are added when it is written."""
    inputs: tuple[Location, ...]
    """Files that are read."""
    states: States
    """How those files were when the run began."""
    fingerprint: str | None
    """Fingerprint of options and input files, None where a file cannot be identified."""

    @property
    def rasters(self) -> tuple[Location, ...]:
        """Its rasters."""
        return tuple(self.paths.rasters(self.run.form, uncertainty=self.run.inputs.level2 is None))

    @property
    def files(self) -> tuple[Location, ...]:
        """All its files."""
        return (*self.rasters, *self.paths.sidecars(self.run.form))


def plan_product(
    run: Run, output: str | Path | Address, reanalysis: Sequence[str | Path], *, exact: bool
) -> ProductPlan:  # fmt: skip
    """Stage: paths, provenance and fingerprint of the product.

    Parameters
    ----------
    run : Run
        The run.
    output : str, path or Address
        As in `retrieve`.
    reanalysis : sequence of str or path
        Files of reanalysis.
    exact : bool
        As in `retrieve`.
    """
    scene, inputs, masking = run.scene, run.inputs, run.masking
    tags = _provenance(scene, inputs, masking)
    read = (*_files(scene), *inputs.rasters, *masking.rasters, *map(reanalysis_location, reanalysis))
    states = file_states(read)
    return ProductPlan(
        run=run, paths=ProductPaths(temperature=product_path(output, scene.stem)), tags=tags, inputs=read,
        states=states, fingerprint=fingerprint(tags, run.form, exact, states),
    )  # fmt: skip


def existing_product(plan: ProductPlan) -> Product | None:
    """Stage: the product that exists already and is made of the same inputs; None without one.

    Raises
    ------
    OutputError
        A product exists whose input files cannot be identified, so that it cannot be compared.
    """
    if plan.run.form.lst_only:  # it has no item, which holds the fingerprint
        return None
    same = find_same(plan.paths, plan.fingerprint)
    if same is None:
        require_identified(plan.paths, plan.states)
        return None
    _LOGGER.warning(f"{plan.paths.temperature} exists and is made of the same inputs: it is kept")
    return _product(plan, same.tags, same, reused=True)


def check_output(plan: ProductPlan, *, overwrite: bool) -> None:
    """Stage: whether the product's files can be written.

    Raises
    ------
    OutputError
        A file exists, is an input too, or the disk is full.
    """
    targets = dict.fromkeys((plan.paths.temperature, *plan.files))  # its name says most to the user
    check_targets(targets, plan.run.scene.grid, inputs=plan.inputs, overwrite=overwrite)


def write_product(plan: ProductPlan, threads: int, progress: Progress) -> TileCounts:
    """Stage: all tiles, then the sidecar files; all files are written, or none.

    For each tile (`lst_raster.retrieval.run.write_tiles`): radiance and inputs are read, the atmosphere is interpolated
    from the coarse grid or predicted by the model, the equation is solved for the temperature, and its uncertainty and
    quality bits follow.

    Returns
    -------
    TileCounts
        Counts over the tiles, which are also added to the provenance.

    Raises
    ------
    SceneError
        No pixel has a temperature, or most are hotter than any land surface.
    InputError
        An input file has changed in the meantime.
    OutputError
        A file cannot be written.
    CancelledError
        `progress` returned False.
    """
    run, paths = plan.run, plan.paths
    with (
        gdal_settings(GDAL_CACHEMAX=CACHE),  # and GDAL's messages go to the log, not to the terminal
        new_files(paths.temperature.parent) as files,
    ):
        with open_cogs(run, paths, files, threads) as cogs:
            tally = write_tiles(run, cogs, threads, progress)
            require_unchanged(plan.states)
            _require_result(run, tally)
            plan.tags.update(_findings(run, tally))
            for cog in cogs.written:
                cog.tags.update(plan.tags)
        if not run.form.lst_only:
            counts = {COUNTS: {"pixels": tally.pixels, "retrieved": tally.retrieved}}
            write_sidecars(paths, files, counts | ({RUN: plan.fingerprint} if plan.fingerprint else {}))
    return tally


def warnings_after(plan: ProductPlan, tally: TileCounts) -> tuple[str, ...]:
    """Stage: what was assumed, and what is unusual, one line each."""
    run = plan.run
    return (
        *warnings_of(run.scene, run.inputs),
        *_mask_warnings(run.masking),
        *_range_warnings(run.inputs, tally),
        *_check_warnings(run.check),
    )


def _product(
    plan: ProductPlan, tags: Mapping[str, str], counts: TileCounts | SameProduct, warnings: tuple[str, ...] = (), *,
    reused: bool = False,
) -> Product:  # fmt: skip
    return Product(
        path=plan.paths.temperature, files=plan.files, tags=MappingProxyType(dict(tags)), pixels=counts.pixels,
        retrieved=counts.retrieved, warnings=warnings, reused=reused,
    )  # fmt: skip


def _files(scene: Scene) -> list[Location]:
    """Files of the scene itself: its thermal band, its metadata, and the definition of a sensor of the user's own."""
    mtl, definition = scene.files.mtl, definition_path(scene.sensor)
    return [
        scene.place.location, *([mtl.location] if mtl and mtl.location else []), *([definition] if definition else []),
    ]  # fmt: skip


def _findings(run: Run, tally: TileCounts) -> dict[str, str]:
    """Tell for the provenance what was found on the way."""
    found = {
        "retrieved_pixels": f"{tally.retrieved} of {tally.pixels}",
        "masked_pixels": _counts(tally),
        "emissivity_pixels": _shares(run.inputs, tally),
        "air": run.air(),
    }
    return found | ({"uncertainty_parts": run.check.budget()} if run.has_uncertainty else {})


def _require_result(run: Run, tally: TileCounts) -> None:
    """Refuse to write a product without a single temperature, or with temperatures that no ground has."""
    if tally.hot > LARGELY * tally.retrieved:
        raise SceneError(
            f"{tally.hot / tally.retrieved:.0%} of the temperatures retrieved from {run.scene.place.name} are above "
            f"{HOTTEST_GROUND:g} K, which no natural land surface is; the file may hold Level-2 surface temperature or "
            "another quantity in place of Level-1 digital numbers, or the calibration or the water vapour is wrong"
        )
    if tally.retrieved:
        return
    if not tally.measured:
        reason = "every pixel is fill (0) or saturated; give another scene"
    elif tally.masked["any"] == tally.measured:
        reason = "every pixel is masked as cloud, shadow or cirrus; --keep-clouds retrieves them all the same"
    elif not tally.known:
        given = ", ".join(run.inputs.varying)
        reason = f"where it has values the rasters given with it ({given}) have none; check their nodata values"
    else:
        reason = "the atmosphere alone exceeds its radiance; check the water vapour and the air temperature"
    raise SceneError(f"{run.scene.place.name} has no pixel that can be retrieved: {reason}")


def _counts(tally: TileCounts) -> str:
    """Say how many measured pixels were masked, in all and by reason."""
    reasons = [f"{name.replace('_', ' ')} {count}" for name, count in tally.masked.items() if name != "any"]
    return f"{tally.masked['any']} of {tally.measured}" + (f" ({', '.join(reasons)})" if reasons else "")


def _shares(inputs: Inputs, tally: TileCounts) -> str:
    """Say how many pixels took their emissivity from which source."""
    return ", ".join(f"{name} {tally.sources[number]}" for number, name in enumerate(inputs.emissivity.names, start=1))


def _mask_warnings(masking: Masking) -> list[str]:
    quality = masking.quality
    if quality is None or not quality.misnamed:
        return []
    return [f"{quality.place.name} is not what its name says: its bits are those of {quality.layout.name}, and so read"]


def _check_warnings(check: InterpolationCheck) -> list[str]:
    if check.largest <= TOLERANCE:
        return []
    return [f"the coarse grid of the air is off by more than {TOLERANCE:g} K: {check}; --exact avoids it"]


def _range_warnings(inputs: Inputs, tally: TileCounts) -> list[str]:
    return list(input_warnings(inputs.model, tally.extremes).values()) if inputs.model else []


def _provenance(scene: Scene, inputs: Inputs, masking: Masking) -> dict[str, str]:
    """Metadata of the product: all that is needed to make it again, and no path of the machine it was made on."""
    return {
        **scene.tags,
        "equation": EQUATION,
        "lst_raster_version": __version__,
        "input": scene.place.label,
        "sensor": scene.sensor,
        "acquisition_date": str(scene.date or "unknown"),
        "acquisition_time": f"{scene.date.time}Z" if scene.date and scene.date.time else "unknown",
        "calibration": str(scene.calibration),
        **model_provenance(inputs.model),
        **inputs.texts,
        "mask": str(masking),
    }


def model_provenance(model: Model | None) -> dict[str, str]:
    """Metadata that name a model beyond doubt."""
    if model is None:
        return {"model": "none: the terms of a Level-2 product"}
    return {
        "model": model.contract.name,
        "model_version": str(model.metadata.get("version", "unversioned")),
        "model_sha256": model.digest,
    }


def _unwatched(done: int, total: int) -> bool:
    return True
