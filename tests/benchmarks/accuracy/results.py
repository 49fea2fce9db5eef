"""What a benchmark found: its rows and what they were made from, as one JSON file."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lst_raster import __version__
from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, InputNotFoundError
from lst_raster.profiles.sampling import InputErrors
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.setting import Setting

FORMAT = 1
_LIBRARIES = ("numpy", "torch", "onnxruntime")


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Everything that a page, its tables and its pictures are made from."""

    about: Mapping[str, Any]
    """Versions, sets, plan, and how long it took."""
    sections: Mapping[str, Rows]
    """Rows by section, in the order of the page."""


def about(setting: Setting, digests: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    """Record the provenance of a benchmark.

    Parameters
    ----------
    setting : Setting
        Sets and plan.
    digests : mapping of str to str
        SHA-256 of the files by the titles of the sets.
    notes : list of str
        What else a reader must know.
    """
    sets = {"library": setting.library, **setting.tests}
    varied = {f"{title}, aerosol drawn": one for title, one in setting.varied.items()}
    return {
        "sensor": setting.sensor,
        "versions": {"lst-raster": __version__, "python": platform.python_version(), **_versions()},
        "sets": {title: _of(one, digests.get(title)) for title, one in {**sets, **varied}.items()},
        "plan": asdict(setting.plan),
        "input_errors": asdict(InputErrors()),
        "notes": notes,
    }


def _of(simulated: SimulatedSet, digest: str | None) -> dict[str, Any]:
    return {"profiles": len(simulated), "source": simulated.source, "sha256": digest}


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_results(results: Results, target: Path) -> None:
    """Write results as JSON, whole or not at all; NaN becomes null."""
    tables = ",\n".join(f"{json.dumps(name)}: {_table(rows)}" for name, rows in results.sections.items())
    about = json.dumps(_plain(results.about), indent=1, allow_nan=False)
    with atomic_write(target) as path:
        path.write_text(f'{{"format": {FORMAT},\n"about": {about},\n"sections": {{{tables}}}}}\n', encoding="utf-8")


def read_results(source: Path) -> Results:
    """Read results that a benchmark wrote.

    Raises
    ------
    InputNotFoundError
        There is no such file.
    InputError
        It is not one of a benchmark of this version.
    """
    if not source.is_file():
        raise InputNotFoundError(f"{source} does not exist; give the results.json of a benchmark")
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise InputError(f"{source} has format {document['format']}, this version reads {FORMAT}")
        sections = {name: _rows(**table) for name, table in document["sections"].items()}
        return Results(about=document["about"], sections=sections)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source} is not the results.json of a benchmark ({error})") from error


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def rounded(rows: Rows) -> Rows:
    """Round rows to what their files hold, so that a page is the same from memory and from its file."""
    return [{name: round(one, 7) if isinstance(one, float) else one for name, one in row.items()} for row in rows]


def _table(rows: Rows) -> str:
    """Write rows as a table, a line each: the names of the columns stand there once."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [json.dumps(_plain([row.get(name) for name in columns]), allow_nan=False) for row in rows]
    return f'{{"columns": {json.dumps(columns)}, "rows": [\n' + ",\n".join(lines) + "]}"


def _rows(columns: list[str], rows: list[list[Any]]) -> Rows:
    filled = ([math.nan if value is None else value for value in row] for row in rows)
    return [dict(zip(columns, row, strict=True)) for row in filled]
