"""Atmospheric terms of Level-2 products compared with simulations and models, as tables and maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.studies.level2.study import GROUND_EXCESS, SIMULATED, Atmosphere, ProductStudy
from examples.studies.report import comma_separated, markdown, plain_json, signed, unsigned, write_texts
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES
from lst_raster.plots.charts import draw_map, save
from lst_raster.plots.colours import inferno, robust_limits

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

NAME = "level2_terms"
"""Stem of the file names."""
EMISSIVITY_CLASSES: Mapping[str, tuple[float, float]] = {
    "e < 0.95": (0.0, 0.95), "e 0.95-0.98": (0.95, 0.98), "e > 0.98": (0.98, 1.01),
}  # fmt: skip
"""Classes of the emissivity of the product, including the lower limit."""
PI, UNCHANGED = "USGS, pi ST_DRAD", "USGS, ST_DRAD unchanged"

_HEADER = ("product", "method", "quantity", "reference", "units", "pixels", "group", "count", "bias", "sd", "rmse")
_GROUND = "temperature of the assumed surface"


@dataclass(frozen=True, kw_only=True, slots=True)
class Level2Row:
    """Difference between one method and a product."""

    product: str
    method: str
    """Method, or variant of the terms of the product."""
    quantity: str
    reference: str
    """Subtracted quantity."""
    units: str
    pixels: str
    """All pixels with atmospheric terms (including cloudy ones), or the clear ones."""
    group: str
    """All, a class of emissivity, or a class of water vapour of the simulated atmosphere [kg m-2]."""
    count: int
    bias: float
    sd: float
    """Standard deviation."""
    rmse: float
    """Root mean square."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Difference:
    method: str
    quantity: str
    reference: str
    units: str
    values: Float
    with_clouds: bool


def rows(study: ProductStudy) -> Iterator[Level2Row]:
    """Yield the statistics of one product: all pixels, clear pixels and classes; empty groups are omitted."""
    everywhere = np.ones(study.terms.pixel.shape, bool)
    for difference in _differences(study):
        for pixels, chosen in (("all", everywhere), ("clear", study.terms.clear)):
            if pixels == "all" and not difference.with_clouds:
                continue
            for group, within in _groups(study):
                known = difference.values[chosen & within & np.isfinite(difference.values)]
                if known.size:
                    yield _row(study, difference, pixels, group, known)


def as_dict(studies: Iterable[ProductStudy]) -> dict[str, Any]:
    """Return assumptions, matched profiles and statistics as plain dictionaries and numbers, for JSON."""
    return {
        "assumed_surface_minus_emission_temperature_K": GROUND_EXCESS,
        "products": [
            {
                "product": study.terms.name,
                "sensor": study.terms.sensor,
                "elevation_m": study.elevation,
                "pixels": study.terms.pixel.size,
                "clear": int(study.terms.clear.sum()),
                "matched_profiles": [asdict(one) for one in study.matched],
                "rows": [asdict(row) for row in rows(study)],
            }
            for study in studies
        ],
    }


def tables(studies: Iterable[ProductStudy]) -> str:
    """Format Markdown tables: atmospheric terms by method, and temperatures of clear pixels, for each product."""
    return "\n\n".join(part for study in studies for part in _tables(study)) + "\n"


def pictures(studies: Iterable[ProductStudy], folder: Path) -> list[Path]:
    """Draw the effect of pi ST_DRAD in place of ST_DRAD: for the assumed surface everywhere, and for clear pixels."""
    paths = []
    for study in studies:
        kinds = {
            "assumed_surface": (
                study.change_by_pi(study.ground),
                "assumed surface",
            )
        }
        if study.terms.clear.any():
            kinds["clear"] = (np.where(study.terms.clear, _change(study), np.nan), "clear pixels")
        for kind, (values, label) in kinds.items():
            target = folder / f"{study.terms.name}_pi_st_drad_{kind}.png"
            low = (robust_limits(values) or (-1.0, 0.0))[0]
            picture = draw_map(
                study.terms.map(values), inferno(), (low, 0.0),
                title=f"pi ST_DRAD minus ST_DRAD, {label}", unit="K", missing="no value",
            )  # fmt: skip
            save(picture, target)
            paths.append(target)
    return paths


def write(studies: Sequence[ProductStudy], folder: Path) -> list[Path]:
    """Write CSV, JSON, Markdown and maps to an existing folder; existing files are replaced."""
    values = [tuple(asdict(row).values()) for study in studies for row in rows(study)]
    texts = {
        f"{NAME}.csv": comma_separated(_HEADER, values),
        f"{NAME}.json": plain_json(as_dict(studies)),
        f"{NAME}.md": tables(studies),
    }
    return [*write_texts(folder, texts), *pictures(studies, folder)]


def _change(study: ProductStudy) -> Float:
    return study.lst(study.usgs(corrected=True)) - study.lst(study.usgs(corrected=False))


def _groups(study: ProductStudy) -> Iterator[tuple[str, Mask]]:
    yield "all", np.ones(study.terms.pixel.shape, bool)
    for name, (low, high) in EMISSIVITY_CLASSES.items():
        yield name, (study.terms.emissivity >= low) & (study.terms.emissivity < high)
    vapour = next(one.water_vapour for one in study.atmospheres if one.name == SIMULATED)
    for name, (low, high) in WATER_VAPOUR_CLASSES.items():
        yield f"{name} kg m-2", (vapour >= low) & (vapour < high)


