"""CSV tables as spreadsheets save them: separated by comma, semicolon or tab, with or without a byte order mark."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.reading import reading

_WORKBOOK, _GZIP, _UTF_16 = b"PK\x03\x04", b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")  # first bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """Table of text cells."""

    name: str  # name of the file
    header: tuple[str, ...]  # names of the columns
    lines: tuple[int, ...]  # line of the file in which each row ends
    rows: tuple[tuple[str, ...], ...]  # cells without surrounding blanks; every row is as long as the header
    decimal_comma: bool  # whether 290,5 may mean 290.5: the separator is not a comma


def read_csv(path: Path, content: str) -> CsvTable:
    """Read a table; `content` names its rows in messages.

    The file may be compressed with gzip. Empty lines and lines that begin with # are ignored. Raises
    InputNotFoundError without a file; InputError for a folder, for an encoding other than UTF-8 or UTF-16, and for a
    table without rows, with a column twice or with a row longer than the header.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the table of {content} (.csv)")
    if not path.is_file():
        raise InputNotFoundError(f"{path} not found; it should be a table of {content} (.csv)")
    return parse_csv(path.name, path.read_bytes(), content)


def parse_csv(name: str, raw: bytes, content: str) -> CsvTable:
    """Parse a table from the bytes of a file; `name`, `content` and errors as `read_csv`."""
    text = decoded(name, raw)
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    separator = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    try:
        found = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader]
    except csv.Error as error:
        raise InputError(f"{name}, line {reader.line_num}: {error}; save the table again") from None
    kept = [(line, row) for line, row in found if any(row) and not row[0].startswith("#")]
    if len(kept) < 2:
        raise InputError(f"{name} {'has a header and no row' if kept else 'is empty'}; it should hold {content}")
    (_, header), *rows = kept
    twice = [title for title, count in Counter(title.lower() for title in header if title).items() if count > 1]
    if twice:
        raise InputError(f"{name} has the column {', '.join(twice)} twice; leave one out")
    for line, row in rows:
        if any(row[len(header) :]):
            raise InputError(
                f"{name}, line {line} has {len(row)} cells, the header {len(header)}; "
                "put texts with commas in quotes, and write numbers with a point"
            )
    cells = tuple(row[: len(header)] + ("",) * (len(header) - len(row)) for _, row in rows)
    return CsvTable(
        name=name, header=header, lines=tuple(line for line, _ in rows), rows=cells, decimal_comma=separator != ","
    )


def decoded(name: str, raw: bytes) -> str:
    """Decode a text file: UTF-8 with or without a byte order mark, UTF-16 with one, or gzip; else raise InputError."""
    if raw.startswith(_WORKBOOK):
        raise InputError(f"{name} is a workbook; save the sheet as CSV")
    if raw.startswith(_GZIP):
        with reading(f"{name} cannot be unpacked", "compress it again"):
            raw = gzip.decompress(raw)
    try:
        return raw.decode("utf-16" if raw.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start + 1}); save it as CSV UTF-8") from None
