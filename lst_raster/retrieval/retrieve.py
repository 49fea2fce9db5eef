"""Land surface temperature of a scene: the stages of a retrieval, in order, for the command line and the Python API.

`retrieve` opens the scene, resolves the inputs, chooses the masks, prepares the run (with the coarse grid of the
atmosphere), plans the product, looks for an existing one, checks the output, writes the product, and collects the
warnings.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lst_raster import __version__
from lst_raster.errors import InputError, SceneError
from lst_raster.inference.model import Model
from lst_raster.inputs.automatic_reanalysis import reanalysis_files
from lst_raster.inputs.fields import Source
from lst_raster.inputs.reanalysis.read import reanalysis_location
from lst_raster.inputs.resolve import Inputs, assumption_warnings, choose_bands, input_warnings, resolve_inputs
from lst_raster.io.address import Address, Location
from lst_raster.io.open_scene import open_scene
from lst_raster.io.plausibility import HOT_FRACTION, HOTTEST_GROUND
from lst_raster.io.raster import gdal_settings
from lst_raster.io.scene import Scene
from lst_raster.physics.correlated_errors import Components
from lst_raster.product.destination import check_targets, product_path
from lst_raster.product.paths import ANGLES_TAG, COMPONENTS_TAG, OutputFormat, ProductPaths
from lst_raster.product.sidecars import write_sidecars
from lst_raster.product.stac import COUNTS_PROPERTY, RUN
from lst_raster.product.staging import new_files
from lst_raster.retrieval.masks import Masking, choose_masking, mask_warnings
from lst_raster.retrieval.neighbourhood import neighbourhood_fields
from lst_raster.retrieval.resume import (
    States,
    file_states,
    find_same,
    fingerprint,
    require_identified,
    require_unchanged,
)
from lst_raster.retrieval.run import GDAL_CACHE_SIZE, TOLERANCE, Progress, Run, TileCounts, open_cogs, write_tiles
from lst_raster.retrieval.workers import available_threads
from lst_raster.sensors.bands import definition_path

_LOGGER = logging.getLogger(__name__)

DEFAULT_FORM = OutputFormat()
"""Temperature, uncertainty and quality, of a type and a compression that every program reads."""
EQUATION = "L = tau [e B(Ts) + (1 - e) Ld] + Lu, solved for Ts"
"""The equation that a product solves, for its provenance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """A finished product."""

    path: Location
    """The Cloud Optimized GeoTIFF of the temperature, a path or an address in an object store; the names of the other
    files start with its name."""
    files: tuple[Location, ...]
    """All files of the product."""
    tags: Mapping[str, str]
    """Provenance, as in its metadata."""
    pixels: int
    """Number of pixels of the scene."""
    retrieved: int
    """Number of pixels with a temperature."""
    warnings: tuple[str, ...] = ()
    """Assumptions and anomalies, one line each, as in the log."""
    reused: bool = False
    """Whether the product existed already, with the same inputs, and was kept."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", MappingProxyType(dict(self.tags)))

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return partial(Product, **{**values, "tags": dict(self.tags)}), ()  # a read-only mapping does not pickle


def retrieve(
    scene: Scene | str | Location, *, output: str | Path | Address = ".",
    emissivity: Source | Sequence[Source] | None = None, water_vapour: Source | None = None,
    air_temperature: Source | None = None, surface_pressure: Source | None = None,
    aerosol: Source | None = None, bands: str = "auto", reanalysis: str | Path | Sequence[str | Path] = (),
    dem: Source | None = None, bbox: str | Sequence[float] | None = None, align: bool = False,
    model: Model | str | Path | None = None, mask_clouds: bool = True, mask_dilation: float = 0.0,
    form: OutputFormat = DEFAULT_FORM, exact: bool = False, threads: int | None = None, overwrite: bool = False,
    progress: Progress | None = None,
) -> Product:  # fmt: skip
    """Retrieve the land surface temperature of a scene.

    Missing inputs are assumed, with a warning in the log at the end: emissivity 0.97, and the climatology of the
    scene's place and day with its uncertainty, which the uncertainty of the temperature includes.

    Parameters
    ----------
    scene : Scene, str, path or Address
        The scene; or a path or an address: thermal band, folder, metadata file or archive; or the identifier of a
        Landsat product or the address of a STAC item, which is downloaded (`lst_raster.io.open_scene.open_scene`). A
        `Level2Scene` provides the atmosphere, and accepts no input but the emissivity.
    output : str, path or Address
        Folder of the product ``<stem>_LST.tif``, or the path of the product itself; either may be an ``s3`` address.
    emissivity : float, str, path, or sequence of them, optional
        Surface emissivity: a number, a raster on the scene's grid, or one of
        `lst_raster.inputs.emissivity.registry.SOURCES`, such as ``ndvi`` or ``aster-ged:FOLDER``; of several sources
        the first with a value at the pixel is used. [1]
    water_vapour : float, str or path, optional
        Water vapour column: a number, a text such as ``29mm`` or ``2.9cm``, or a raster. A text may end with a standard
        uncertainty, ``29mm±2mm`` or ``wv.tif±10%``, by default 5 % and at least 0.5. [kg m-2]
    air_temperature : float, str or path, optional
        Air temperature 2 m above the ground: a number or a raster, likewise with an uncertainty (``25C±2C``), by
        default 1. [K]
    surface_pressure : float, str or path, optional
        Air pressure at the ground: a number or a raster. [hPa]
    aerosol : float, str or path, optional
        Absorption optical depth of aerosol at 11 um: a number or a raster, likewise with an uncertainty; by default
        0.02±0.015. [1]
    reanalysis : str, path, or sequence of them, optional
        Files (netCDF, GRIB or a ZIP of them) with the water vapour, and optionally the air temperature and the surface
        pressure, for the scene's time and place. Quantities given by their own argument take precedence. ``auto``
        fetches what is needed into a cache, and ``auto:levels`` also temperature and humidity on levels; if that fails,
        a warning gives the reasons, and the climatology serves.
    dem : float, str or path, optional
        Elevation of the ground, a number or a raster, to which reanalysis and climatology are adjusted
        from their own surfaces; quantities given by their own argument are not adjusted. [m]
    bands : {"auto", "both", "one"}
        Thermal bands to use. By default both of Landsat 8 and 9 where the scene has them, unless one was chosen when it
        was opened or stray light is not corrected (`lst_raster.inputs.resolve.choose_bands`).
    bbox : str or sequence of float, optional
        Bounding box west, south, east, north: only the pixels that it touches are retrieved. [degree]
    align : bool
        Whether to warp rasters on another grid onto the scene's grid, instead of raising an error.
    model : Model, str or path, optional
        The model, its name or its path. By default the model of the scene's sensor and the tier ``profile`` where the
        reanalysis has temperature and humidity on levels, else ``surface``; with both bands ``dual-profile`` or
        ``dual``.
    mask_clouds : bool
        Whether to mask clouds, dilated clouds, their shadows and cirrus, where the scene has a quality band.
    mask_dilation : float
        Distance around clouds that is masked too. [m]
    form : OutputFormat
        Files to write, their data type and compression.
    exact : bool
        Whether to run the model at every pixel, instead of on a coarse grid from which the atmosphere is interpolated.
        It always runs at every pixel where an atmospheric quantity is given as a raster.
    threads : int, optional
        Number of tiles processed at the same time; by default the number of processors available to this process.
    overwrite : bool
        Whether to replace an existing product. Without it a product with the same inputs is kept, and another one is
        an error.
    progress : callable, optional
        Called after every tile with the number of tiles completed and in total; returns False to stop the run.

    Returns
    -------
    Product
        The product: float32 on the scene's grid, NaN where there is no temperature. [K]

    Raises
    ------
    InputNotFoundError, SceneError, UnknownSensorError
        As `Scene.open`.
    InputError, GridMismatchError
        An input is impossible, or not on the scene's grid; or a file has changed during the run.
    ModelError
        There is no such model, or it is for another sensor band.
    OutputError
        The product exists, or cannot be written. No incomplete files remain.
    RemoteError
        A server or an object store does not respond, or refuses access.
    CancelledError
        `progress` returned False. No incomplete files remain.
    """
    if not isinstance(scene, Scene):
        scene = open_scene(scene, bbox=bbox, emissivity=emissivity, angles=form.angles)
    elif bbox is not None:
        raise InputError("the scene is open already; give the box to open_scene, or the path of the scene")
    scene = choose_bands(scene, bands, model)
    given = {
        "water_vapour": water_vapour, "air_temperature": air_temperature, "surface_pressure": surface_pressure,
        "aerosol_optical_depth": aerosol,
    }  # fmt: skip
    known = [name for name, value in given.items() if value is not None]
    files, missing = reanalysis_files(scene, reanalysis, known, model)
    inputs = resolve_inputs(scene, given, model, emissivity=emissivity, reanalysis=files, dem=dem, align=align)
    masking = choose_masking(scene, clouds=mask_clouds, dilation=mask_dilation, align=align)
    if inputs.model is not None:
        around = neighbourhood_fields(scene, inputs.emissivity, masking, threads or available_threads())
        inputs = inputs.with_neighbourhood(*around)
    run = Run.prepare(scene, inputs, masking, form, exact=exact)
    plan = plan_product(run, output, files, exact)
    if not overwrite:
        existing = existing_product(plan)
        if existing is not None:
            return existing
    check_output(plan, overwrite=overwrite)
    counts, tags = write_product(plan, threads or available_threads(), progress or (lambda done, total: True))
    warnings = warnings_after(run, counts)
    for line in warnings:
        _LOGGER.warning(line)
    return Product(
        path=plan.paths.temperature, files=plan.files, tags=tags, pixels=counts.pixels, retrieved=counts.retrieved,
        warnings=(*missing, *warnings),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductPlan:
    """A product before it is written."""

    run: Run
    paths: ProductPaths
    tags: Mapping[str, str]  # provenance known before the run
    inputs: tuple[Location, ...]  # files that are read
    states: States  # of these files before the run
    fingerprint: str | None  # of options and input files, None where a file cannot be identified

    @property
    def files(self) -> tuple[Location, ...]:
        """All files of the product."""
        rasters = self.paths.rasters(self.run.form, uncertainty=self.run.has_uncertainty)
        return (*rasters, *self.paths.sidecars(self.run.form))


def plan_product(run: Run, output: str | Path | Address, reanalysis: Sequence[str | Path], exact: bool) -> ProductPlan:
    """Stage: paths, provenance and fingerprint of the product."""
    scene = run.scene
    tags = _provenance(scene, run.inputs, run.masking)
    if run.angles is not None:
        tags[ANGLES_TAG] = str(run.angles)
    if run.has_uncertainty and run.form.uncertainty == "components":
        tags[COMPONENTS_TAG] = ", ".join(Components._fields)
    mtl, definition = scene.files.mtl, definition_path(scene.sensor)  # the latter of a custom sensor
    second = scene.second.place.location if scene.second else None
    scene_files = [scene.place.location, second, mtl.location if mtl else None, definition]
    read = (
        *(file for file in scene_files if file),
        *run.inputs.rasters, *run.masking.rasters, *map(reanalysis_location, reanalysis),
        *(place.location for place in (run.angles.files if run.angles else ())),
    )  # fmt: skip
    states = file_states(read)
    return ProductPlan(
        run=run, paths=ProductPaths(temperature=product_path(output, scene.stem)), tags=tags, inputs=read,
        states=states, fingerprint=fingerprint(tags, run.form, exact, states),
    )  # fmt: skip


def existing_product(plan: ProductPlan) -> Product | None:
    """Stage: the existing product with the same inputs; None without one.

    Raises OutputError: a product exists, but an input file cannot be identified, so they cannot be compared.
    """
    if plan.run.form.lst_only:  # there is no STAC item, which holds the fingerprint
        return None
    same = find_same(plan.paths, plan.fingerprint)
    if same is None:
        require_identified(plan.paths, plan.states)
        return None
    _LOGGER.warning(f"{plan.paths.temperature} exists and has the same inputs: it is kept")
    tags, counts = same
    return Product(
        path=plan.paths.temperature, files=plan.files, tags=tags, pixels=counts["pixels"],
        retrieved=counts["retrieved"], reused=True,
    )  # fmt: skip


def check_output(plan: ProductPlan, *, overwrite: bool) -> None:
    """Stage: raise OutputError where a file of the product exists or is an input too, or the disk is full."""
    targets = dict.fromkeys((plan.paths.temperature, *plan.files))  # a message names the temperature first
    check_targets(targets, plan.run.scene.grid, inputs=plan.inputs, overwrite=overwrite)


def write_product(plan: ProductPlan, threads: int, progress: Progress) -> tuple[TileCounts, dict[str, str]]:
    """Stage: all tiles, then the sidecar files; all files are written, or none.

    For each tile (`lst_raster.retrieval.run.write_tiles`): radiance and inputs are read, the atmosphere is interpolated
    from the coarse grid or predicted by the model, the equation is solved for the temperature, and its uncertainty and
    quality bits follow. Returns counts over all tiles, and the complete provenance. Raises SceneError: no pixel has a
    temperature, or most are hotter than any land surface; InputError: an input file has changed during the run;
    OutputError: a file cannot be written; CancelledError: `progress` returned False.
    """
    run, paths = plan.run, plan.paths
    with (
        gdal_settings(GDAL_CACHEMAX=GDAL_CACHE_SIZE),  # and GDAL's messages go to the log, not to the terminal
        new_files(paths.temperature.parent) as files,
    ):
        layers, grid = run.layers(paths), run.scene.grid
        with open_cogs(layers, grid, run.form.compress, files=files) as cogs:
            counts = write_tiles(run, cogs, threads, progress)
            require_unchanged(plan.states)
            _require_result(run, counts)
            tags = {**plan.tags, **_result_tags(run, counts)}
            for cog in cogs.values():
                cog.tags.update(tags)
            tags = dict(cogs["temperature"].tags)
        if not run.form.lst_only:
            properties: dict[str, Any] = {COUNTS_PROPERTY: {"pixels": counts.pixels, "retrieved": counts.retrieved}}
            properties |= {RUN: plan.fingerprint} if plan.fingerprint else {}
            write_sidecars(paths, files, properties, counts.quality_values)
    return counts, tags


def warnings_after(run: Run, counts: TileCounts) -> tuple[str, ...]:
    """Stage: assumptions and anomalies, one line each."""
    lines = assumption_warnings(run.scene, run.inputs)
    lines += mask_warnings(run.scene, run.masking)
    if run.inputs.model:
        lines += input_warnings(run.inputs.model, counts.input_ranges).values()
    if run.check.largest > TOLERANCE:
        lines.append(
            f"the error of the coarse atmosphere exceeds {TOLERANCE:g} K: {run.check}; add --exact to avoid it"
        )
    return tuple(lines)


def _result_tags(run: Run, counts: TileCounts) -> dict[str, str]:
    """Provenance that is known after the run: counts of pixels, and the self-check."""
    by_kind = [f"{kind.replace('_', ' ')} {count}" for kind, count in counts.masked.items() if kind != "any"]
    masked = f"{counts.masked['any']} of {counts.measured}" + (f" ({', '.join(by_kind)})" if by_kind else "")
    sources = [f"{name} {counts.sources[number]}" for number, name in enumerate(run.inputs.emissivity.names, start=1)]
    tags = {
        "retrieved_pixels": f"{counts.retrieved} of {counts.pixels}", "masked_pixels": masked,
        "emissivity_pixels": ", ".join(sources), "air": run.atmosphere_method(),
    }  # fmt: skip
    if run.has_uncertainty:
        tags["uncertainty_parts"] = run.check.uncertainty_parts()
        tags["systematic_uncertainty"] = run.check.systematic_uncertainty()
    return tags


def _require_result(run: Run, counts: TileCounts) -> None:
    """Raise SceneError where no pixel has a temperature, or most are hotter than any natural surface."""
    if counts.too_hot > HOT_FRACTION * counts.retrieved:
        raise SceneError(
            f"{counts.too_hot / counts.retrieved:.0%} of the temperatures retrieved from {run.scene.place.name} are "
            f"above {HOTTEST_GROUND:g} K, which no natural land surface is; the file may hold Level-2 surface "
            "temperature or another quantity in place of Level-1 digital numbers, or the calibration or the water "
            "vapour is wrong"
        )
    if counts.retrieved:
        return
    if not counts.measured:
        reason = "every pixel is fill (0) or saturated; give another scene"
    elif counts.masked["any"] == counts.measured:
        reason = "every pixel is masked as cloud, shadow or cirrus; --keep-clouds retrieves them anyway"
    elif not counts.valid:
        names = ", ".join(run.inputs.varying)
        reason = f"where it has values the rasters given with it ({names}) have none; check their nodata values"
    else:
        reason = "the path radiance exceeds its radiance; check the water vapour and the air temperature"
    raise SceneError(f"{run.scene.place.name} has no pixel that can be retrieved: {reason}")


def _provenance(scene: Scene, inputs: Inputs, masking: Masking) -> dict[str, str]:
    """Metadata needed to reproduce the product, without paths of this machine."""
    return {
        **scene.tags, "equation": EQUATION, "lst_raster_version": __version__, "input": scene.place.label,
        "sensor": scene.sensor, "acquisition_date": str(scene.date or "unknown"),
        "acquisition_time": f"{scene.date.time}Z" if scene.date and scene.date.time else "unknown",
        **_sun(scene), "calibration": str(scene.calibration), **_second_band(scene),
        **model_provenance(inputs.model), **inputs.texts, "mask": str(masking),
    }  # fmt: skip


def _sun(scene: Scene) -> dict[str, str]:
    """Position of the sun at the scene centre and the time of acquisition, where the metadata have it. [degree]"""
    mtl = scene.files.mtl
    numbers = {name: mtl.number(name.upper()) if mtl else None for name in ("sun_elevation", "sun_azimuth")}
    return {name: f"{number:.2f}" for name, number in numbers.items() if number is not None}


def _second_band(scene: Scene) -> dict[str, str]:
    """Metadata of the second band, where it is used."""
    if scene.second is None:
        return {}
    return {
        "second_input": scene.second.place.label, "second_sensor": scene.second.sensor,
        "second_calibration": str(scene.second.calibration),
    }  # fmt: skip


def model_provenance(model: Model | None) -> dict[str, str]:
    """Metadata that identify a model."""
    if model is None:
        return {"model": "none: the terms of a Level-2 product"}
    version = str(model.metadata.get("version", "unversioned"))
    return {"model": model.contract.name, "model_version": version, "model_sha256": model.digest}
