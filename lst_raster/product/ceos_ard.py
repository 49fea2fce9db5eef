"""Assessment of a product against CEOS-ARD for surface temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lst_raster.errors import InputError
from lst_raster.io.grid import Grid
from lst_raster.io.raster import open_raster
from lst_raster.product.check import Finding, check_product
from lst_raster.product.product_set import ProductSet, find_product
from lst_raster.sensors.bands import sensor_band


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement."""

    number: str
    """Number in version 5.0."""
    title: str
    """Short title."""
    threshold: str
    """What it asks at threshold."""
    goal: str
    """What it asks at goal."""


_NOTHING = "nothing"
_PAGE = "a DOI landing page"

REQUIREMENTS = (
    Requirement("1.1", "Traceability", _NOTHING, f"traceable to SI, told on {_PAGE}"),
    Requirement(
        "1.2", "Metadata machine readability",
        "metadata that a program can take apart",
        "a standard such as ISO 19115-2",
    ),
    Requirement(
        "1.3", "Data collection time",
        "start and stop, to the second, offset from UTC told",
        "the time of each pixel",
    ),
    Requirement(
        "1.4", "Geographical area",
        "corners, in a known reference system",
        "a closely fitting polygon, and the place of each pixel",
    ),
    Requirement("1.5", "Coordinate reference system", "named in the metadata", "the same"),
    Requirement("1.6", "Map projection", _NOTHING, "the projection and its parameters"),
    Requirement("1.7", "Geometric correction methods", _NOTHING, f"methods, reference and elevation data, on {_PAGE}"),
    Requirement("1.8", "Geometric accuracy", _NOTHING, "accuracy assessed independently, as RMSE or CEP90"),
    Requirement("1.9", "Instrument", "named in the metadata", f"{_PAGE} that refers to the CEOS database"),
    Requirement(
        "1.10", "Spectral bands",
        "central wavelength, in SI units",
        "the spectral response, or centre and full width at half maximum",
    ),
    Requirement("1.11", "Sensor calibration", _NOTHING, f"calibration parameters, on {_PAGE}"),
    Requirement("1.12", "Radiometric accuracy", _NOTHING, f"absolute radiometric uncertainty, on {_PAGE}"),
    Requirement(
        "1.13", "Algorithms",
        "all algorithms, their versions and their order",
        "only such as are published in a peer-reviewed journal",
    ),
    Requirement("1.14", "Auxiliary data", "sources of auxiliary data named", f"on {_PAGE}, free to download"),
    Requirement("1.15", "Processing chain provenance", _NOTHING, f"the processing chain and its versions, on {_PAGE}"),
    Requirement("1.16", "Data access", f"how to get the data, on {_PAGE}", "the same"),
    Requirement("1.17", "Overall data quality", _NOTHING, "quality against reference data, with traceable uncertainty"),
    Requirement("2.1", "Per-pixel metadata machine readability", "metadata that a program can take apart", "the same"),
    Requirement("2.2", "No data", "pixels without observation flagged", "the same"),
    Requirement(
        "2.3", "Incomplete testing",
        "pixels flagged for which not all tests were made",
        "which tests were made, for each pixel",
    ),
    Requirement("2.4", "Saturation", "whether an input band is saturated", "which input bands are saturated"),
    Requirement("2.5", "Cloud", "whether a pixel is taken for cloud", f"and how clouds are found, on {_PAGE}"),
    Requirement("2.6", "Cloud shadow", "whether a pixel is taken for cloud shadow", f"and how it is found, on {_PAGE}"),
    Requirement("2.7", "Snow or ice", _NOTHING, f"whether a pixel is snow or ice, and how that is found, on {_PAGE}"),
    Requirement(
        "2.8", "Solar and viewing geometry",
        "average solar and viewing azimuth and zenith",
        "the same angles for each pixel",
    ),
    Requirement("3.1", "Measurement", "surface temperature of the land in kelvin", "traceable to SI"),
    Requirement(
        "3.2", "Corrections for atmosphere and emissivity",
        "the retrieval method, with reference to a peer-reviewed algorithm",
        "the same",
    ),
    Requirement("3.3", "Measurement uncertainty", _NOTHING, "uncertainty in kelvin for each pixel"),
    Requirement(
        "4.1", "Geometric correction",
        "pixels of one instrument in the same place through time, within half a pixel",
        "the same against an independent terrestrial reference",
    ),
)  # fmt: skip
"""All of them, in the order of the specification."""

