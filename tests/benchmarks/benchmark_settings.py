"""Small settings of a benchmark, from synthetic columns."""

from tests.benchmarks.accuracy.setting import Plan, Setting
from tests.support.simulated_sets import made_set

TINY = Plan(steps=5, seeds=2, fewer_seeds=2, fractions=(0.5,), continents=("Africa",), per_profile=2)


def tiny_setting(folder, **changes):
    """Create a setting with few columns."""
    sets = {
        "library": made_set(folder / "library.nc", profiles=300, seed=1),
        "tests": {"Other columns": made_set(folder / "test.nc", profiles=120, seed=2)},
        "varied": {"Other columns": made_set(folder / "varied.nc", profiles=120, seed=3)},
    }
    return Setting(**{"sensor": "landsat8-b10", "plan": TINY, **sets, **changes})
