"""Tables as people save them: comma, semicolon or tab, with or without a byte order mark, on any system."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lst_raster.errors import InputError, InputNotFoundError

_SEPARATORS = (",", ";", "\t")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """A table of texts."""

    name: str
    """Name of the file."""
    header: tuple[str, ...]
    """Names of the columns."""
    lines: tuple[int, ...]
    """Line of the file in which each row ends."""
    rows: tuple[tuple[str, ...], ...]
    """Cells, stripped of blanks, as many in each row as the header has."""
    decimal_comma: bool
    """Whether 290,5 may stand for 290.5: where cells are not separated by commas."""


def read_csv(path: Path, holds: str) -> CsvTable:
    """Read a table.

    Parameters
    ----------
    path : Path
        Text in UTF-8 (or UTF-16 with its mark); empty lines and lines that begin with # are left out.
    holds : str
        What its rows are, for messages.

    Returns
    -------
    CsvTable
        Its cells.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is a folder or no text, has no row, a name twice, or a row that is longer than the header.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the table of {holds} (.csv)")
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a table of {holds} (.csv)")
    return parse_csv(path.name, path.read_bytes(), holds)


def parse_csv(name: str, content: bytes, holds: str) -> CsvTable:
    """Read a table that was fetched already.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    content : bytes
        What it holds.
    holds : str
        What its rows are, for messages.

    Returns
    -------
    CsvTable
        Its cells.

    Raises
    ------
    InputError
        As `read_csv`.
    """
    text = decoded(name, content)
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    try:
        found = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}; save the table again") from None
    kept = [(line, row) for line, row in found if any(row) and not row[0].startswith("#")]
    if len(kept) < 2:
        raise InputError(f"{name} {'has a header and no row' if kept else 'is empty'}; it should hold {holds}")
    (_, header), *rows = kept
    _check(name, header, rows)
    cells = tuple(row[: len(header)] + ("",) * (len(header) - len(row)) for _, row in rows)
    return CsvTable(
        name=name, header=header, lines=tuple(line for line, _ in rows), rows=cells, decimal_comma=separator != ","
    )


def decoded(name: str, raw: bytes) -> str:
    """Text of a file, whatever a program of this or another system put before it.

    Raises
    ------
    InputError
        It is a workbook, or not UTF-8 (nor UTF-16 with its mark).
    """
    if raw.startswith(_WORKBOOK):
        raise InputError(f"{name} is a workbook; save the sheet as CSV")
    if raw.startswith(_GZIP):
        raise InputError(f"{name} is compressed with gzip; unpack it")
    try:
        return raw.decode("utf-16" if raw.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start + 1}); save it as CSV UTF-8") from None


def _check(name: str, header: tuple[str, ...], rows: list[tuple[int, tuple[str, ...]]]) -> None:
    twice = [title for title, count in Counter(title.lower() for title in header if title).items() if count > 1]
    if twice:
        raise InputError(f"{name} has the column {', '.join(twice)} twice; leave one out")
    for line, row in rows:
        if any(row[len(header) :]):
            raise InputError(
                f"{name}, line {line} has {len(row)} cells, the header {len(header)}; "
                "put texts with commas in quotes, and write numbers with a point"
            )
