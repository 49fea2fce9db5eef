"""From the files that a user has, or from the packaged library alone, to the sets of a benchmark."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from lst_raster.profiles.profile_sets import write_profiles
from lst_raster.profiles.simulate import SimulationOptions, simulate_file
from lst_raster.profiles.simulated_set import read_simulated
from lst_raster.resources import data_path
from tests.benchmarks.accuracy.methods import shipped_tiers
from tests.benchmarks.accuracy.setting import QUICK, Plan, Setting, hold_out_last_date

Progress = Callable[[int, int], bool]

VARY_SEED = 1
"""Seed of gases, aerosol and continuum of the library, that of the shipped models' training."""
QUICK_STEP = 5
"""In a quick benchmark every so many columns of the library are simulated."""
_OWN_DATE = (
    "No held-out set was given (`--test`), so the last date of the library is held out: it is used for "
    "measurements only. The shipped models were trained on it, and are left out."
)
_QUICK = (
    "This was a quick run, to show that all works: short trainings and one seed. Its numbers are not the project's."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What a benchmark starts from."""

    setting: Setting
    """Sets and plan."""
    digests: Mapping[str, str]
    """SHA-256 of the files by the titles of the sets."""
    notes: list[str]
    """What a reader must know of the sets."""


def simulate_library(folder: Path, sensor: str, *, quick: bool = False, progress: Progress | None = None) -> Path:
    """Simulate the packaged profile library for a sensor band, unless the folder holds it already.

    Parameters
    ----------
    folder : Path
        Where the simulated set is written, and kept for another run.
    sensor : str
        Sensor band.
    quick : bool
        Take every fifth column only.
    progress : callable, optional
        Called with the profiles done and their total; returns False to stop.

    Returns
    -------
    Path
        The simulated set.
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


def prepare(sensor: str, library: Path, tests: Mapping[str, Path], varied: Mapping[str, Path], plan: Plan) -> Prepared:
    """Read the sets of a benchmark.

    Parameters
    ----------
    sensor : str
        Sensor band.
    library : Path
        Simulated set to learn from.
    tests, varied : mapping of str to Path
        Held-out sets by title; those with gases and aerosol drawn by the titles of the nominal ones. Without any, the
        last date of the library is held out.
    plan : Plan
        How much is fitted and measured.

    Raises
    ------
    InputNotFoundError, InputError
        A file does not exist, is not a simulated set, or is of another sensor band.
    """
    training = read_simulated(library)
    files = {"library": library, **tests, **{f"{title}, aerosol drawn": path for title, path in varied.items()}}
    notes = [_QUICK] if plan == QUICK else []
    held_out = {title: read_simulated(path) for title, path in tests.items()}
    if not tests:
        training, held_out = hold_out_last_date(training)
        notes.append(_OWN_DATE)
    setting = Setting(
        sensor=sensor,
        library=training,
        tests=held_out,
        varied={title: read_simulated(path) for title, path in varied.items()},
        plan=plan,
    )
    if tests:
        setting = replace(setting, shipped=tuple(tier for tier in shipped_tiers(sensor) if tier in setting.tiers))
    digests = {title: hashlib.sha256(path.read_bytes()).hexdigest() for title, path in files.items()}
    return Prepared(setting=setting, digests=digests, notes=notes)
