"""Cluster example, and the fields of lists and reports on the pages."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from lst_raster.batch.report import COLUMNS
from lst_raster.batch.scene_lists import OPTIONS
from tests.support.many_scenes import make_scenes, products_in, stem_of, temporary_files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def slurm():
    pytest.importorskip("dask_jobqueue")
    spec = importlib.util.spec_from_file_location("batch_on_slurm", ROOT / "examples" / "batch_on_slurm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_slurm_jobs_of_the_example_have_its_settings(slurm, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["batch_on_slurm.py", "list.csv", "out", "--queue", "thermal", "--show"])
    here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with pytest.importorskip("dask").config.set({"jobqueue.slurm.scheduler-options": here}):
        slurm.main()
    script = capsys.readouterr().out
    assert "#SBATCH -p thermal" in script and "#SBATCH -t 04:00:00" in script and "#SBATCH --mem=15G" in script
    assert re.search(r"#SBATCH --cpus-per-task=8\n", script)
    assert all(part in script for part in ("--nthreads 1 ", "--nworkers 8 ", "distributed.cli.dask_worker tcp://"))


def test_the_slurm_example_runs_with_local_processes(slurm, tmp_path, model_path, monkeypatch, capsys):
    from distributed import LocalCluster

    make_scenes(tmp_path / "in", model_path, 2)

    class Jobs(LocalCluster):
        def scale(self, jobs):
            return super().scale(jobs)

    monkeypatch.setattr(
        slurm, "cluster_of", lambda queue: Jobs(n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    )
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "in"), str(tmp_path / "out"), "--jobs", "1"])
    slurm.main()
    assert capsys.readouterr().out.splitlines() == [f"2 products in {tmp_path / 'out'}"]
    assert f"{stem_of(2)}_LST.tif" in products_in(tmp_path / "out")
    assert temporary_files(tmp_path) == []


def test_the_pages_list_the_fields_of_lists_and_reports():
    lists, batch = ((ROOT / "docs" / name).read_text() for name in ("scene-lists.md", "batch.md"))
    assert all(f"`{name}`" in lists for name in ("scene", "name", *OPTIONS))
    assert {"status", "seconds", "attempts", "pixels", "warnings", "error"} <= set(COLUMNS)
    assert all(word in batch for word in ("status", "seconds", "attempts", "pixels", "warnings", "error", "`waiting`"))
