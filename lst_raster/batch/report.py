"""Report of a batch, up to date while it runs, as CSV and JSON."""

from __future__ import annotations

import csv
import glob
import io
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lst_raster import __version__
from lst_raster.atomic_write import atomic_write
from lst_raster.batch.scene_lists import ListedScene
from lst_raster.batch.task import SceneResult
from lst_raster.errors import InputError
from lst_raster.io.address import without_secrets

COLUMNS = (
    "scene", "status", "seconds", "attempts", "pixels", "retrieved", "mean_lst_K", "warnings", "error", "product",
    "source",
)  # fmt: skip
"""Columns of the table, and keys of the scenes in JSON."""

_FORMATS = (".csv", ".json")
_WRITE_RATIO = 20  # pause between two writes in durations of a write, for lists of many thousand scenes


class Report:
    """Report of all scenes, rewritten as results arrive."""

    def __init__(self, scenes: Sequence[ListedScene], target: Path) -> None:
        """Set the files: `target` if it ends in ``.csv`` or ``.json``, both if it has no ending, else InputError."""
        if target.suffix and target.suffix.lower() not in _FORMATS:
            raise InputError(f"the report {target} ends in {target.suffix}; give .csv, .json, or no ending for both")
        self.paths = (target,) if target.suffix else tuple(target.with_suffix(ending) for ending in _FORMATS)
        empty = dict.fromkeys(COLUMNS)
        self._rows: dict[str, dict[str, Any]] = {
            scene.name: {**empty, "scene": scene.name, "status": "waiting", "warnings": [], "source": scene.shown}
            for scene in scenes
        }
        self._next_write = 0.0

    def add(self, result: SceneResult) -> None:
        """Add a result, and write the report unless it was written a moment ago."""
        self._rows[result.scene.name] = _row(result)
        if time.monotonic() >= self._next_write:
            self.write()

    def write(self) -> None:
        """Write the report; the previous one is replaced when it is complete. Raise OutputError on failure."""
        started = time.monotonic()
        if not self._next_write:  # the first time: temporary files of a killed batch
            for path in self.paths:
                for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}.tmp"):
                    leftover.unlink(missing_ok=True)
        for path in self.paths:
            text = self._csv()
            if path.suffix.lower() == ".json":
                text = json.dumps(self.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            with atomic_write(path) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="")
        self._next_write = time.monotonic() + _WRITE_RATIO * (time.monotonic() - started)

    @property
    def counts(self) -> dict[str, int]:
        """Number of scenes by status."""
        return dict(Counter(row["status"] for row in self._rows.values()))

    def as_dict(self) -> dict[str, Any]:
        """Content of the JSON report."""
        return {"lst_raster_version": __version__, "counts": self.counts, "scenes": list(self._rows.values())}

    def _csv(self) -> str:
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({**row, "warnings": " | ".join(row["warnings"])} for row in self._rows.values())
        return text.getvalue()


def _row(result: SceneResult) -> dict[str, Any]:
    product = result.product
    return {
        "scene": result.scene.name,
        "status": result.status,
        "seconds": round(result.seconds, 2),
        "attempts": result.attempts,
        "pixels": product.pixels if product else None,
        "retrieved": product.retrieved if product else None,
        "mean_lst_K": round(result.mean, 2) if result.mean is not None else None,
        "warnings": [without_secrets(line) for line in result.warnings],
        "error": without_secrets(" ".join(str(result.error).split())) if result.error else None,
        "product": str(product.path) if product else None,
        "source": result.scene.shown,
    }
