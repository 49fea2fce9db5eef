"""Commands of the command line: their help, and their results as text or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from types import MappingProxyType
from typing import Any

import click

_FEW = 9  # options that need no sections

SECTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Surface and air": (
            "emissivity", "water_vapour", "air_temperature", "surface_pressure", "reanalysis", "dem", "align",
        ),
        "Scene": ("band", "date", "sensor", "quantity", "level_2", "downwelling", "mask_clouds", "mask_dilation"),
        "Search": ("search", "collection", "bbox", "datetime", "query", "limit", "sign", "alternate"),
        "Output": ("output", "lst_only", "dtype", "compress", "overwrite", "report", "dry_run"),
        "How it is done": ("model", "exact", "threads", "workers", "scheduler", "retries"),
    }
)  # fmt: skip
"""Sections of options, by their names in Python; what is in none comes last."""


class Command(click.Command):
    """A command whose help has sections and examples."""

    def __init__(
        self, *arguments: Any, examples: str = "", sections: Mapping[str, tuple[str, ...]] = SECTIONS, **values: Any
    ) -> None:
        """Make a command.

        Parameters
        ----------
        *arguments, **values : any
            What a command of click takes.
        examples : str
            Commands, one a line; a line that begins with # says what the next ones do.
        sections : mapping
            Title to names of options.
        """
        super().__init__(*arguments, **values)
        self.examples = cleandoc(examples).splitlines()
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, in sections where there are many."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        shown = {option.name or "": option.get_help_record(ctx) for option in options}
        records = {name: record for name, record in shown.items() if record is not None}
        if len(records) > _FEW:
            for title, names in self.sections.items():
                found = [records.pop(name) for name in names if name in records]
                _write(formatter, title, found)
        _write(formatter, "Options", list(records.values()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def _write(formatter: click.HelpFormatter, title: str, records: list[tuple[str, str]]) -> None:
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


def show(found: Any, lines: Iterable[object], as_json: bool) -> None:
    """Write a result.

    Parameters
    ----------
    found : mapping or sequence
        What a program is given: mappings, sequences, numbers and texts; anything else is written as its text, so
        that paths need no care, and a number that is none becomes null.
    lines : iterable
        What people are shown, a line each. It is not looked at where JSON is wanted.
    as_json : bool
        Whether JSON is wanted.
    """
    if as_json:
        click.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in lines:
        click.echo(line)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "tolist"):  # a number of numpy's
        return _plain(value.tolist())
    return value if isinstance(value, str | int | float | None) else str(value)
