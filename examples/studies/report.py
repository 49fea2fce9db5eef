"""Markdown and CSV tables and JSON of the studies, written atomically."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import OutputError
from lst_raster.validation.compare import without_nan


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table.

    Examples
    --------
    >>> print(markdown(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [header, *rows]
    texts = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([texts[0], "|---" * len(header) + "|", *texts[1:]])


def comma_separated(header: Sequence[str], rows: Iterable[Sequence[str | int | float]]) -> str:
    r"""Format a table as comma-separated values; numbers with four decimals, NaN as empty cells.

    Examples
    --------
    >>> comma_separated(["name", "value"], [["a", 0.12345], ["b", math.nan]])
    'name,value\na,0.1235\nb,\n'
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def signed(value: float, digits: int = 2) -> str:
    """Format a number with its sign, NaN as a dash.

    Examples
    --------
    >>> signed(0.123), signed(-0.001), signed(math.nan)
    ('+0.12', '0.00', '-')
    """
    if not math.isfinite(value):
        return "-"
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0.0 else text


def unsigned(value: float, digits: int = 2) -> str:
    """Format a number without sign, NaN as a dash."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def plain_json(values: Mapping[str, Any]) -> str:
    """Format as JSON; non-finite numbers become null."""
    return json.dumps(without_nan(values), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write text files atomically to an existing folder, by file name; existing files are replaced.

    Raises `OutputError` if the folder does not exist or a file cannot be written.
    """
    if not folder.is_dir():
        raise OutputError(f"cannot write to {folder}: not an existing folder; create it")
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _cell(value: str | int | float) -> str | int:
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else ""
    return value
