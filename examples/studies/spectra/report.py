"""Tables and figures of the study of emissivity spectra."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from examples.studies.report import comma_separated, markdown, plain_json, signed, unsigned, write_texts
from examples.studies.spectra.lines import draw_lines
from examples.studies.spectra.study import (
    EFFECTIVE_EXCESS,
    GROUND_EXCESS,
    LIBRARY_TEMPERATURE,
    NOT_METAL,
    PARTS,
    SpectralStudy,
)
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.plots.charts import save_figure

NAME = "spectral_emissivity"
"""Stem of the file names."""

_CLASSES = ("all", *WATER_VAPOUR_CLASSES)
_HEADER = ("part", "sensor", "water_vapour_kg_m2", "kind", "samples", "bias_K", "rmse_K", "p95_K", "largest_K")


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectralRow:
    """Statistics of one part of the error, in one band, class of water vapour and kind of material."""

    part: str
    """Part of the error, see `PARTS`."""
    sensor: str
    """Sensor band."""
    water_vapour: str
    """Class of water vapour. [kg m-2]"""
    kind: str
    """Kind of material."""
    samples: int
    """Number of errors: atmospheres x surface temperatures x spectra."""
    bias: float
    """Mean. [K]"""
    rmse: float
    """Root mean square. [K]"""
    p95: float
    """95th percentile of the absolute error. [K]"""
    largest: float
    """Largest absolute error. [K]"""


def rows(study: SpectralStudy) -> Iterator[SpectralRow]:
    """Yield the statistics of every part of the error; the spectral part also for each kind of material.

    Other parts exclude metals; empty groups are omitted.
    """
    for part in PARTS:
        kinds = (NOT_METAL, *dict.fromkeys(study.kinds)) if part == PARTS[0] else (NOT_METAL,)
        for sensor in study.sensors:
            for vapour in _CLASSES:
                for kind in kinds:
                    found = row(study, part, sensor, kind=kind, vapour=vapour)
                    if found.samples:
                        yield found


def row(study: SpectralStudy, part: str, sensor: str, *, kind: str = NOT_METAL, vapour: str = "all") -> SpectralRow:
    """Statistics of `SpectralStudy.select`, with the same parameters; NaN without samples. [K]"""
    errors = study.select(part, sensor, kind=kind, vapour=vapour)
    known = errors[np.isfinite(errors)]
    size = np.abs(known)
    statistics = (known.mean(), np.sqrt(np.mean(known**2)), np.percentile(size, 95.0), size.max()) if known.size else ()
    bias, rmse, p95, largest = (float(value) for value in statistics or (np.nan,) * 4)
    return SpectralRow(
        part=part, sensor=sensor, water_vapour=vapour, kind=kind, samples=known.size,
        bias=bias, rmse=rmse, p95=p95, largest=largest,
    )  # fmt: skip


def as_dict(study: SpectralStudy) -> dict[str, Any]:
    """Return assumptions, atmospheres, band emissivities and statistics as plain dictionaries and numbers, for JSON."""
    air = zip(study.profiles, study.water_vapour, study.air_temperature, strict=True)
    spectra = zip(study.names, study.kinds, study.band_emissivity.T, strict=True)
    return {
        "surface_minus_air_temperature_K": GROUND_EXCESS,
        "effective_terms_surface_minus_air_temperature_K": EFFECTIVE_EXCESS,
        "band_emissivity_temperature_K": LIBRARY_TEMPERATURE,
        "atmospheres": [
            {"profile": profile, "water_vapour_kg_m2": float(vapour), "air_temperature_K": float(temperature)}
            for profile, vapour, temperature in air
        ],
        "materials": [
            {"name": name, "kind": kind} | dict(zip(study.sensors, np.round(values, 4).tolist(), strict=True))
            for name, kind, values in spectra
        ],
        "rows": [asdict(one) for one in rows(study)],
    }


def tables(study: SpectralStudy) -> str:
    """Format Markdown tables: by class of water vapour, by kind of material, and the error of the band equation."""
    spectral = partial(_by_class, study, PARTS[0])
    sections = [
        ("RMSE of the spectral error, without metals [K]", spectral(lambda one: unsigned(one.rmse, 3))),
        ("95th percentile of the absolute spectral error [K]", spectral(lambda one: unsigned(one.p95, 3))),
        ("Mean spectral error [K]", spectral(lambda one: signed(one.bias, 3))),
        ("By kind of material, all atmospheres: RMSE (largest) [K]", _by_kind(study)),
        ("Mean error of the band equation for a grey surface, plain averages [K]", _by_class(study, PARTS[1], _bias)),
        ("Mean error of the band equation for a grey surface, effective terms [K]", _by_class(study, PARTS[2], _bias)),
    ]
    air, ground = len(study.profiles), len(GROUND_EXCESS)
    count = f"{air} atmospheres, {ground} surface temperatures, {len(study.names)} spectra."
    return "\n\n".join([count, *(f"{title}:\n\n{table}" for title, table in sections)]) + "\n"


def pictures(study: SpectralStudy, folder: Path) -> list[Path]:
    """Draw the RMSE of the spectral error and the mean error of the band equation, by class of water vapour."""
    drawn: Sequence[tuple[str, str, str, str]] = (
        (NAME, PARTS[0], "rmse", "Single band emissivity: RMSE of the surface temperature"),
        ("band_equation", PARTS[1], "bias", "Band equation for a grey surface: mean error"),
    )
    paths = []
    for stem, part, statistic, title in drawn:
        lines = {
            sensor: [getattr(row(study, part, sensor, vapour=vapour), statistic) for vapour in WATER_VAPOUR_CLASSES]
            for sensor in study.sensors
        }
        label = "error [K] against water vapour [kg m-2], materials without metals"
        paths.append(folder / f"{stem}.png")
        save_figure(draw_lines(tuple(WATER_VAPOUR_CLASSES), lines, title=title, label=label), paths[-1])
    return paths


def write(study: SpectralStudy, folder: Path) -> list[Path]:
    """Write CSV, JSON, Markdown and two figures to an existing folder; existing files are replaced."""
    values = [tuple(asdict(one).values()) for one in rows(study)]
    texts = {
        f"{NAME}.csv": comma_separated(_HEADER, values),
        f"{NAME}.json": plain_json(as_dict(study)),
        f"{NAME}.md": tables(study),
    }
    return [*write_texts(folder, texts), *pictures(study, folder)]


def _bias(one: SpectralRow) -> str:
    return signed(one.bias)


def _by_class(study: SpectralStudy, part: str, show: Callable[[SpectralRow], str]) -> str:
    lines = [
        (sensor, *(show(row(study, part, sensor, vapour=vapour)) for vapour in _CLASSES)) for sensor in study.sensors
    ]
    return markdown(("water vapour [kg m-2]", *_CLASSES), lines)


def _by_kind(study: SpectralStudy) -> str:
    def show(sensor: str, kind: str) -> str:
        found = row(study, PARTS[0], sensor, kind=kind)
        return f"{unsigned(found.rmse, 3)} ({unsigned(found.largest)})"

    lines = [
        (f"{kind} ({study.kinds.count(kind)})", *(show(sensor, kind) for sensor in study.sensors))
        for kind in dict.fromkeys(study.kinds)
    ]
    return markdown(("kind (spectra)", *study.sensors), lines)
