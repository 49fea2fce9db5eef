"""Figures that pages repeat are those of the tables from which they are taken."""

import re
import shutil
from pathlib import Path

import pytest

import lst_raster

ROOT = Path(__file__).resolve().parents[1]


def text(page):
    return " ".join((ROOT / page).read_text().split())


def cells(page, begins):
    """Cells of the first row of a table that begins so."""
    row = next(line for line in (ROOT / page).read_text().splitlines() if line.startswith(f"| {begins}"))
    return [cell.strip() for cell in row.strip("| ").split(" | ")[1:]]


def accuracy(row):
    """RMSE over all and mean absolute error in humid air: exact and noisy, then exact on TIGR-2000."""
    return [cell.split(" / ") for cell in cells("README.md", row)][:3]


COLUMN, SURFACE, PROFILE = (accuracy(f"ours, `{tier}`") for tier in ("column", "surface", "profile"))


def test_the_limits_of_the_models_are_those_of_the_table_of_accuracy():
    limits = text("docs/limits.md")
    known = f"(`profile`) is at {PROFILE[1][0]} K RMSE, against {PROFILE[0][0]} K with exact profiles"
    column = (
        f"with water vapour alone (`column`) it is {COLUMN[1][0]} K, and above 50 kg m-2 {COLUMN[1][1]} K in the mean"
    )
    assert f"{known}; {column}" in limits
    soundings = [
        f"{tier[2][0]} K (`{name}`)" for tier, name in ((COLUMN, "column"), (SURFACE, "surface"), (PROFILE, "profile"))
    ]
    humid = f"{COLUMN[2][1]}, {SURFACE[2][1]} and {PROFILE[2][1]} K in the mean above 50 kg m-2"
    assert f"{', '.join(soundings)} with exact inputs, and {humid}" in limits


def test_the_limits_against_the_lake_are_those_of_the_page_on_it():
    ours, usgs = (cells("README.md", row)[0] for row in ("ours, `landsat7-b6", "USGS Collection 2"))
    skin = [
        cells("docs/science/lake.md", row)[0] for row in ("USGS Collection 2, against the skin", "against the skin")
    ]
    stated = f"{usgs} K against {ours} K with water vapour alone; with the air temperature, and against the skin"
    assert f"{stated} of the water, {skin[0]} K against {skin[1]} K" in text("docs/limits.md")


def test_the_comparison_with_the_published_mono_window_is_that_of_the_table():
    stated = f"coefficients are at {accuracy('mono-window, published')[0][0]} K RMSE, ours at {COLUMN[0][0]} K"
    page = text("docs/coming-from.md")
    assert f"{stated} with water vapour and surface pressure, at {SURFACE[0][0]} K with the air temperature too" in page


def test_the_cost_of_one_emissivity_is_that_of_its_page():
    page = text("docs/science/spectral_emissivity.md")
    found = re.search(
        r"the spectrum costs (\S+ K in band 10) and (\S+ to \S+ K in band 6) .* (up to \S+ K) in band 6", page
    )
    assert found
    assert f"{found[1]}, {found[2]}, {found[3]} over bare metal" in text("docs/limits.md")


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's use of affine 3
def test_the_quickstart_shows_what_the_example_scene_gives(tmp_path, monkeypatch):
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
