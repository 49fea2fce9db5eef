"""Measure the shipped models beside published methods, and print the README's accuracy table.

python examples/accuracy_table.py SIMULATED.nc [SIMULATED.nc ...]

Each file is a simulated set of held-out atmospheres, made by `lst-raster simulate`.
"""

import sys
from pathlib import Path

from lst_raster.evaluation.evaluate import Evaluation, evaluate
from lst_raster.inference.model import Model
from lst_raster.simulation.sampling import InputErrors
from lst_raster.simulation.simulated_set import read_simulated

TIERS = ("column", "surface")
PER_PROFILE = 20
NAMES = {
    "single-channel": "single-channel, published 2014",
    "mono-window": "statistical mono-window, published 2020",
    "column": "ours, `column` (water vapour, surface pressure)",
    "surface": "ours, `surface` (and air temperature)",
}


def evaluations(path: Path, errors: InputErrors | None) -> dict[str, Evaluation]:
    """Evaluate each tier on one set."""
    simulated = read_simulated(path)
    return {
        tier: evaluate(
            Model.load(f"{simulated.sensor}/{tier}"), simulated, per_profile=PER_PROFILE, input_errors=errors
        )
        for tier in TIERS
    }


def figures(results: dict[str, Evaluation]) -> dict[str, str]:
    """Return RMSE in all and mean absolute error above 50 kg m-2, for each method."""
    rows = {}
    for tier, result in results.items():
        for method, classes in result.methods.items():
            name = tier if method == result.model else method
            rows[name] = f"{classes['all'].rmse:.2f} / {classes['50+'].mae:.2f}"
    return rows


def main(paths: list[Path]) -> None:
    """Print one column for each set, with exact and with noisy inputs."""
    columns = {}
    for path in paths:
        for title, errors in (("exact", None), ("noisy", InputErrors())):
            columns[f"{path.stem}, {title} inputs"] = figures(evaluations(path, errors))
    print("| RMSE / MAE above 50 kg m-2 [K] | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, title in NAMES.items():
        print(f"| {title} | " + " | ".join(rows[name] for rows in columns.values()) + " |")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
