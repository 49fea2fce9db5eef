"""Groups of match-ups, and the agreement of a temperature with in-situ temperatures in each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lst_raster.physics.error_metrics import Agreement, agreement, coverage, water_vapour_masks
from lst_raster.physics.solar import solar_elevation
from lst_raster.validation.matchups import Matchups

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

_EPOCH = np.datetime64("2000-01-01T12:00", "s")
_SEASONS = ("December to February", "March to May", "June to August", "September to November")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Agreement of a temperature with in-situ temperatures in some of the rows."""

    agreement: Agreement  # statistics of the differences [K]
    expected: float
    """Root mean square of the stated uncertainty, combined with those of the in-situ temperature and the deviation
    within the site; NaN for a product without uncertainty. [K]"""
    coverage: float | None  # fraction of the differences within it; 0.68 for a correct uncertainty [1]
    expected_of_point: float  # as `expected`, without the deviation within the site [K]
    coverage_of_point: float | None  # fraction of the differences within that [1]


def group_masks(matchups: Matchups) -> dict[str, dict[str, Mask]]:
    """Masks of the rows by title and name of the group; rows without the information are in no group of a title."""
    elevation = sun_elevation(matchups)
    month = matchups.date.astype("datetime64[M]").astype(int) % 12 + 1  # of NaT it is meaningless
    season = np.where(np.isnat(matchups.date), -1, month % 12 // 3)
    return {
        "all": {"all": np.ones(len(matchups), bool)},
        "sensor": masks_by_name(matchups.sensor),
        "site": masks_by_name(matchups.site),
        "surface type": masks_by_name(matchups.surface_type),
        "day or night": {"day": elevation > 0.0, "night": elevation <= 0.0},
        "season": {name: season == number for number, name in enumerate(_SEASONS)},
        "water vapour": water_vapour_masks(matchups.values["water_vapour"]),
    }


def sun_elevation(matchups: Matchups) -> Float:
    """Elevation of the sun at each row, NaN without a place or a time. [degree]"""
    times = [time.replace(tzinfo=None) if time is not None else "NaT" for time in matchups.time]
    days = (np.array(times, "datetime64[s]") - _EPOCH) / np.timedelta64(1, "D")
    return np.asarray(solar_elevation(matchups.values["latitude"], matchups.values["longitude"], days))


def masks_by_name(names: Sequence[str]) -> dict[str, Mask]:
    """Masks of the rows of each name in alphabetical order, without the empty one."""
    array = np.array(names)
    return {name: array == name for name in sorted(set(names)) if name}


def agreement_of_groups(
    masks: Mapping[str, Mapping[str, Mask]], matchups: Matchups, compared: Mask, lst: Float, uncertainty: Float | None
) -> dict[str, dict[str, Group]]:
    """Agreement of temperatures with the in-situ temperatures by group, without groups that have no compared row.

    `lst` and its standard uncertainty, if there is one, have shape (match-up,). [K]
    """
    values = matchups.values
    difference = lst - values["ground_temperature"]
    stated = np.full(len(matchups), math.nan) if uncertainty is None else uncertainty
    of_point = np.hypot(stated, np.nan_to_num(values["ground_uncertainty"]))
    of_site = np.hypot(of_point, np.nan_to_num(values["site_deviation"]))
    groups: dict[str, dict[str, Group]] = {}
    for title, members in masks.items():
        groups[title] = {}
        for name, mask in members.items():
            rows = mask & compared & np.isfinite(difference)
            if rows.any():
                error = difference[rows]
                groups[title][name] = Group(
                    agreement=agreement(error),
                    expected=_root_mean_square(of_site[rows]),
                    coverage=_coverage(error, of_site[rows]),
                    expected_of_point=_root_mean_square(of_point[rows]),
                    coverage_of_point=_coverage(error, of_point[rows]),
                )
    return groups


def _root_mean_square(uncertainty: Float) -> float:
    known = uncertainty[np.isfinite(uncertainty)]
    return float(np.sqrt(np.mean(known**2))) if known.size else math.nan


def _coverage(error: Float, uncertainty: Float) -> float | None:
    known = np.isfinite(uncertainty)
    return coverage(error[known], uncertainty[known])
