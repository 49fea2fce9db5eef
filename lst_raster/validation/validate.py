"""Retrievals beside temperatures measured on the ground: how they agree, and how sure they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputError
from lst_raster.inference.model import Model
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES, Agreement, agreement, coverage
from lst_raster.validation.compare import without_nan
from lst_raster.validation.matchup_retrieval import BETWEEN_REASONS, Retrievals, retrieve_matchups
from lst_raster.validation.matchups import EXCLUDED, Matchups

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

OURS = "lst-raster"
"""Name of our retrieval among the methods."""

_DRIEST, _MANY = 7.0, 5  # [kg m-2], rows: centimetres never exceed it, a handful of rows may all be dry

WHAT_TO_DO: Mapping[str, str] = MappingProxyType(
    {
        "no sensor": "column sensor, or --sensor",
        "no radiance": "column brightness_temperature_K or radiance_W_m2_sr_um",
        "no emissivity": "column emissivity, or --emissivity",
        "no water vapour": "column water_vapour_kg_m2",
        "no surface pressure": "column surface_pressure_hPa or elevation_m, --elevation, or --surfrad",
        "no air temperature": "column air_temperature_K, --surfrad, or --tier column",
        "no in-situ LST": "column insitu_lst_K, or --surfrad",
        "no broadband emissivity": "column broadband_emissivity, or --broadband-emissivity",
    }
)
"""Why a row is not compared, and what changes that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Our retrieval against the ground, in some of the rows."""

    agreement: Agreement
    """Statistics of the differences. [K]"""
    expected: float
    """Root mean square of the predicted uncertainty, combined with that of the ground. [K]"""
    coverage: float | None
    """Share of the differences within it; 0.68 where it is right. [1]"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """How retrievals agree with the ground."""

    table: str
    """Name of the table."""
    models: Mapping[str, int]
    """Models, and how many of the compared rows each retrieved."""
    total: int
    """Rows of the table."""
    compared: int
    """Rows with our temperature and one of the ground that are not excluded."""
    left_out: Mapping[str, int]
    """Why the others are not compared, and how many for each reason; a row may have several."""
    with_ground_uncertainty: int
    """Compared rows whose ground temperature has an uncertainty."""
    common: int
    """Compared rows for which every method has a temperature: those of `methods`."""
    available: Mapping[str, int]
    """Compared rows in which each method has a temperature."""
    methods: Mapping[str, Agreement]
    """Our retrieval, the published methods and the other products against the ground, all on the common rows. [K]"""
    groups: Mapping[str, Mapping[str, Group]]
    """Our retrieval on all compared rows, then by sensor, tier, site, and class of water vapour [kg m-2]."""
    notes: tuple[str, ...]
    """What should be known beside the figures."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries and numbers, for JSON; None for what is not a number."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain


def validate(
    matchups: Matchups,
    *,
    models: Sequence[Model] = (),
    tier: str | None = None,
    air: str = "reanalysis",
    without: Sequence[str] = (),
) -> tuple[Validation, Retrievals]:
    """Compare retrievals with the ground.

    Parameters
    ----------
    matchups : Matchups
        The rows.
    models : sequence of Model
        Retrieval graphs to take for their sensor bands, at most one for each; for the others a shipped model is
        taken, of the best tier that a row has the inputs for.
    tier : str, optional
        Tier of all shipped models.
    air : str
        Where the inputs of the air come from, a key of `lst_raster.inference.uncertainty.INPUT_UNCERTAINTIES`, which
        says how well they are known.
    without : sequence of str
        Methods to leave out, so that rows without a value of theirs count.

    Returns
    -------
    tuple of Validation and Retrievals
        The statistics, and what they are made of, row by row.

    Raises
    ------
    InputError
        No row can be compared, a method is not known, or a model does not fit the table.
    ModelError
        There is no model for a sensor band and tier.
    """
    rows = retrieve_matchups(matchups, models=models, tier=tier, air=air)
    compared = rows.compared
    if not compared.any():
        raise InputError(f"{matchups.name}: no row can be compared; {_why(rows, matchups)}")
    methods = _methods(rows, without)
    known = {name: np.isfinite(values) & compared for name, values in methods.items()}
    common = np.logical_and.reduce(list(known.values()))
    ground = matchups.values["ground_temperature"]
    return Validation(
        table=matchups.name,
        models=_counts(name for name, one in zip(rows.models, compared, strict=True) if one),
        total=len(matchups),
        compared=int(np.count_nonzero(compared)),
        left_out=_reasons(rows),
        with_ground_uncertainty=int(np.isfinite(matchups.values["ground_uncertainty"][compared]).sum()),
        common=int(np.count_nonzero(common)),
        available={name: int(np.count_nonzero(mask)) for name, mask in known.items()},
        methods={name: agreement(values[common] - ground[common]) for name, values in methods.items()},
        groups={
            title: {name: _group(rows, mask) for name, mask in members.items()}
            for title, members in _memberships(matchups, rows).items()
        },
        notes=(*rows.notes, *_doubts(matchups)),
    ), rows


