"""A section of the benchmark: what it wants fitted and measured, and how its part of the page reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.benchmarks.accuracy.charts import Chart
from tests.benchmarks.accuracy.jobs import Job
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.setting import Setting

Jobs: TypeAlias = Callable[[Setting], list[Job]]
Text: TypeAlias = Callable[[Rows], str]
Charts: TypeAlias = Callable[[Rows], Mapping[str, Chart]]


def _no_charts(rows: Rows) -> Mapping[str, Chart]:
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One question and its answer."""

    name: str
    """Its name on the command line; its rows go to a CSV file of that name."""
    title: str
    """Its heading."""
    jobs: Jobs
    """What is fitted and measured."""
    text: Text
    """Markdown below the heading, from the rows alone: words that hold for any numbers, and tables."""
    trains: bool = True
    """Whether anything is to be trained for it."""
    charts: Charts = _no_charts
    """Pictures by their file's name without its ending, from the rows alone; they are shown below the text."""
