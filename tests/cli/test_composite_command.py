"""`lst-raster composite`, and what its page says."""

import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from lst_raster.cli.products import _STATISTICS, composite
from lst_raster.compositing.outputs import plan_outputs
from lst_raster.compositing.statistics import NAMES, Statistic, parse_statistics
from lst_raster.product.paths import OutputFormat
from tests.product.test_stac import offline, validate
from tests.support.composites import read, season

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "composite.md").read_text()

__all__ = ["offline"]  # a fixture


def test_the_command_writes_the_rasters_of_python_and_lists_them(tmp_path, command):
    season(tmp_path / "in", shape=(20, 30), number=3)
    options = ("--statistic", "mean", "--statistic", "median", "--percentile", "90", "--months", "1-2")
    code, out, err = command("composite", tmp_path / "in", "-o", tmp_path / "out.tif", *options)
    names = ("out", "out_UNC", "out_MEDIAN", "out_P90", "out_COUNT")
    assert (code, err) == (0, []) and out == [str(tmp_path / f"{name}.tif") for name in names]
    assert read(out[-1]).max() == 2


def test_a_folder_that_is_missing_is_made_and_not_left_behind_by_a_run_that_fails(tmp_path, command):
    paths, _ = season(tmp_path / "in", number=2)
    new = tmp_path / "new" / "folder"
    code, _, err = command("composite", *paths, "-o", f"{new}/", "--min-count", "3")
    assert (code, len(err), new.parent.exists()) == (1, 1, False)
    code, out, _ = command("composite", *paths, "-o", f"{new}/")
    assert (
        code == 0 and all(line.startswith(f"{new}/LST_") for line in out) and len(list(new.glob("*.tif"))) == len(out)
    )


def test_what_is_wrong_is_one_line_and_what_is_assumed_a_warning(tmp_path, command):
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=2, without=("_QA.tif",))
    code, out, err = command("composite", *paths, "-o", tmp_path / "out.tif", "--exclude", "water")
    assert code == 0 and len(out) == 2 and len(err) == 1 and err[0].startswith("Warning: pixels are not filtered")
    code, out, err = command("composite", *paths, "-o", tmp_path / "out.tif")
    assert (code, out, len(err)) == (1, [], 1) and "add --overwrite" in err[0]
    assert command("composite", "-o", tmp_path / "out.tif")[0] == 2


def test_info_lists_the_provenance_of_a_composite(tmp_path, command):
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=2)
    command("composite", *paths, "-o", tmp_path / "out.tif")
    code, out, _ = command("info", tmp_path / "out.tif", "--json")
    provenance = json.loads("\n".join(out))["provenance"]
    assert code == 0 and provenance["dates"] == "2015-01-12, 2015-02-12" and paths[0].name in provenance["products"]


def test_the_item_passes_the_published_schemas(tmp_path, command, offline):  # it is the fixture
    paths, _ = season(tmp_path / "in", shape=(20, 30), number=2, tags={"acquisition_date": "2015-07"})
    command("composite", *paths, "-o", tmp_path / "out.tif", "--statistic", "mean", "--statistic", "deviation")
    item = json.loads((tmp_path / "out.json").read_text())
    validate(item)
    assert item["properties"]["end_datetime"] == "2015-07-31T23:59:59Z"


def test_the_page_names_every_option_statistic_and_file():
    listed = set(re.findall(r"--[a-z-]+", PAGE)) | {"--overwrite", "--quiet", "--output", "--json"}
    assert {option for one in composite.params for option in getattr(one, "opts", []) if option[:2] == "--"} <= listed
    assert {name.replace("-", "_") for name in _STATISTICS} == set(NAMES)
    wanted = [*parse_statistics([name for name in NAMES if name != "percentile"], ()), Statistic(name="count")]
    files = plan_outputs(Path("x.tif"), "x", [wanted[1], *wanted], OutputFormat(), uncertainty=True)
    for output in files[1:]:
        assert f"`{re.sub('_(MEAN|WMEAN)_UNC', '_UNC', output.path.stem[1:])}" in PAGE, output.path
    for name in NAMES:
        assert f"`{name.replace('_', '-')}`" in PAGE or f"--{name}" in PAGE


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # rioxarray's use of affine 3
@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # of numpy's median
def test_the_example_with_dask_gives_the_same_median(tmp_path, command, monkeypatch):
    pytest.importorskip("dask")
    paths, _ = season(tmp_path / "in", shape=(60, 70), number=3)
    command("composite", *paths, "-o", tmp_path / "ours.tif", "--precision", "full")
    monkeypatch.setattr(sys, "argv", ["example", str(tmp_path / "theirs.tif"), *map(str, paths)])
    runpy.run_path(str(ROOT / "examples" / "composite_with_dask.py"), run_name="__main__")
    np.testing.assert_allclose(read(tmp_path / "theirs.tif"), read(tmp_path / "ours.tif"), rtol=1e-6)