def _methods(rows: Retrievals, without: Sequence[str]) -> dict[str, Float]:
    """Every method that has a temperature in some compared row."""
    all_of = {OURS: rows.lst, **rows.others}
    unknown = [name for name in without if name not in rows.others]
    if unknown:
        raise InputError(f"--without {unknown[0]}: there is no such method; there are {', '.join(rows.others)}")
    return {
        name: values
        for name, values in all_of.items()
        if name not in without and np.isfinite(values[rows.compared]).any()
    }


def _group(rows: Retrievals, chosen: Mask) -> Group:
    error, sure = rows.difference[chosen], rows.expected[chosen]
    return Group(
        agreement=agreement(error),
        expected=float(np.sqrt(np.mean(sure**2))),
        coverage=coverage(error, sure),
    )


def _memberships(matchups: Matchups, rows: Retrievals) -> dict[str, dict[str, Mask]]:
    """Rows of each group; those that are not compared belong to none."""
    column = matchups.values["water_vapour"]
    classes = {name: (column >= low) & (column < high) for name, (low, high) in WATER_VAPOUR_CLASSES.items()}
    tiers = tuple(name.partition("/")[2] for name in rows.models)
    found = {
        "all": {"all": np.ones(len(matchups), bool)},
        "sensor": _by_name(matchups.sensor),
        "tier": _by_name(tiers),
        "site": _by_name(matchups.site),
        "water vapour": classes,
    }
    return {
        title: {name: mask & rows.compared for name, mask in members.items() if (mask & rows.compared).any()}
        for title, members in found.items()
    }


def _by_name(names: Sequence[str]) -> dict[str, Mask]:
    array = np.array(names)
    return {name: array == name for name in sorted(set(names)) if name}


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _reasons(rows: Retrievals) -> dict[str, int]:
    """Count every reason why rows are not compared; whatever excludes a row is one."""
    found = [
        reason
        for text in rows.reasons
        for reason in ([EXCLUDED] if text.startswith(EXCLUDED) else text.split(BETWEEN_REASONS))
        if reason
    ]
    return _counts(found)


def _why(rows: Retrievals, matchups: Matchups) -> str:
    """Why rows are not compared, and what to do, for a message."""
    parts = [
        f"{reason} in {count} of {len(matchups)} rows{f' ({WHAT_TO_DO[reason]})' if reason in WHAT_TO_DO else ''}"
        for reason, count in _reasons(rows).items()
    ]
    surplus = ", ".join(matchups.surplus)
    hint = f"; of columns that are not known ({surplus}) --column NAME=HEADER tells what they are" if surplus else ""
    return ", ".join(parts) + hint


def _doubts(matchups: Matchups) -> list[str]:
    """Say what in the table may be a mistake: columns without a use, and a column of water in another unit."""
    notes = []
    column = matchups.values["water_vapour"]
    known = column[np.isfinite(column)]
    if known.size >= _MANY and known.max() < _DRIEST:
        notes.append(
            f"water vapour is at most {known.max():g} kg m-2 in all {known.size} rows: very dry air, or centimetres? "
            "1 cm is 10 kg m-2"
        )
    if matchups.surplus:
        notes.append(f"columns without a meaning here, copied into rows.csv: {', '.join(matchups.surplus)}")
    return notes
