"""Small settings of a benchmark, from synthetic columns."""

from tests.benchmarks.accuracy.setting import Plan, Setting
from tests.support.simulated_sets import SOURCES, made_set

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
