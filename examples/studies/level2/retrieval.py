"""Retrieval of Level-2 products with the model compared with their temperature, term by term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from examples.studies.level2.study import SIMULATED, ProductStudy
from examples.studies.report import comma_separated, markdown, signed, unsigned, write_texts
from lst_raster.errors import InputError
from lst_raster.inputs.resolve import resolve_inputs
from lst_raster.io.open_scene import open_scene
from lst_raster.physics.radiative_transfer import surface_temperature
from lst_raster.retrieval.atmosphere import open_exact_atmosphere
from lst_raster.retrieval.masks import choose_masking
from lst_raster.retrieval.neighbourhood import neighbourhood_fields

Float = NDArray[np.float64]

NAME = "level2_retrieval"
"""Stem of the file names."""
CLIMATOLOGY, VAPOUR, BOTH = "climatology", "vapour of the product", "vapour and air temperature of the product"
"""Atmospheric inputs of the retrievals; those of the product are the means of the matched simulated profiles."""
STEPS = ("equation solved again", "pi ST_DRAD", "Ld of the model", "tau and Lu of the model", "total")
"""Contributions to the difference, each added to those before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieval:
    """Retrieval of the clear pixels of a product with the model; arrays of shape (pixel,)."""

    product: str
    inputs: str  # name of the atmospheric inputs
    water_vapour: float  # [kg m-2]
    air_temperature: float  # [K]
    changes: Mapping[str, Float]  # contribution to the temperature minus that of the product, by `STEPS` [K]
    differences: Mapping[str, Float]  # term minus that of the product, by ``tau``, ``Lu`` and ``Ld``
    single: Mapping[str, Float]  # effect on the temperature of ``tau`` or ``Lu`` of the model alone [K]


def retrievals(path: str | Path, study: ProductStudy) -> Iterator[Retrieval]:
    """Retrieve the clear pixels of a product, with its emissivity, for each set of atmospheric inputs.

    Empty without clear pixels. Raises InputError for a product that the study has subsampled.
    """
    terms, clear = study.terms, study.terms.clear
    scene = open_scene(path)
    if terms.shape != (scene.grid.height, scene.grid.width):
        raise InputError(f"{scene.stem} is too large for this comparison; give a part of at most 512 x 512 pixels")
    if not clear.any():
        return
    simulated = next(one for one in study.atmospheres if one.name == SIMULATED)
    vapour, temperature = (
        round(float(np.nanmean(values)), 1) for values in (simulated.water_vapour, simulated.air_temperature)
    )
    masking = choose_masking(scene, clouds=True, dilation=0.0)
    row, column = np.divmod(terms.pixel[clear], terms.shape[1])
    needed = np.zeros(terms.shape, bool)
    needed[row, column] = True

    def solve(transmittance: Float, upwelling: Float, downwelling: Float) -> Float:
        given = terms.radiance[clear], terms.emissivity[clear], transmittance, upwelling, downwelling
        return np.asarray(surface_temperature(*given, study.planck))

    theirs = tuple(term[clear] for term in study.usgs(corrected=True))
    unchanged = terms.st_drad[clear]
    for name, given in (
        (CLIMATOLOGY, {}), (VAPOUR, {"water_vapour": vapour}),
        (BOTH, {"water_vapour": vapour, "air_temperature": temperature}),
    ):  # fmt: skip
        inputs = resolve_inputs(scene, given, None, emissivity="st-emis")
        inputs = inputs.with_neighbourhood(*neighbourhood_fields(scene, inputs.emissivity, masking, 1))
        with open_exact_atmosphere(inputs, scene.grid, uncertainty=False) as read:
            found = read(Window(0, 0, scene.grid.width, scene.grid.height), needed).terms
        ours = tuple(np.broadcast_to(term, terms.shape)[row, column].astype(np.float64) for term in found)
        temperatures = [
            terms.temperature[clear], solve(*theirs[:2], unchanged), solve(*theirs), solve(*theirs[:2], ours[2]),
            solve(*ours),
        ]  # fmt: skip
        changes = dict(zip(STEPS, np.diff(temperatures, axis=0), strict=False))
        base = temperatures[3]
        yield Retrieval(
            product=terms.name, inputs=name,
            water_vapour=_number(inputs.fields["water_vapour"].source),
            air_temperature=_number(inputs.fields["air_temperature"].source),
            changes={**changes, STEPS[-1]: temperatures[-1] - temperatures[0]},
            differences={key: ours[at] - theirs[at] for at, key in enumerate(("tau", "Lu", "Ld"))},
            single={
                "tau": solve(ours[0], theirs[1], ours[2]) - base,
                "Lu": solve(theirs[0], ours[1], ours[2]) - base,
            },
        )  # fmt: skip


def _number(source: object) -> float:
    if not isinstance(source, int | float):
        raise InputError("the comparison takes numbers of water vapour and air temperature")
    return float(source)


def table(found: Sequence[Retrieval]) -> str:
    """Format a Markdown table of bias and standard deviation by atmospheric inputs. [K]"""
    header = ("atmosphere", "vapour", "air temperature", "tau", "Lu", "Ld", *STEPS, "tau alone", "Lu alone")
    lines = (
        (
            one.inputs, f"{one.water_vapour:.1f}", f"{one.air_temperature:.1f}",
            _cell(one.differences["tau"], 3), *(_cell(one.differences[key]) for key in ("Lu", "Ld")),
            *(_cell(one.changes[step]) for step in STEPS), *(_cell(one.single[key]) for key in ("tau", "Lu")),
        )
        for one in found
    )  # fmt: skip
    return markdown(header, lines)


def _cell(values: Float, digits: int = 2) -> str:
    known = values[np.isfinite(values)]
    return f"{signed(float(known.mean()), digits)} ± {unsigned(float(known.std()), digits)}" if known.size else "-"


def write(products: Sequence[Path], studies: Sequence[ProductStudy], folder: Path) -> list[Path]:
    """Write CSV and Markdown to an existing folder, without products of no clear pixel; existing files are replaced."""
    found = [one for path, study in zip(products, studies, strict=True) for one in retrievals(path, study)]
    values = [
        (one.product, one.inputs, quantity, part.size, float(np.nanmean(part)), float(np.nanstd(part)))
        for one in found
        for quantity, part in {**one.changes, **one.differences}.items()
    ]
    texts = {
        f"{NAME}.csv": comma_separated(("product", "inputs", "quantity", "count", "bias", "sd"), values),
        f"{NAME}.md": "\n\n".join(
            f"{name}, {count} clear pixels:\n\n{table([one for one in found if one.product == name])}"
            for name, count in {one.product: one.changes[STEPS[-1]].size for one in found}.items()
        )
        + "\n",
    }
    return list(write_texts(folder, texts))
