"""Self-assessment of a product against CEOS-ARD for surface temperature."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lst_raster.errors import InputError
from lst_raster.io.grid import Grid
from lst_raster.io.raster import open_raster
from lst_raster.product.check import check_product
from lst_raster.product.paths import ANGLES, COMPONENTS, ProductSet, find_product
from lst_raster.resources import data_path
from lst_raster.sensors.bands import sensor_band

Status: TypeAlias = Literal["met", "partly", "not", "depends on input", "not required"]

VERSION = "6.0 draft"
"""Version of the specification, that of 14 August 2026."""
_AUXILIARY = ("emissivity", "atmosphere", "water_vapour", "surface_pressure", "air_temperature")


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """Status of a product for one requirement."""

    identifier: str  # in the specification
    title: str
    threshold: str  # "none" if there is no requirement
    goal: str
    at_threshold: Status
    at_goal: Status
    evidence: str  # from the files of the product


def requirements() -> list[dict[str, Any]]:
    """Read the table of requirements (see ``data/ceos_ard/surface_temperature.toml``), in the specification's order."""
    text = data_path("ceos_ard", "surface_temperature.toml").read_text(encoding="utf-8")
    entries: list[dict[str, Any]] = tomllib.loads(text)["requirement"]
    return entries


def assess(path: str | Path) -> list[Assessment]:
    """Compare a product with CEOS-ARD Surface Temperature, from its LST file or STAC item.

    This is a self-assessment, not a CEOS-ARD assessment, which is peer-reviewed. Raises InputError or
    InputNotFoundError if there is no product of lst-raster.

    CEOS, Analysis Ready Data, Product Family Specification Surface Temperature, version 6.0.0-draft (14 August 2026),
    https://github.com/ceos-org/ceos-ard
    """
    missing, values = _inspect(find_product(path))
    assessments = []
    for entry in requirements():
        lacking = [status for name, status in entry.get("without", {}).items() if name in missing]
        status = lacking[0] if lacking else entry
        assessments.append(Assessment(
            identifier=entry["identifier"], title=entry["title"], threshold=entry["threshold"], goal=entry["goal"],
            at_threshold=status["at_threshold"], at_goal=status["at_goal"],
            evidence=status["evidence"].format_map(values),
        ))  # fmt: skip
    return assessments


def report_lines(assessments: Sequence[Assessment]) -> Iterator[str]:
    """Format an assessment as lines of text."""
    yield f"CEOS-ARD Surface Temperature {VERSION}, from the files of the product; a self-assessment, not peer-reviewed"
    for entry in assessments:
        yield f"{entry.identifier}: {entry.title}: threshold {entry.at_threshold}, goal {entry.at_goal}"
        yield f"     required at threshold: {entry.threshold}"
        yield f"     found: {entry.evidence}"
    required = [entry.at_threshold for entry in assessments if entry.at_threshold != "not required"]
    counts = ", ".join(f"{status} {required.count(status)}" for status in dict.fromkeys(required))
    yield f"Of {len(required)} requirements at threshold: {counts}"


def _inspect(product: ProductSet) -> tuple[set[str], defaultdict[str, str]]:
    """Find what a product lacks, and the values for the evidence; a value that is not in its metadata is "unknown"."""
    with open_raster(product.lst, "product", InputError) as dataset:
        tags, grid, units = dataset.tags(), Grid.of(dataset), dataset.units[0] or "no unit"
    if "lst_raster_version" not in tags or "sensor" not in tags:
        raise InputError(f"{product.lst.name} is not a product of lst-raster; give the LST file of a product")
    findings = {finding.name: finding for finding in check_product(product.lst)}
    bands = [sensor_band(tags[name]) for name in ("sensor", "second_sensor") if name in tags]
    item = product.item or {}
    values: defaultdict[str, str] = defaultdict(lambda: "unknown", tags)
    for name in ("item", "quality", "temperature", "uncertainty", "metadata"):
        values |= {name: findings[name].outcome, f"{name}_text": findings[name].text}
    values |= {
        "grid": str(grid), "units": units, "bbox": str(item.get("bbox")),
        "sensor_title": " and ".join(band.title for band in bands),
        "wavelength": " and ".join(f"{band.wavelength:g} um" for band in bands),
        "model_checksum": f" (SHA-256 {tags['model_sha256'][:12]}...)" if tags.get("model_sha256") else "",
        "auxiliary": "; ".join(f"{name} {tags[name]}" for name in _AUXILIARY if name in tags),
        "cloud_distance": f"with{'' if 'quality' in product.rasters else 'out'} the distance to the nearest cloud",
    }  # fmt: skip
    values["components"] = ", with its components" if COMPONENTS.keys() <= product.rasters.keys() else ""
    present = {
        "quality": "quality" in product.rasters,
        "angles": ANGLES.keys() <= product.rasters.keys(),
        "mask": not tags.get("mask", "none").startswith("none"),
        "time": "unknown" not in (values["acquisition_date"], values["acquisition_time"]),
        "crs": grid.latitude() is not None,
        "footprint": bool(item.get("geometry")),
        **{name: findings[name].outcome == "ok" for name in ("item", "uncertainty", "metadata")},
        "temperature": findings["temperature"].outcome == "ok" and units == "K",
    }
    return {name for name, is_present in present.items() if not is_present}, values