Status: TypeAlias = Literal["met", "partly", "not", "depends on input", "not required"]
Answer: TypeAlias = tuple[Status, Status, str]
"""At threshold, at goal, and by what."""

_UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A requirement, and how far a product meets it."""

    number: str
    """Number in version 5.0 of the specification."""
    title: str
    """Short title."""
    threshold: str
    """What it asks at threshold."""
    goal: str
    """What it asks at goal (target, in version 5.0)."""
    at_threshold: Status
    """How far the threshold is met."""
    at_goal: Status
    """How far the goal is met."""
    evidence: str
    """By what, from the product's own files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """What the files of a product tell."""

    product: ProductSet
    tags: Mapping[str, str]
    grid: Grid
    findings: Mapping[str, Finding]
    units: str

    def tag(self, name: str) -> str:
        return self.tags.get(name, _UNKNOWN)

    def has(self, role: str) -> bool:
        return role in self.product.rasters

    @property
    def masked(self) -> bool:
        return not self.tags.get("mask", "none").startswith("none")


def assess(path: str | Path) -> list[Point]:
    """Hold a product against CEOS-ARD Surface Temperature 5.0.

    It is an account by the product's maker, not an assessment in the sense of CEOS, which peers review.

    Parameters
    ----------
    path : str or path
        The temperature of the product, or its STAC item.

    Returns
    -------
    list of Point
        One for each requirement, in the order of the specification.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is no product of ours.

    References
    ----------
    CEOS, Analysis Ready Data for Land, Product Family Specification Surface Temperature, version 5.0 (8 June 2020),
    https://ceos.org/ard/files/PFS/ST/v5.0/CARD4L_Product_Family_Specification_Surface_Temperature-v5.0.pdf
    """
    facts = _facts(find_product(path))
    return [_point(requirement, _ANSWERS[requirement.number](facts)) for requirement in REQUIREMENTS]


def lines(points: Sequence[Point]) -> Iterator[str]:
    """Write an account as text.

    Parameters
    ----------
    points : sequence of Point
        The account.

    Yields
    ------
    str
        A line.
    """
    yield "CEOS-ARD Surface Temperature 5.0, by the product's own files; an account by its maker, reviewed by nobody"
    for point in points:
        yield f"{point.number:5}{point.title}: threshold {point.at_threshold}, goal {point.at_goal}"
        yield f"     threshold asks: {point.threshold}"
        yield f"     found: {point.evidence}"
    required = [point.at_threshold for point in points if point.at_threshold != "not required"]
    counts = ", ".join(f"{status} {required.count(status)}" for status in dict.fromkeys(required))
    yield f"Of {len(required)} requirements at threshold: {counts}"


def _point(requirement: Requirement, answer: Answer) -> Point:
    at_threshold, at_goal, evidence = answer
    return Point(
        number=requirement.number, title=requirement.title, threshold=requirement.threshold, goal=requirement.goal,
        at_threshold=at_threshold, at_goal=at_goal, evidence=evidence,
    )  # fmt: skip


def _facts(product: ProductSet) -> _Facts:
    with open_raster(product.lst, "product", InputError) as dataset:
        tags, grid, units = dataset.tags(), Grid.of(dataset), dataset.units[0] or "no unit"
    if "lst_raster_version" not in tags or "sensor" not in tags:
        raise InputError(f"{product.lst.name} is no product of lst-raster; give the LST file of one")
    findings = {finding.name: finding for finding in check_product(product.lst)}
    return _Facts(product=product, tags=tags, grid=grid, findings=findings, units=units)


