"""Registry of the sections, in the order of the page. New sections are added here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lst_raster.errors import InputError
from tests.benchmarks.accuracy import (
    ablations,
    accuracy,
    both_bands,
    comparison,
    learning_curves,
    left_out,
    second_band_errors,
    sensitivity,
)
from tests.benchmarks.accuracy.section import Section

SECTIONS: Mapping[str, Section] = MappingProxyType(
    {
        section.name: section
        for section in (
            accuracy.SECTION,
            comparison.SECTION,
            learning_curves.SECTION,
            left_out.CONTINENTS,
            left_out.HUMID_LEFT_OUT,
            ablations.SECTION,
            sensitivity.SECTION,
            both_bands.COMPARISON,
            both_bands.CURVES,
            second_band_errors.SECTION,
        )
    }
)


def sections_named(names: Sequence[str]) -> list[Section]:
    """Select sections by name, in the order of the page; all if no name is given.

    Raises `InputError` for an unknown name.
    """
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise InputError(f"unknown section {', '.join(unknown)}; available: {', '.join(SECTIONS)}")
    return [section for name, section in SECTIONS.items() if not names or name in names]
