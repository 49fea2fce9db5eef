"""What CEOS-ARD Surface Temperature asks for, in few words of our own.

CEOS, Analysis Ready Data for Land, Product Family Specification Surface Temperature, version 5.0 (8 June 2020). What is
"target" there is called goal since.
"""

from __future__ import annotations

from dataclasses import dataclass


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