def _traceability(facts: _Facts) -> Answer:
    return "not required", "not", "no landing page; radiance is traceable as far as the input's calibration is"


def _machine_readable(facts: _Facts) -> Answer:
    item = facts.findings["item"].outcome
    if item == "ok":
        return "met", "partly", "items of the GeoTIFF, and a STAC item; STAC is a community's standard, not ISO 19115-2"
    return "met", "not", f"items of the GeoTIFF; STAC item {item}"


def _time(facts: _Facts) -> Answer:
    date, clock = facts.tag("acquisition_date"), facts.tag("acquisition_time")
    if _UNKNOWN in (date, clock):
        return "not", "not", f"acquisition_date {date}, acquisition_time {clock}; a scene with its MTL file has both"
    return "partly", "not", f"centre of the scene {date} {clock} (UTC); start and stop are not told"


def _area(facts: _Facts) -> Answer:
    item = facts.product.item
    if facts.grid.latitude() is None:
        return "not", "not", "the input has no coordinate system"
    if item is not None and item.get("geometry"):
        return "met", "met", f"polygon in WGS 84, bbox {item.get('bbox')}; grid {facts.grid}"
    return "met", "partly", f"grid {facts.grid}"


def _crs(facts: _Facts) -> Answer:
    if facts.grid.latitude() is None:
        return "not", "not", "the input has no coordinate system"
    return "met", "met", str(facts.grid)


def _projection(facts: _Facts) -> Answer:
    if facts.grid.latitude() is None:
        return "not required", "not", "the input has no coordinate system"
    return "not required", "met", f"the GeoTIFF holds all its parameters: {facts.grid}"


def _geometric_methods(facts: _Facts) -> Answer:
    return "not required", "depends on input", f"nothing is corrected here; the grid is that of {facts.tag('input')}"


def _geometric_accuracy(facts: _Facts) -> Answer:
    return "not required", "depends on input", "the input's MTL file tells GEOMETRIC_RMSE_MODEL; it is not passed on"


def _instrument(facts: _Facts) -> Answer:
    return "met", "partly", f"{facts.tag('sensor')}: {sensor_band(facts.tag('sensor')).title}; no landing page"


def _bands(facts: _Facts) -> Answer:
    wavelength = f"{sensor_band(facts.tag('sensor')).wavelength:g} um"
    if facts.findings["item"].outcome != "ok":
        return "partly", "partly", f"{facts.tag('sensor')} stands for {wavelength}, which no item tells"
    return "met", "partly", f"eo:center_wavelength {wavelength}; the response is in the package's data/bands"


def _calibration(facts: _Facts) -> Answer:
    return "not required", "partly", f"{facts.tag('calibration')}; no landing page"


def _radiometric_accuracy(facts: _Facts) -> Answer:
    return (
        "not required",
        "not",
        "not in the metadata; the uncertainty, where there is one, has the sensor's noise in it",
    )


def _algorithms(facts: _Facts) -> Answer:
    made_by = f"lst-raster {facts.tag('lst_raster_version')}, {facts.tag('equation')}, model {facts.tag('model')}"
    sha = facts.tags.get("model_sha256")
    return "met", "not", f"{made_by}{f' (SHA-256 {sha[:12]}...)' if sha else ''}; the model is in no journal"


def _auxiliary(facts: _Facts) -> Answer:
    names = ("emissivity", "atmosphere", "water_vapour", "surface_pressure", "air_temperature")
    told = "; ".join(f"{name} {facts.tags[name]}" for name in names if name in facts.tags)
    return "met", "depends on input", f"{told}; named, without landing pages"


def _provenance(facts: _Facts) -> Answer:
    whole = facts.findings["metadata"].outcome == "ok"
    return "not required", "partly", f"metadata {facts.findings['metadata'].text}" if not whole else (
        f"input {facts.tag('input')}, version {facts.tag('lst_raster_version')}, options and model; no landing page"
    )  # fmt: skip


def _access(facts: _Facts) -> Answer:
    return "not", "not", "the product is made by its user, and has no landing page"


