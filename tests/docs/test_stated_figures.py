"""Figures repeated on pages are equal to those of their tables."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lst_raster
from lst_raster.physics.error_metrics import WATER_VAPOUR_CLASSES

ROOT = Path(__file__).resolve().parents[2]


def text(page):
    return " ".join((ROOT / page).read_text().split())


def cells(page, begins):
    """Cells of the first table row that starts with `begins`."""
    row = next(line for line in (ROOT / page).read_text().splitlines() if line.startswith(f"| {begins}"))
    return [cell.strip() for cell in row.strip("| ").split(" | ")[1:]]


def accuracy(row):
    """RMSE of all samples and MAE in extreme humidity: exact and noisy inputs, then exact inputs of TIGR-2000."""
    return [cell.split(" / ") for cell in cells("README.md", row)][:3]


COLUMN, SURFACE, PROFILE = (accuracy(f"lst-raster, `{tier}`") for tier in ("column", "surface", "profile"))


def test_the_tables_of_accuracy_are_equal():
    rows = [
        row for row in (ROOT / "docs" / "sensors.md").read_text().splitlines() if row.startswith("| `landsat8-b10` |")
    ]
    for place, row in enumerate(rows[-2:]):  # exact and noisy inputs
        assert row.strip("| ").split(" | ")[3:] == [" / ".join(tier[place]) for tier in (COLUMN, SURFACE, PROFILE)]
    for row in (
        "single-channel, published",
        "mono-window, published",
        "lst-raster, `column`",
        "lst-raster, `surface`",
        "lst-raster, `profile`",
    ):
        page = cells("docs/science/benchmark.md", row)
        assert cells("README.md", row) == page[:2] + page[3:]


def test_the_limits_of_the_models_are_those_of_the_table_of_accuracy():
    limits = text("docs/limits.md")
    known = f"RMSE of the best model (`profile`) is {PROFILE[1][0]} K, against {PROFILE[0][0]} K with exact profiles"
    assert f"{known}; with water vapour only (`column`) it is {COLUMN[1][0]} K" in limits
    assert f"Above 50 kg m-2 the mean absolute error with these input errors is {COLUMN[1][1]} K (`column`)" in limits
    assert f"not reduce it (`surface`: {SURFACE[1][1]} K), but profiles do (`profile`: {PROFILE[1][1]} K)" in limits
    assert float(SURFACE[1][1]) > float(COLUMN[1][1]) > float(PROFILE[1][1])
    soundings = [
        f"{tier[2][0]} K (`{name}`)" for tier, name in ((COLUMN, "column"), (SURFACE, "surface"), (PROFILE, "profile"))
    ]
    humid = f"the mean absolute error above 50 kg m-2 is {COLUMN[2][1]}, {SURFACE[2][1]} and {PROFILE[2][1]} K"
    assert f"With exact inputs the RMSE is {', '.join(soundings)}, and {humid}" in limits


def test_the_limits_against_the_lake_are_those_of_the_page_on_it():
    rows = ("lst-raster, water vapour given", "USGS Collection 2")
    (ours, ours_sd), (usgs, usgs_sd) = (cells("docs/science/lake.md", row)[:2] for row in rows)
    readme, limits = text("README.md"), text("docs/limits.md")
    assert (
        f"is {ours} K with water vapour given, SD {ours_sd} K; the USGS product has {usgs} K, SD {usgs_sd} K" in readme
    )
    assert f"{usgs} K (SD {usgs_sd} K), against {ours} K ({ours_sd} K) of lst-raster with water vapour given" in limits


def test_figures_of_the_lake_page_are_in_its_budget():
    budget = json.loads((ROOT / "docs" / "science" / "lake_sunapee" / "budget.json").read_text())
    page = text("docs/science/lake.md")
    for name, title in (
        ("water vapour given", "lst-raster, water vapour given"),
        ("water vapour given, emissivity of ASTER", "the same, emissivity 0.978 of ASTER"),
        ("only place and date", "lst-raster, only place and date"),
        ("water vapour and daily mean air temperature given", "lst-raster, water vapour and air temperature given"),
        ("USGS Collection 2", "USGS Collection 2"),
        ("brightness temperature", "brightness temperature"),
    ):
        method = budget["methods"][name]
        assert cells("docs/science/lake.md", title) == [
            f"{method['bias']:+.2f}", f"{method['sd']:.2f}", f"{method['median']:+.2f}", f"{method['robust_sd']:.2f}",
        ]  # fmt: skip
    default = budget["methods"]["water vapour given"]
    expected = budget["known_not_applied"] + default["bias"]
    assert f"not applied amount to {budget['known_not_applied']:+.2f} K" in page
    assert f"expected bias is {expected:+.2f} K, with a standard uncertainty of {budget['uncertainty']:.2f} K" in page
    assert f"{100 * budget['within']:.0f} % of the residuals are within it" in page
    error_sources = {entry["name"]: entry for entry in budget["error_sources"]}
    for begin, name in (
        ("Air temperature", "air temperature"),
        ("Elevation", "elevation of the water vapour cell"),
        ("Aerosol", "aerosol"),
        ("Emissivity", "emissivity of water"),
    ):
        effect, uncertainty = error_sources[name]["effect"], error_sources[name]["uncertainty"]
        amount = f"{effect:+.2f} ± {uncertainty:.2f} K" if effect else f"± {uncertainty:.2f} K"
        assert f"**{begin}: {amount}.**" in page


def benchmark_cells(heading, begins):
    """Cells of the first row that starts with `begins` below a heading or table head of the page of the benchmark."""
    lines = (ROOT / "docs" / "science" / "benchmark.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if heading in line)
    row = next(line for line in lines[start:] if line.startswith(f"| {begins} |"))
    return [cell.split(" / ") for cell in row.strip("| ").split(" | ")[1:]]


def test_figures_of_the_network_page_are_those_of_the_benchmark():
    page = text("docs/science/network.md")
    for tier in ("profile", "surface", "column"):
        coupled, plain = (
            [cell[0].split(" ± ")[0] for cell in benchmark_cells("RMSE / MAE above 50", f"{way}, `{tier}`")][:2]
            for way in ("coupled", "plain network")
        )
        assert f"{coupled[0]} against {plain[0]} K" in page
    fewer = "| GFS September 2015, exact | 1 %"
    shares = [[cell[0].split(" ± ")[0] for cell in benchmark_cells(fewer, way)] for way in ("coupled", "plain network")]
    humid = [[cell[1] for cell in benchmark_cells(fewer, way)] for way in ("coupled", "plain network")]
    columns = ("1 % (50)", "3 %", "10 %", "30 %")
    for name, *errors in zip(columns, *shares, *humid, strict=False):
        assert f"| {name} | {' | '.join(errors)} |" in page
        assert float(errors[0]) < float(errors[1])
    unseen = [
        [float(cell[1]) for cell in benchmark_cells("## Continents left out of training", way)]
        for way in ("coupled", "plain network")
    ]
    assert all(ours < others for ours, others in zip(*unseen, strict=True))
    ours, others = (sum(errors) / len(errors) for errors in unseen)
    assert f"on average {ours:.2f} against {others:.2f} K" in page
    ours, others = (
        benchmark_cells("## Humid columns left out of training", way)[0][1].split(" ± ")[0]
        for way in ("coupled", "plain network")
    )
    assert f"**more accurate**, {ours} against {others} K, because the linear model" in page
    assert f"{benchmark_cells(fewer, 'coupled')[2][0]} K instead of {shares[0][4]} K" in text("docs/custom-sensor.md")


@pytest.mark.parametrize("tier", ["column", "surface", "profile"])
@pytest.mark.parametrize("inputs", ["noisy", "exact"])
def test_the_fractions_within_the_uncertainty_are_those_of_the_model(tier, inputs):
    metrics = json.loads((ROOT / "models" / "landsat8-b10" / tier / "metrics.json").read_text())
    coverage = metrics["GFS September 2015"]["coverage"][inputs]
    fractions = [f"{100.0 * coverage[name]:.1f}" for name in WATER_VAPOUR_CLASSES]
    assert cells("docs/science/network.md", f"`{tier}`, {inputs}") == fractions


def test_the_comparison_with_the_published_mono_window_is_that_of_the_table():
    stated = f"coefficients are at {accuracy('mono-window, published')[0][0]} K RMSE, ours at {COLUMN[0][0]} K"
    page = text("docs/coming-from.md")
    assert f"{stated} with water vapour and surface pressure, at {SURFACE[0][0]} K with the air temperature too" in page


def test_the_error_of_a_single_emissivity_is_that_of_its_page():
    page = text("docs/science/spectral_emissivity.md")
    found = re.search(
        r"the spectrum costs (\S+ K in band 10) and (\S+ to \S+ K in band 6) .* (up to \S+ K) in band 6", page
    )
    assert found
    assert f"{found[1]}, {found[2]}, {found[3]} over bare metal" in text("docs/limits.md")


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's use of affine 3
def test_the_quickstart_shows_the_output_of_the_example_scene(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in (ROOT / "examples" / "data").glob("LC08_*"):
        shutil.copy(file, tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    product = lst_raster.retrieve("LC08_alabama_B10.tif")
    page = (ROOT / "docs" / "quickstart.md").read_text()
    assert re.findall(r"^    Warning: (.+)$", page, re.MULTILINE) == list(product.warnings)
    written = {path.name for path in tmp_path.iterdir()} - before
    assert {name for name in written if not name.endswith(".qml")} == set(
        re.findall(r"^\| `(LC08\S+)`", page, re.MULTILINE)
    )
    stated = re.search(r"The uncertainty is about (\d+) K", page)[1]
    assert f"{float(lst_raster.open_product(product.path).lst_uncertainty.mean()):.0f}" == stated


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
def test_the_figures_of_the_example_are_current(tmp_path, command):
    command("retrieve", ROOT / "examples" / "data" / "LC08_alabama_B10.tif", "-o", tmp_path)
    command("preview", tmp_path / "LC08_alabama_LST.tif")
    for page, drawn in (("alabama.png", "LC08_alabama_LST.png"), ("preview.png", "LC08_alabama_LST_preview.png")):
        shown, today = (
            np.asarray(Image.open(path).convert("RGB"), np.float64) for path in (ROOT / "docs" / page, tmp_path / drawn)
        )
        assert shown.shape == today.shape
        assert np.abs(shown - today).mean() < 0.4, page  # of 255: about a kelvin at one end of the colours
