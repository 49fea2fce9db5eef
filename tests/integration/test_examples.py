"""Every numbered example runs in a separate folder and prints the expected output."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.docs.notebooks import EXAMPLES, SCRIPTS, notebook_of
from tests.support.shared import shared_path

ROOT = EXAMPLES.parent
NUMBERED = sorted(path.name for path in EXAMPLES.glob("[0-9][0-9]_*.py"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}


def files_of_examples():
    return sorted(path for path in EXAMPLES.rglob("*") if "__pycache__" not in path.parts)


def run(name, folder, *arguments):
    """Standard output and standard error of an example."""
    before = files_of_examples()
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", EXAMPLES / name, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert files_of_examples() == before  # it writes to the current folder
    return ended.stdout.splitlines(), ended.stderr.splitlines()


def numbers(pattern, lines):
    """Numbers in the only matching line."""
    (found,) = (match for line in lines if (match := re.search(pattern, line)))
    return [float(number) for number in found.groups()]


def shows_the_effect_of_known_atmospheric_inputs(out):
    assumed = numbers(r"^assumed: ([\d.]+) K on average, with an uncertainty of ([\d.]+) K", out)
    known = numbers(r"^known: ([\d.]+) K on average, with an uncertainty of ([\d.]+) K", out)
    assert known[1] < 0.8 * assumed[1] and 280 < known[0] < 300
    assert "emissivity: 0.97 (default)" in out


def shows_the_effect_of_fields_and_levels(out):
    unsure = [numbers(rf"^{name}: .* uncertainty ([\d.]+) K", out)[0] for name in ("climatology", "surface", "profile")]
    assert unsure[0] > unsure[1] > unsure[2]
    assert sum("landsat8-b10/profile" in line for line in out) == 1


def shows_the_emissivity_source_of_each_pixel(out):
    assert numbers(r"^raster: (\d+) pixels", out) == [10000.0]
    land, number = (numbers(rf"^{name}: (\d+) pixels, ([-+.\d]+) K", out) for name in ("land_cover", "number"))
    assert 10000 + land[0] + number[0] == 400 * 603 and number[1] == 0.0 and land[1] != 0.0
    assert numbers(r"^raster: \d+ pixels, ([-+.\d]+) K", out)[0] > 0.5  # lower emissivity, so the temperature is higher


def shows_the_result_of_each_scene(out):
    dry, water, missing = out
    assert 275 < numbers(r"^water: ([\d.]+) K", [water])[0] < numbers(r"^dry ground: ([\d.]+) K", [dry])[0] < 300
    assert missing.startswith("missing: scene ") and missing.endswith("nothing_B10.tif does not exist; check the path")


def shows_that_the_usgs_terms_reproduce_its_temperature(out):
    same, other = (numbers(rf"^{name}: \d+ pixels, .* ([-+.\d]+) K, RMSE", out)[0] for name in ("usgs", "corrected"))
    assert abs(same) < 0.01 and -1.0 < other < -0.1


def shows_a_median_of_three_months(out):
    assert out[0] == "3 products, of 2015-06-12, 2015-07-12, 2015-08-12"
    kelvin, without = numbers(r"^median: ([\d.]+) on average, (\d+) pixels without", out)
    assert 300 < kelvin < 310 and 0 < without < 300 * 400 / 2
    assert 1.0 < numbers(r"^count: ([\d.]+) on average", out)[0] < 3.0


def shows_a_dataset(out):
    assert out[0] == "{'y': 603, 'x': 400} EPSG:32616 K"
    assert 20 < numbers(r"^(\d+) % of the pixels", out)[0] < 100
    assert out[-1].startswith("60 x 40 cells, ")


def shows_a_heat_island_within_its_uncertainty(out):
    found, sigma, truth = numbers(r"^mean of the dates: ([\d.]+) \+- ([\d.]+) K, in truth ([\d.]+) K", out)
    assert abs(found - truth) < 2.0 * sigma and 0.4 < sigma < 0.9 and 3.5 < truth < 4.5
    assert sum("in truth" in line for line in out) == 6
    pixels, zones = numbers(r"^as if pixels were independent: \+- ([\d.]+) K; .* \+- ([\d.]+) K", out)
    assert pixels < 0.02 and zones > 1.5 * sigma


SHOWN = {
    "01": shows_the_effect_of_known_atmospheric_inputs,
    "02": shows_the_effect_of_fields_and_levels,
    "03": shows_the_emissivity_source_of_each_pixel,
    "04": shows_the_result_of_each_scene,
    "05": shows_that_the_usgs_terms_reproduce_its_temperature,
    "06": shows_a_median_of_three_months,
    "08": shows_a_dataset,
    "09": shows_a_heat_island_within_its_uncertainty,
}

ELSEWHERE = {"07"}  # trains a model; tested in test_example_new_sensor.py


@pytest.mark.parametrize("name", [name for name in NUMBERED if name[:2] in SHOWN])
def test_an_example_runs_unchanged_and_prints_the_expected_output(name, tmp_path):
    out, err = run(name, tmp_path)
    SHOWN[name[:2]](out)
    ours = [line for line in err if " - distributed." not in line]  # messages of dask on a busy machine
    assert all(re.match("no .* given: ", line) for line in ours), ours  # inputs that the example omits


def test_the_example_of_a_usgs_product_runs_with_a_real_one(tmp_path):
    folder = shared_path("data", "landsat", "LC08_L2SP_098084_20210503_20210508_02_T1")
    out, _ = run("05_compare_with_usgs.py", tmp_path, folder)
    pixels, median = numbers(r"^usgs: (\d+) pixels, difference ([-+.\d]+) K", out)
    assert pixels > 1000 and abs(median) < 0.05


LONG = ("09_urban_heat_island.py",)  # a simulated city needs its lines


def test_examples_are_short_and_all_listed_on_their_page():
    page = (EXAMPLES / "README.md").read_text()
    assert all(len((EXAMPLES / name).read_text().splitlines()) <= 60 for name in NUMBERED if name not in LONG)
    found = [name[:2] for name in NUMBERED]
    assert len(set(found)) == len(found) and set(SHOWN) <= set(found) <= set(SHOWN) | ELSEWHERE
    linked = set(re.findall(r"\]\(([\w.]+\.(?:py|ipynb))\)", page))
    assert linked == {path.name for path in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb"))}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_notebook_matches_its_script_and_runs(name, tmp_path, monkeypatch):
    pytest.importorskip("jupytext")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    text = (EXAMPLES / f"{name}.ipynb").read_text()
    assert text == notebook_of((EXAMPLES / f"{name}.py").read_text()), "run python -m tests.docs.notebooks"
    shutil.copytree(EXAMPLES / "data", tmp_path / "data")
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    for folder in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(folder, str(tmp_path / "home"))
    notebook = nbformat.reads(text, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    SHOWN[name[:2]](printed.splitlines())
