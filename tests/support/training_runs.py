"""Small training runs on made-up columns: seconds, and good enough to tell right from wrong."""

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
    """Write a configuration and its simulated sets into a folder; returns the TOML file.

    `share` of the profiles suffices for runs whose model need not be good: most of the time goes into measuring it.
    """
    make_simulated_set(folder / "learn.nc", profiles=round(800 * share), seed=1)
    make_simulated_set(folder / "held_out.nc", profiles=round(300 * share), seed=2)
    config = folder / f"{tier}.toml"
    config.write_text(TOML.format(tier=tier, steps=steps) + extra)
    return config
