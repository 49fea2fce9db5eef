"""The page that a benchmark writes, from its results alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.accuracy.results import Results
from tests.benchmarks.accuracy.sections import SECTIONS
from tests.benchmarks.accuracy.tables import markdown

FIGURES = "figures"
"""Folder of the pictures, next to the page."""


def page(results: Results) -> str:
    """Write the page as Markdown.

    Parameters
    ----------
    results : Results
        What was found.

    Returns
    -------
    str
        The page; its pictures are in `FIGURES` next to it.
    """
    parts = ["# The benchmark", _introduction(results.about)]
    for name, rows in results.sections.items():
        section = SECTIONS[name]
        parts += [f"## {section.title}", section.text(rows)]
        parts += [f"![{chart.title}]({FIGURES}/{file}.png)" for file, chart in section.charts(rows).items()]
    return "\n\n".join(parts) + "\n"


def _introduction(about: Mapping[str, Any]) -> str:
    plan, errors = about["plan"], about["input_errors"]
    sets = [[title, str(one["profiles"]), (one["sha256"] or "-")[:12]] for title, one in about["sets"].items()]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return "\n\n".join(
        [
            f"Every table and picture of this page is made by `python -m tests.benchmarks.accuracy` for "
            f"{about['sensor']}, and so is the page itself; nothing in it is written by hand. No column of a "
            "held-out set was used in training.",
            markdown(["simulated set", "columns", "SHA-256 begins"], sets),
            f"Under each column lie {plan['per_profile']} surfaces, -15 to +30 K from the air temperature, with an "
            "emissivity of 0.90 to 0.995. Noisy inputs have independent normal errors: "
            f"{errors['sensor']:g} K at the sensor, {errors['emissivity']:g} in emissivity, "
            f"{100 * errors['water_vapour']:g} % in water vapour, {errors['air_temperature']:g} K in air temperature; "
            f"on the levels {errors['profile_temperature']:g} K that all have in common and "
            f"{errors['level_temperature']:g} K each for itself, and {100 * errors['level_humidity']:g} % in humidity "
            f"each for itself. Networks learn in {plan['steps']} steps, with {plan['seeds']} seeds "
            f"({plan['fewer_seeds']} for continents and ablations).",
            *about["notes"],
            f"Made in {about['minutes']:.1f} minutes, {about['workers']} fits at a time, with {versions}. The numbers "
            "with all their digits, seeds and regimes are in the CSV files and in `results.json` that the command "
            "writes next to this page.",
        ]
    )
