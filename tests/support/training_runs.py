"""Small training runs on synthetic columns: seconds, and sufficiently accurate for tests."""

from pathlib import Path

from tests.support.simulated_sets import make_simulated_set

TOML = """\
sensor = "landsat8-b10"
tier = "{tier}"
seed = 3
[data]
train = "learn.nc"
[data.test]
"Other columns" = "held_out.nc"
[optimiser]
steps = {steps}
batch = 512
learning_rate = 0.01
"""


def write_run(folder: Path, *, tier: str = "surface", steps: int = 300, share: float = 1.0, extra: str = "") -> Path:
    """Write a configuration and its simulated sets to a folder; returns the TOML file.

    A small fraction `share` of the profiles is sufficient if the accuracy does not matter; most time is evaluation.
    """
    make_simulated_set(folder / "learn.nc", profiles=round(800 * share), seed=1)
    make_simulated_set(folder / "held_out.nc", profiles=round(300 * share), seed=2)
    config = folder / f"{tier}.toml"
    config.write_text(TOML.format(tier=tier, steps=steps) + extra)
    return config
