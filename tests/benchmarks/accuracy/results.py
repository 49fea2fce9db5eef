"""Results of a benchmark with their provenance, as a JSON file."""

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
from lst_raster.profiles.sampling import (
    COMMON_TEMPERATURE_ERROR,
    LEVEL_HUMIDITY_ERROR,
    LEVEL_TEMPERATURE_ERROR,
    InputErrors,
)
from lst_raster.profiles.simulated_set import SimulatedSet
from tests.benchmarks.accuracy.measure import Rows
from tests.benchmarks.accuracy.setting import Setting

FORMAT = 2
_LIBRARIES = ("numpy", "torch", "onnxruntime")


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Contents of the page, tables and figures."""

    about: Mapping[str, Any]
    """Versions, sets, plan and run time."""
    sections: Mapping[str, Rows]
    """Rows by section, in the order of the page."""


def about(setting: Setting, digests: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    """Provenance of a benchmark; `digests` are the SHA-256 of the files by title, `notes` remarks for the page."""
    sets = with_second_bands({"library": setting.library, **setting.tests})
    left_out = {title: setting.source_of(title) for title in setting.tests}
    left_out |= {second_title(title): source for title, source in left_out.items()}
    on_levels = {
        "common_temperature": COMMON_TEMPERATURE_ERROR,
        "level_temperature": LEVEL_TEMPERATURE_ERROR,
        "level_humidity": LEVEL_HUMIDITY_ERROR,
    }
    return {
        "sensor": setting.sensor,
        "versions": {"lst-raster": __version__, "python": platform.python_version(), **_versions()},
        "sets": {
            title: {**_describe(one, digests.get(title)), "left_out": left_out.get(title, "")}
            for title, one in sets.items()
        },
        "plan": asdict(setting.plan),
        "input_errors": asdict(InputErrors()) | on_levels,
        "notes": notes,
    }


def with_second_bands(sets: Mapping[str, SimulatedSet]) -> dict[str, SimulatedSet]:
    """Sets by title, each followed by that of its second band."""
    found = {}
    for title, one in sets.items():
        found[title] = one
        if one.second_band is not None:
            found[second_title(title)] = one.second_band
    return found


def second_title(title: str) -> str:
    """Title of the set of the second band."""
    return f"{title}, second band"


def _describe(simulated: SimulatedSet, digest: str | None) -> dict[str, Any]:
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
    """Write results as JSON, atomically; NaN becomes null."""
    tables = ",\n".join(f"{json.dumps(name)}: {_table(rows)}" for name, rows in results.sections.items())
    about = json.dumps(_plain(results.about), indent=1, allow_nan=False)
    with atomic_write(target) as path:
        path.write_text(f'{{"format": {FORMAT},\n"about": {about},\n"sections": {{{tables}}}}}\n', encoding="utf-8")


def read_results(source: Path) -> Results:
    """Read the results of a benchmark.

    Raises `InputNotFoundError` if the file does not exist, `InputError` if its content or format version is invalid.
    """
    if not source.is_file():
        raise InputNotFoundError(f"{source} does not exist; use the results.json of a benchmark")
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
    """Round rows to the precision of the file, so that pages from memory and from file are equal."""
    return [{name: round(one, 7) if isinstance(one, float) else one for name, one in row.items()} for row in rows]


def _table(rows: Rows) -> str:
    """Format rows as a JSON table with column names and one line per row."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [json.dumps(_plain([row.get(name) for name in columns]), allow_nan=False) for row in rows]
    return f'{{"columns": {json.dumps(columns)}, "rows": [\n' + ",\n".join(lines) + "]}"


def _rows(columns: list[str], rows: list[list[Any]]) -> Rows:
    filled = ([math.nan if value is None else value for value in row] for row in rows)
    return [dict(zip(columns, row, strict=True)) for row in filled]
