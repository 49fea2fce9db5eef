"""Sections of the benchmark: fits, evaluations, text and charts."""

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
    """A section of the benchmark and its page."""

    name: str
    """Name on the command line and of the CSV file."""
    title: str
    jobs: Jobs
    """Function of the setting that returns fits and evaluations."""
    text: Text
    """Function of the rows that returns Markdown; the text must be valid for any numbers."""
    trains: bool = True
    """Whether the section requires training."""
    charts: Charts = _no_charts
    """Function of the rows that returns charts by file name without suffix, shown below the text."""
