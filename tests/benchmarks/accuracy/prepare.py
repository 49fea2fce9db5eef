"""Simulated sets of a benchmark, from given files or from the packaged library."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from lst_raster.errors import InputError
from lst_raster.profiles.profile_sets import write_profiles
from lst_raster.profiles.simulate import SimulationOptions, simulate_file
from lst_raster.profiles.simulated_set import SimulatedSet, read_simulated
from lst_raster.resources import data_path
from tests.benchmarks.accuracy.methods import shipped_tiers
from tests.benchmarks.accuracy.results import second_title
from tests.benchmarks.accuracy.setting import QUICK, Plan, Setting, by_source, last_date

Progress = Callable[[int, int], bool]

VARY_SEED = 1
"""Seed of gases, aerosol and continuum of the library, as in training of the shipped models."""
QUICK_STEP = 10
"""A quick benchmark simulates every n-th column of the library."""
_LAST_DATE = "No test set was given (`--test`): the columns of the last date of the library are used for testing."
_QUICK = "This is a quick trial run with short trainings and one seed. Its figures are not representative."


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Inputs of a benchmark."""

    setting: Setting
    digests: Mapping[str, str]
    """SHA-256 of the files by title of the sets."""
    notes: list[str]
    """Remarks on the sets, for the page."""


def simulate_library(folder: Path, sensor: str, *, quick: bool = False, progress: Progress | None = None) -> Path:
    """Simulate the packaged profile library for a sensor band into `folder`, unless the file exists.

    `quick` simulates every tenth column only. `progress` is called with completed and total profiles and returns
    False to stop. Returns the path of the simulated set.
    """
    target = folder / f"{sensor}_library{'_quick' if quick else ''}.nc"
    source, options = data_path("profiles", "library.nc"), SimulationOptions(vary_seed=VARY_SEED)
    if target.exists():
        return target
    if not quick:
        simulate_file(source, {sensor: target}, options, progress)
        return target
    with tempfile.TemporaryDirectory() as temporary, xr.open_dataset(source, engine="h5netcdf") as library:
        thinned = Path(temporary, source.name)
        write_profiles(library.isel(profile=slice(None, None, QUICK_STEP)).load(), thinned)
        simulate_file(thinned, {sensor: target}, options, progress)
    return target


def prepare(
    sensor: str, library: Path, tests: Mapping[str, Path], plan: Plan, fits: Path | None = None,
    second: Path | None = None, second_tests: Mapping[str, Path] | None = None,
) -> Prepared:  # fmt: skip
    """Read the sets of a benchmark.

    `library` is the training set, `tests` are the test sets by title. A test set with columns of several sources of the
    library is divided (`by_source`); without test sets the last date of the library is one. `fits` is the folder of
    finished fits. `second` and `second_tests` are the same columns in the second band, of all test sets or of some.
    Raises `InputNotFoundError` or `InputError` if a file does not exist, is not a simulated set, or is for another
    sensor band.
    """
    seconds = dict(second_tests or {})
    if unknown := [title for title in seconds if title not in tests]:
        raise InputError(f"there is no test set {', '.join(unknown)} for the second band; give it with --test")
    if seconds and second is None:
        raise InputError("the library lacks the second band that test sets have; give it with --second")
    training = read_simulated(library, second)
    notes = [_QUICK] if plan == QUICK else []
    digests = {"library": _digest(library)}
    if second is not None:
        digests[second_title("library")] = _digest(second)
    held_out: dict[str, SimulatedSet] = {}
    for title, path in tests.items():
        other = seconds.get(title)
        parts = by_source(title, read_simulated(path, other), training)
        held_out |= parts
        digests |= dict.fromkeys(parts, _digest(path))
        if other is not None:
            digests |= dict.fromkeys(map(second_title, parts), _digest(other))
    if not tests:
        held_out = last_date(training)
        notes.append(_LAST_DATE)
    setting = Setting(sensor=sensor, library=training, tests=held_out, plan=plan, fits=fits)
    shipped = tuple(tier for tier in shipped_tiers(sensor) if tier in setting.tiers)
    return Prepared(setting=replace(setting, shipped=shipped), digests=digests, notes=notes)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
