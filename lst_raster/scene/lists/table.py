"""Scenes in tables and in texts of one scene a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lst_raster.errors import InputError
from lst_raster.scene.csv_table import CsvTable, decoded, parse_csv
from lst_raster.scene.lists.listed import OPTIONS, REPEATED, ListedScene, name_of

SCENE, NAME = "scene", "name"
_COLUMNS = (SCENE, NAME, *OPTIONS)
_PATHS = (*REPEATED, "water_vapour", "air_temperature", "surface_pressure", "dem", "model")  # that may be files
_BETWEEN = "|"
_DECIMAL = re.compile(r"^(-?\d+),(\d+)(?=\s*[A-Za-z]|$)")
_SOURCE = re.compile(r"^([a-z-]{2,}):(.+)$")  # aster-ged:FOLDER; one letter is a drive

Locate = Callable[[str], str]
"""Where a path in a list leads, seen from here."""


def scenes_in_table(name: str, content: bytes, locate: Locate) -> list[ListedScene]:
    """Read a table of scenes.

    Parameters
    ----------
    name : str
        Name of the file, for messages.
    content : bytes
        Its content: a header with the column ``scene`` and any of ``name`` and `OPTIONS`, then a scene a row.
    locate : callable
        Where a path in it leads: relative paths count from the table.

    Raises
    ------
    InputError
        It is no such table, has a column that is not known, or a row without a scene.
    """
    table = parse_csv(name, content, "scenes")
    header = [title.lower().replace("-", "_").replace(" ", "_") for title in table.header]
    unknown = [title for title, plain in zip(table.header, header, strict=True) if plain and plain not in _COLUMNS]
    if unknown:
        raise InputError(f"{name} has the column {', '.join(unknown)}, which is not known; known are {_known()}")
    if SCENE not in header:
        raise InputError(f"{name} has no column {SCENE} with the scenes' paths; known columns are {_known()}")
    rows = [dict(zip(header, row, strict=True)) for row in table.rows]
    return [_of_row(table, line, row, locate) for line, row in zip(table.lines, rows, strict=True)]


def scenes_in_text(name: str, content: bytes, locate: Locate) -> list[ListedScene]:
    """Read a text of one scene a line; empty lines and lines that begin with # are left out.

    Raises
    ------
    InputError
        It names no scene, or is no text.
    """
    lines = [line.strip() for line in decoded(name, content).splitlines()]
    paths = [locate(line) for line in lines if line and not line.startswith("#")]
    if not paths:
        raise InputError(f"{name} names no scene; write one path or address a line")
    return [ListedScene(path=path, name=name_of(path)) for path in paths]


def beside(folder: Path) -> Locate:
    """Count relative paths from a folder; addresses and absolute paths stay."""

    def locate(text: str) -> str:
        return text if _is_address(text) else str(folder / text)

    return locate


def _is_address(text: str) -> bool:
    return "://" in text


def _known() -> str:
    return ", ".join(_COLUMNS)


def _of_row(table: CsvTable, line: int, row: dict[str, str], locate: Locate) -> ListedScene:
    if not row[SCENE]:
        raise InputError(f"{table.name}, line {line} names no scene; fill in the column {SCENE}, or leave the line out")
    path = locate(row[SCENE])
    name = row.get(NAME) or name_of(path)
    if row.get(NAME) and Path(name).name != name:
        raise InputError(f"{table.name}, line {line}: the name {name!r} is no name of a file; leave out the folders")
    options = {key: _value(key, row[key], table, locate) for key in OPTIONS if row.get(key)}
    return ListedScene(path=path, name=name, options=options)


def _value(key: str, text: str, table: CsvTable, locate: Locate) -> str:
    """Read a cell: a path in it counts from the table, a number may have its decimal comma."""
    if table.decimal_comma:
        text = _DECIMAL.sub(r"\1.\2", text)
    if key not in _PATHS:
        return text
    parts = [part.strip() for part in text.split(_BETWEEN)] if key in REPEATED else [text]
    return _BETWEEN.join(_located(part, locate) for part in parts if part)


def _located(text: str, locate: Locate) -> str:
    """Path of a file that lies where the table says; what is none stays as it is."""
    if _is_address(text):
        return text
    source = _SOURCE.match(text)
    prefix, rest = (f"{source[1]}:", source[2]) if source else ("", text)
    first, colon, table = rest.partition(":") if prefix == "landcover:" else (rest, "", "")
    found = locate(first)
    if not Path(found).exists():
        return text
    return f"{prefix}{found}{colon}{_located(table, locate) if table else ''}"