def _differences(study: ProductStudy) -> Iterator[_Difference]:
    radiance, band = "W m-2 sr-1 um-1", f"ST_{study.terms.sensor.partition('-')[2].upper()}"
    transmittance, upwelling, pi = study.usgs(corrected=True)
    for air in study.atmospheres:
        for quantity, reference, units, values in (
            ("transmittance", "ST_ATRAN", "1", air.transmittance - transmittance),
            ("upwelling radiance", "ST_URAD", radiance, air.upwelling_radiance - upwelling),
            ("downwelling radiance", "pi ST_DRAD", radiance, air.downwelling_radiance - pi),
            ("downwelling radiance", "ST_DRAD", radiance, air.downwelling_radiance - study.terms.st_drad),
            ("downwelling over pi ST_DRAD", "1", "1", air.downwelling_radiance / pi - 1.0),
            (_GROUND, PI, "K", study.lst_of_assumed_surface(air.terms, corrected=True) - study.ground),
            (_GROUND, UNCHANGED, "K", study.lst_of_assumed_surface(air.terms, corrected=False) - study.ground),
        ):
            yield _Difference(
                method=air.name,
                quantity=quantity,
                reference=reference,
                units=units,
                values=np.asarray(values),
                with_clouds=True,
            )
        yield from _temperature_differences(air.name, study.lst(air.terms), study, band)
    for name, corrected in ((PI, True), (UNCHANGED, False)):
        yield from _temperature_differences(name, study.lst(study.usgs(corrected=corrected)), study, band)


def _temperature_differences(method: str, lst: Float, study: ProductStudy, band: str) -> Iterator[_Difference]:
    for reference, other in ((band, study.terms.temperature), (PI, study.lst(study.usgs(corrected=True)))):
        if reference != method:
            yield _Difference(
                method=method,
                quantity="temperature",
                reference=reference,
                units="K",
                values=lst - other,
                with_clouds=False,
            )


def _row(study: ProductStudy, difference: _Difference, pixels: str, group: str, known: Float) -> Level2Row:
    return Level2Row(
        product=study.terms.name, method=difference.method, quantity=difference.quantity,
        reference=difference.reference, units=difference.units, pixels=pixels, group=group, count=known.size,
        bias=float(known.mean()), sd=float(known.std()), rmse=float(np.sqrt(np.mean(known**2))),
    )  # fmt: skip


def _tables(study: ProductStudy) -> Iterator[str]:
    found = {
        (row.method, row.quantity, row.reference, row.pixels, row.group): row for row in rows(study)
    }  # fmt: skip

    def cell(
        method: str, quantity: str, reference: str, digits: int, *, pixels: str = "all", group: str = "all"
    ) -> str:
        row = found.get((method, quantity, reference, pixels, group))
        return f"{signed(row.bias, digits)} ± {unsigned(row.sd, digits)}" if row else "-"

    count, clear = study.terms.pixel.size, int(study.terms.clear.sum())
    summary = f"{count} pixels with atmospheric terms, {clear} of them clear; surface at {study.elevation:g} m"
    yield f"{study.terms.name}: {summary}."
    header = (
        "method", "pixels", "water vapour", "air temperature", "tau", "Lu", "Ld - pi ST_DRAD", "Ld / (pi ST_DRAD) - 1",
        "assumed surface, minus pi ST_DRAD", "minus ST_DRAD",
    )  # fmt: skip
    yield markdown(
        header,
        (
            (
                air.name, *_state(air),
                cell(air.name, "transmittance", "ST_ATRAN", 3), cell(air.name, "upwelling radiance", "ST_URAD", 2),
                cell(air.name, "downwelling radiance", "pi ST_DRAD", 2),
                cell(air.name, "downwelling over pi ST_DRAD", "1", 3),
                cell(air.name, _GROUND, PI, 2), cell(air.name, _GROUND, UNCHANGED, 2),
            )
            for air in study.atmospheres
        ),
    )  # fmt: skip
    if not clear:
        return
    band = f"ST_{study.terms.sensor.partition('-')[2].upper()}"
    names = [*(air.name for air in study.atmospheres), PI, UNCHANGED]
    groups = ("all", *EMISSIVITY_CLASSES)
    yield f"Temperature of clear pixels minus {band}, and minus that with pi ST_DRAD [K]:"
    yield markdown(
        ("terms", f"minus {band}", *(f"minus pi ST_DRAD, {group}" for group in groups)),
        (
            (
                name,
                cell(name, "temperature", band, 2, pixels="clear"),
                *(cell(name, "temperature", PI, 2, pixels="clear", group=group) for group in groups),
            )
            for name in names
        ),
    )


def _state(air: Atmosphere) -> tuple[str, str, str]:
    """Fraction of pixels with a solution, mean and standard deviation of its water vapour and air temperature."""
    texts = [f"{100.0 * np.isfinite(air.downwelling_radiance).mean():.0f} %"]
    for values in (air.water_vapour, air.air_temperature):
        known = values[np.isfinite(values)]
        texts.append(f"{known.mean():.1f} ± {known.std():.1f}" if known.size else "-")
    return texts[0], texts[1], texts[2]