def _quality_overall(facts: _Facts) -> Answer:
    return "not required", "not", "measures of the model are in its card, not in the product"


def _bits_readable(facts: _Facts) -> Answer:
    if not facts.has("quality"):
        return "not", "not", "there is no quality band"
    described = facts.findings["item"].outcome == "ok"
    if not described:
        return "partly", "partly", "a quality band; no item tells its bits, the documents do"
    return "met", "met", "a quality band, its bits named in the item by the classification extension"


def _no_data(facts: _Facts) -> Answer:
    if not facts.has("quality"):
        return "partly", "partly", "pixels without temperature are nodata, for whatever reason"
    return "met", "met", f"bit fill; quality {facts.findings['quality'].outcome}: {facts.findings['quality'].text}"


def _incomplete(facts: _Facts) -> Answer:
    if not facts.has("quality"):
        return "not", "not", "there is no quality band"
    if not facts.masked:
        return "partly", "partly", f"no pixel was tested for cloud, which the metadata tell: mask {facts.tag('mask')}"
    return "met", "partly", "bits no_input, no_solution, assumed_atmosphere and outside_range"


def _saturation(facts: _Facts) -> Answer:
    if not facts.has("quality"):
        return "partly", "partly", "saturated pixels have no temperature, as others have none"
    return "met", "met", "bit saturated, of the one band that is used"


def _mask_of(name: str, required: bool) -> Callable[[_Facts], Answer]:
    def answer(facts: _Facts) -> Answer:
        mask = facts.tag("mask")
        if not facts.masked:
            return ("depends on input" if required else "not required"), "depends on input", f"mask {mask}"
        if not facts.has("quality"):
            return ("partly" if required else "not required"), "partly", f"no quality band, mask {mask}"
        text = f"bit {name}, from the input's quality band: {mask}; no landing page"
        return ("met" if required else "not required"), "partly", text

    return answer


def _angles(facts: _Facts) -> Answer:
    return "not", "not", "neither solar nor viewing angles are told; the input's MTL and angle files have them"


def _measurement(facts: _Facts) -> Answer:
    if facts.findings["temperature"].outcome != "ok" or facts.units != "K":
        return "not", "not", f"unit {facts.units}; {facts.findings['temperature'].text}"
    return "met", "not", f"unit {facts.units}; {facts.findings['temperature'].text}"


def _corrections(facts: _Facts) -> Answer:
    return "partly", "partly", f"{facts.tag('equation')}; documented, with sources of each formula, not peer-reviewed"


def _uncertainty(facts: _Facts) -> Answer:
    found = facts.findings["uncertainty"]
    if found.outcome != "ok":
        return "not required", "not", f"uncertainty {found.outcome}: {found.text}"
    distance = "with the class of distance to cloud" if facts.has("quality") else "without distance to cloud"
    return "not required", "met", f"one sigma in kelvin for each pixel, {distance}"


def _geometry(facts: _Facts) -> Answer:
    return "depends on input", "depends on input", f"pixels lie where {facts.tag('input')} has them: {facts.grid}"


_ANSWERS: Mapping[str, Callable[[_Facts], Answer]] = {
    "1.1": _traceability, "1.2": _machine_readable, "1.3": _time, "1.4": _area, "1.5": _crs, "1.6": _projection,
    "1.7": _geometric_methods, "1.8": _geometric_accuracy, "1.9": _instrument, "1.10": _bands, "1.11": _calibration,
    "1.12": _radiometric_accuracy, "1.13": _algorithms, "1.14": _auxiliary, "1.15": _provenance, "1.16": _access,
    "1.17": _quality_overall, "2.1": _bits_readable, "2.2": _no_data, "2.3": _incomplete, "2.4": _saturation,
    "2.5": _mask_of("cloud", True), "2.6": _mask_of("cloud_shadow", True), "2.7": _mask_of("snow", False),
    "2.8": _angles, "3.1": _measurement, "3.2": _corrections, "3.3": _uncertainty, "4.1": _geometry,
}  # fmt: skip
