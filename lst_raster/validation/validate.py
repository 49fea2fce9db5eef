"""Validation: agreement of retrieved and in-situ temperatures, and of their predicted uncertainty."""

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
from lst_raster.validation.matchup_retrieval import REASON_SEPARATOR, Retrievals, retrieve_matchups
from lst_raster.validation.matchups import EXCLUDED, Matchups

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

LST_RASTER = "lst-raster"  # Name of the package's retrieval among the methods
REMEDIES: Mapping[str, str] = MappingProxyType(
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
"""Remedies for the reasons why a row is not compared."""

_DRIEST, _MANY = 7.0, 5  # [kg m-2], rows: the largest column in cm, and the rows that are unlikely to be all so dry


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Agreement of the package's retrieval with in-situ temperatures in some of the rows."""

    agreement: Agreement  # statistics of the differences [K]
    expected: float  # root mean square of the predicted uncertainty, combined with that of the in-situ temperature [K]
    coverage: float | None  # fraction of the differences within it; 0.68 for a correct uncertainty [1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """Agreement of retrieved and in-situ temperatures."""

    table: str  # Name of the table
    models: Mapping[str, int]  # Number of compared rows by model
    total: int  # Number of rows of the table
    compared: int  # Number of rows with a retrieved and an in-situ temperature that are not excluded
    left_out: Mapping[str, int]  # Number of rows that are not compared by reason; a row may have several
    with_ground_uncertainty: int  # Number of compared rows with an uncertainty of the in-situ temperature
    common: int  # Number of compared rows for which every method has a temperature: those of `methods`
    available: Mapping[str, int]  # Number of compared rows by method
    methods: Mapping[str, Agreement]
    """Agreement of the retrieval, published methods and other products with in-situ data on the common rows. [K]"""
    groups: Mapping[str, Mapping[str, Group]]
    """Agreement of the retrieval in all compared rows, by sensor, tier, site, and class of water vapour [kg m-2]."""
    notes: tuple[str, ...]  # Warnings about the table and the models

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain dictionaries and numbers for JSON, None for NaN."""
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
    """Compare retrieved with in-situ temperatures; returns the statistics, and the results row by row.

    `models` are retrieval graphs, at most one for each sensor band; rows of other bands use the shipped model of
    `tier`, by default of the best tier for which they have the inputs. `air` is the origin of the atmospheric inputs, a
    key of `lst_raster.inference.uncertainty.INPUT_UNCERTAINTIES`. `without` are methods to omit, so that rows without
    their value are common rows.

    Raises InputError where no row can be compared, a method is unknown, or a model does not fit the table; ModelError
    where there is no model for a sensor band and tier.
    """
    rows = retrieve_matchups(matchups, models=models, tier=tier, air=air)
    compared = rows.compared
    reasons = _count_reasons(rows)
    if not compared.any():
        raise InputError(f"{matchups.name}: no row can be compared; {_explained(reasons, matchups)}")
    for name in without:
        if name not in rows.other_methods:
            raise InputError(f"--without {name}: there is no such method; use one of {', '.join(rows.other_methods)}")
    methods = {
        name: values
        for name, values in {LST_RASTER: rows.lst, **rows.other_methods}.items()
        if name not in without and np.isfinite(values[compared]).any()
    }
    available = {name: np.isfinite(values) & compared for name, values in methods.items()}
    common = np.logical_and.reduce(list(available.values()))
    ground = matchups.values["ground_temperature"]
    return Validation(
        table=matchups.name,
        models=_count(name for name, one in zip(rows.models, compared, strict=True) if one),
        total=len(matchups),
        compared=int(np.count_nonzero(compared)),
        left_out=reasons,
        with_ground_uncertainty=int(np.isfinite(matchups.values["ground_uncertainty"][compared]).sum()),
        common=int(np.count_nonzero(common)),
        available={name: int(np.count_nonzero(mask)) for name, mask in available.items()},
        methods={name: agreement(values[common] - ground[common]) for name, values in methods.items()},
        groups=_groups(matchups, rows),
        notes=(*rows.notes, *_warnings(matchups)),
    ), rows


def _groups(matchups: Matchups, rows: Retrievals) -> dict[str, dict[str, Group]]:
    column = matchups.values["water_vapour"]
    tiers = [name.partition("/")[2] for name in rows.models]
    masks = {
        "all": {"all": np.ones(len(matchups), bool)},
        "sensor": _masks_by_name(matchups.sensor),
        "tier": _masks_by_name(tiers),
        "site": _masks_by_name(matchups.site),
        "water vapour": {name: (column >= low) & (column < high) for name, (low, high) in WATER_VAPOUR_CLASSES.items()},
    }
    groups: dict[str, dict[str, Group]] = {}
    for title, members in masks.items():
        groups[title] = {}
        for name, mask in members.items():
            chosen = mask & rows.compared
            if chosen.any():
                error, uncertainty = rows.difference[chosen], rows.difference_uncertainty[chosen]
                groups[title][name] = Group(
                    agreement=agreement(error),
                    expected=float(np.sqrt(np.mean(uncertainty**2))),
                    coverage=coverage(error, uncertainty),
                )
    return groups


def _masks_by_name(names: Sequence[str]) -> dict[str, Mask]:
    array = np.array(names)
    return {name: array == name for name in sorted(set(names)) if name}


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _count_reasons(rows: Retrievals) -> dict[str, int]:
    """Count the reasons why rows are not compared; all exclusions count as one reason."""
    reasons: list[str] = []
    for text in filter(None, rows.reasons):
        reasons += [EXCLUDED] if text.startswith(EXCLUDED) else text.split(REASON_SEPARATOR)
    return _count(reasons)


def _explained(reasons: Mapping[str, int], matchups: Matchups) -> str:
    """Reasons with their remedies, for a message."""
    parts = [
        f"{reason} in {count} of {len(matchups)} rows{f' ({REMEDIES[reason]})' if reason in REMEDIES else ''}"
        for reason, count in reasons.items()
    ]
    unknown = ", ".join(matchups.extra_columns)
    hint = f"; for unknown columns ({unknown}) add --column NAME=HEADER" if unknown else ""
    return ", ".join(parts) + hint


def _warnings(matchups: Matchups) -> list[str]:
    """Warn about unknown columns, and about water vapour that may be in centimetres."""
    notes = []
    column = matchups.values["water_vapour"]
    known = column[np.isfinite(column)]
    if known.size >= _MANY and known.max() < _DRIEST:
        notes.append(
            f"water vapour is at most {known.max():g} kg m-2 in all {known.size} rows: a very dry atmosphere, or "
            "centimetres? 1 cm is 10 kg m-2"
        )
    if matchups.extra_columns:
        notes.append(f"unknown columns are copied into rows.csv: {', '.join(matchups.extra_columns)}")
    return notes
