"""The sections of the benchmark, in the order of its page. A new one is added here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lst_raster.errors import InputError
from tests.benchmarks.accuracy import ablations, accuracy, comparison, learning_curves, left_out, sensitivity
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
        )
    }
)
"""Sections by name."""


def sections_named(names: Sequence[str]) -> list[Section]:
    """Choose sections by name, in the order of the page; none named means all.

    Raises
    ------
    InputError
        There is no section of that name.
    """
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise InputError(f"no section is called {', '.join(unknown)}; known are {', '.join(SECTIONS)}")
    return [section for name, section in SECTIONS.items() if not names or name in names]
