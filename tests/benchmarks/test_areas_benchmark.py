"""The benchmark of zones and series runs, and memory does not grow with the scene."""

from tests.benchmarks.areas import run


def test_the_benchmark_measures_every_command(tmp_path):
    found = run(tmp_path, 600, 3, polygons=20, points=30)
    assert len(found) == 4 and all(one.wall > 0.1 for one in found.values())


def test_a_full_scene_takes_less_than_10_seconds_and_500_mib(tmp_path):
    found = run(tmp_path, 7800, 1, points=100)
    zones = found["zones, 500 polygons"]
    assert zones.peak < 500 and zones.cpu < 20
