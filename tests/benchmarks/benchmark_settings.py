"""Small settings of a benchmark, from synthetic columns."""

from tests.benchmarks.accuracy.setting import Plan, Setting
from tests.support.simulated_sets import SOURCES, made_set, made_two_band_set

TINY = Plan(steps=5, fewer_steps=4, seeds=2, fewer_seeds=2, fractions=(0.5,), continents=("Africa",), per_profile=2)


def tiny_setting(folder, **changes):
    """Create a setting with few columns: two sources in the library, one of them and another one as test sets."""
    sets = {
        "library": made_set(folder / "library.nc", profiles=300, seed=1),
        "tests": {
            "Second date": made_set(folder / "date.nc", profiles=120, seed=2, sources=SOURCES[1:]),
            "Other columns": made_set(folder / "test.nc", profiles=120, seed=3, sources=("soundings",)),
        },
    }
    return Setting(**{"sensor": "landsat8-b10", "plan": TINY, **sets, **changes})


def two_band_setting(folder, **changes):
    """Create the same with the second band in the library and the first test set."""
    library = made_two_band_set(folder / "library.nc", profiles=300, seed=1)
    date = made_two_band_set(folder / "date.nc", profiles=120, seed=2, sources=SOURCES[1:])
    other = made_set(folder / "test.nc", profiles=120, seed=3, sources=("soundings",))
    sets = {"library": library, "tests": {"Second date": date, "Other columns": other}}
    return tiny_setting(folder, **(sets | changes))
