"""Base classes of the commands, with sections and examples in the help, and output as text or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from lst_raster.errors import OutputError

_FEW = 9  # number of options up to which the help needs no sections

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Surface and atmosphere":
        ("emissivity", "water_vapour", "air_temperature", "surface_pressure", "aerosol", "reanalysis", "dem", "align"),
    "Scene": ("bbox", "band", "date", "sensor", "quantity", "level_2", "downwelling", "mask_clouds", "mask_dilation"),
    "Search": ("search", "collection", "datetime", "query", "limit", "sign", "alternate"),
    "Output": (
        "output", "lst_only", "uncertainty", "angles", "dtype", "precision", "compress", "overwrite", "report",
        "dry_run",
    ),
    "Processing": ("model", "exact", "threads", "workers", "scheduler", "retries"),
}  # fmt: skip
"""Default sections of the help: names of parameters in Python by title. All others come last, as "Options"."""


class Command(click.Command):
    """Command with sections of options in its help, and the examples of its docstring at the end."""

    def __init__(
        self, name: str | None = None, *, help: str | None = None,
        sections: Mapping[str, tuple[str, ...]] = SECTIONS, **values: Any,
    ) -> None:  # fmt: skip
        text, _, examples = cleandoc(help or "").partition("\n\nExamples\n--------\n")
        super().__init__(name, help=text, **values)
        self.examples = cleandoc(examples).splitlines()
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, in sections if there are many."""
        options = {param.name: param for param in self.get_params(ctx) if isinstance(param, click.Option)}
        records = {name: record for name, option in options.items() if (record := option.get_help_record(ctx))}
        sections = {}
        if len(records) > _FEW:
            for title, names in self.sections.items():
                sections[title] = [records.pop(name) for name in names if name in records]
        for title, rows in {**sections, "Options": list(records.values())}.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the examples."""
        if self.examples:
            write_examples(formatter, self.examples)


class Group(click.Group):
    """Group of such commands."""

    command_class = Command


def write_examples(formatter: click.HelpFormatter, lines: Iterable[str]) -> None:
    """Write the section of examples, whose lines are not wrapped."""
    with formatter.section("Examples"):
        for line in lines:
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def make_folder(path: Path) -> None:
    """Make a folder and its parents if they are missing; raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {path}: {error.strerror or error}; choose another") from error


def show(result: Any, lines: Iterable[object], as_json: bool) -> None:
    """Write a result to standard output: as one JSON document, or as lines of text.

    `result` may hold mappings, sequences, numbers and texts; anything else, such as a path, is converted to text, and
    a number that is not finite becomes null. `lines` is not evaluated for JSON.
    """
    if as_json:
        click.echo(json.dumps(_plain(result), indent=2, ensure_ascii=False, allow_nan=False))
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
    if hasattr(value, "tolist"):  # a number of numpy
        return _plain(value.tolist())
    return value if isinstance(value, str | int | float | None) else str(value)
