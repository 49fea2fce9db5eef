"""What became of the scenes of a batch, as tables that are true at any time: CSV for people, JSON for programs."""

from __future__ import annotations

import csv
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
WAITING = "waiting"
"""Status of a scene that is not done."""

_FORMS = (".csv", ".json")
_SHARE = 20  # of the time between two writings that one takes, for lists of many thousand scenes


class Report:
    """A report of all scenes, written again when one ends."""

    def __init__(self, scenes: Sequence[ListedScene], target: Path) -> None:
        """Begin a report.

        Parameters
        ----------
        scenes : sequence of ListedScene
            All scenes, in their order.
        target : path
            With the ending ``.csv`` or ``.json`` that file alone, else both, beside each other.

        Raises
        ------
        InputError
            It has another ending.
        """
        if target.suffix and target.suffix.lower() not in _FORMS:
            raise InputError(f"the report {target} ends in {target.suffix}; give .csv, .json, or no ending for both")
        self.paths = (target,) if target.suffix else tuple(target.with_suffix(form) for form in _FORMS)
        self._rows = {scene.name: _waiting(scene) for scene in scenes}
        self._next = 0.0

    def add(self, result: SceneResult) -> None:
        """Take a result, and write the report unless that was a moment ago."""
        self._rows[result.scene.name] = _row(result)
        if time.monotonic() >= self._next:
            self.write()

    def write(self) -> None:
        """Write the report; what was there stays until it is complete.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        began = time.monotonic()
        for path in self.paths:
            text = self._json() if path.suffix.lower() == ".json" else self._csv()
            with atomic_write(path) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="")
        self._next = time.monotonic() + _SHARE * (time.monotonic() - began)

    @property
    def counts(self) -> dict[str, int]:
        """Number of scenes by status."""
        return dict(Counter(row["status"] for row in self._rows.values()))

    def _csv(self) -> str:
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({**row, "warnings": " | ".join(row["warnings"])} for row in self._rows.values())
        return text.getvalue()

    def as_dict(self) -> dict[str, Any]:
        """Give what the report in JSON holds."""
        return {"lst_raster_version": __version__, "counts": self.counts, "scenes": list(self._rows.values())}

    def _json(self) -> str:
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _waiting(scene: ListedScene) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    return {**row, "scene": scene.name, "status": WAITING, "warnings": [], "source": scene.shown}


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
