"""Command line of the accuracy benchmark: page, tables, figures and error messages."""

import csv
import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray
from PIL import Image

import tests.benchmarks.accuracy.setting as settings
from lst_raster.errors import MissingExtraError
from lst_raster.profiles.sampling import CONDITIONS
from lst_raster.profiles.simulated_set import read_simulated
from tests.benchmarks.accuracy import prepare
from tests.benchmarks.accuracy.ablations import VARIANTS
from tests.benchmarks.accuracy.command import benchmark
from tests.benchmarks.accuracy.page import page
from tests.benchmarks.accuracy.results import read_results
from tests.benchmarks.benchmark_settings import TINY
from tests.support.processes import children_of, still_running
from tests.support.simulated_sets import DATES, SECOND_BAND, SOURCES, make_simulated_set

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Files of synthetic columns: library, and a test set of another source."""
    folder = tmp_path_factory.mktemp("sets")
    make_simulated_set(folder / "library.nc", profiles=400, seed=0, sources=SOURCES)
    make_simulated_set(folder / "held_out.nc", profiles=150, seed=1, sources=("soundings",))
    make_simulated_set(folder / "dates.nc", profiles=150, seed=2, sources=SOURCES)
    make_simulated_set(folder / "second.nc", profiles=400, seed=0, sources=SOURCES, **SECOND_BAND)
    make_simulated_set(folder / "second_dates.nc", profiles=150, seed=2, sources=SOURCES, **SECOND_BAND)
    return folder


def given(sets, *more):
    return ("--library", sets / "library.nc", "--test", f"Other columns={sets / 'held_out.nc'}", *more)


def accuracy(output, sets, *more):
    """Arguments of a benchmark without training."""
    return ("-o", output, "--sections", "accuracy", *given(sets), *more)


@pytest.fixture
def run_benchmark(command):
    """Run the command line of the benchmark in this process."""
    return partial(command, command=benchmark)


@pytest.fixture(scope="module")
def small(sets, tmp_path_factory):
    """Output folder of the command, with real trainings of five steps."""
    pytest.importorskip("torch", reason="needs the extra train")
    from lst_raster.cli.main import main

    output = tmp_path_factory.mktemp("small") / "out"
    names = [f"--sections={name}" for name in ("humid_left_out", "ablations")]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(settings, "FULL", TINY)
        main([str(one) for one in ("-o", output, *given(sets, "--workers", "1"), *names)], command=benchmark)
    assert ended.value.code == 0
    return output


def test_a_run_writes_the_page_its_tables_and_its_pictures(small):
    written = sorted(path.relative_to(small).as_posix() for path in small.rglob("*") if path.is_file())
    fits = [name for name in written if name.startswith("fits/")]
    assert len(fits) == 28  # humid columns 8, ablations 22, of which 2 are the same
    written = [name for name in written if name not in fits]
    assert written == ["ablations.csv", "benchmark.md", "figures/ablations.png", "humid_left_out.csv", "results.json"]
    with Image.open(small / "figures" / "ablations.png") as picture:
        assert picture.width == 900
    text = (small / "benchmark.md").read_text()
    for path in re.findall(r"!\[.+\]\((.+)\)", text):
        assert (small / path).is_file()
    assert text.count("## ") == 2


def test_every_method_was_trained_and_retrieves(small):
    rows = [row for row in csv.DictReader((small / "ablations.csv").read_text().splitlines()) if row["regime"] == "all"]
    assert len(rows) == len(VARIANTS) * TINY.fewer_seeds * len(CONDITIONS)
    assert all(int(row["samples"]) > 0 for row in rows)
    assert len({row["rmse"] for row in rows if row["inputs"] == "exact"}) > TINY.fewer_seeds  # all differ


def test_results_have_their_provenance(small, sets):
    about = json.loads((small / "results.json").read_text())["about"]
    assert about["sets"]["library"]["profiles"] == 400
    assert all(len(one["sha256"]) == 64 for one in about["sets"].values())
    assert about["sets"]["Other columns"]["left_out"] == ""
    assert set(about["versions"]) >= {"lst-raster", "numpy", "torch"}
    assert str(sets) not in (small / "results.json").read_text() + (small / "benchmark.md").read_text()


def test_the_page_can_be_written_again_from_the_results(small, tmp_path, run_benchmark):
    code, out, _ = run_benchmark("-o", tmp_path / "again", "--from", small / "results.json")
    assert code == 0
    assert out[-1] == str(tmp_path / "again" / "benchmark.md")
    for name in ("benchmark.md", "results.json", "ablations.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (small / name).read_bytes(), name
    assert page(read_results(small / "results.json")) == (small / "benchmark.md").read_text()


def test_accuracy_needs_no_training_and_measures_published_methods_and_shipped_models(sets, tmp_path, run_benchmark):
    code, _, err = run_benchmark(*accuracy(tmp_path / "out", sets))
    assert (code, err) == (0, [])
    text = (tmp_path / "out" / "benchmark.md").read_text()
    assert re.search(r"\| single-channel, published \| \d\.\d\d / \d\.\d\d \|", text)
    assert (
        "| Other columns: RMSE / MAE above 50 kg m-2 [K] | exact | noisy | exact vapour | noisy vapour | nothing |"
        in text
    )


def test_a_file_with_two_sources_of_the_library_is_two_test_sets(sets, tmp_path, run_benchmark):
    more = ("--test", f"Dates={sets / 'dates.nc'}", "--workers", "1")
    assert run_benchmark(*accuracy(tmp_path / "out", sets, *more))[0] == 0
    described = json.loads((tmp_path / "out" / "results.json").read_text())["about"]["sets"]
    assert {title: one["left_out"] for title, one in described.items()} == {
        "library": "", "Other columns": "", **{name: name for name in SOURCES},
    }  # fmt: skip
    rows = csv.DictReader((tmp_path / "out" / "accuracy.csv").read_text().splitlines())
    assert {row["set"] for row in rows} == {"Other columns"}


def test_sets_of_the_second_band_are_divided_likewise_and_have_their_provenance(sets, tmp_path, run_benchmark):
    more = ("--test", f"Dates={sets / 'dates.nc'}", "--second-test", f"Dates={sets / 'second_dates.nc'}")
    output = tmp_path / "out"
    assert run_benchmark(*accuracy(output, sets, *more, "--second", sets / "second.nc", "--workers", "1"))[0] == 0
    described = json.loads((output / "results.json").read_text())["about"]["sets"]
    seconds = {f"{name}, second band": name for name in SOURCES} | {"library, second band": ""}
    assert {title: one["left_out"] for title, one in described.items() if "second band" in title} == seconds
    assert len({one["sha256"] for one in described.values()}) == 5  # the dates are of one file


def test_sections_of_both_bands_need_the_second(sets, tmp_path, run_benchmark):
    code, _, err = run_benchmark("-o", tmp_path, "--sections", "both_bands", *given(sets))
    assert code == 1
    assert err == ["Error: both_bands: these sections are of both bands; give --second and --second-test too"]


def test_an_earlier_page_is_kept_without_overwrite(sets, tmp_path, run_benchmark):
    (tmp_path / "benchmark.md").write_text("mine")
    code, _, err = run_benchmark(*accuracy(tmp_path, sets))
    assert code == 1
    assert err == [f"Error: {tmp_path} holds benchmark.md already; pass --overwrite to replace them"]
    assert (tmp_path / "benchmark.md").read_text() == "mine"
    assert run_benchmark(*accuracy(tmp_path, sets, "--overwrite"))[0] == 0
    assert (tmp_path / "benchmark.md").read_text() != "mine"


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("--test", "no-title.nc"), 2, "is not TITLE=PATH"),
    (("--test", "Here=nowhere.nc"), 1, "nowhere.nc does not exist; create it with lst-raster simulate"),
    (("--sections", "speed"), 1, "unknown section speed"),
    (("--second-test", "Other columns={sets}/second.nc"), 1, "the library lacks the second band"),
    (("--second", "{sets}/second.nc", "--second-test", "Dates=x.nc"), 1, "there is no test set Dates for the second"),
    (("--second", "{sets}/second_dates.nc"), 1, "are of different profiles"),
    (("--second", "{sets}/library.nc"), 1, "the second simulated set is of landsat8-b10; give that of landsat8-b11"),
    (("--sensor", "landsat7-b6"), 1, "the library is simulated for landsat8-b10; the benchmark is for landsat7-b6"),
    (("--from", "{sets}/library.nc"), 1, "is not the results.json of a benchmark"),
])  # fmt: skip
def test_wrong_arguments_are_refused_and_nothing_is_written(sets, tmp_path, run_benchmark, arguments, code, words):
    status, _, err = run_benchmark(*accuracy(tmp_path, sets), *(one.format(sets=sets) for one in arguments))
    assert status == code
    assert words in err[-1]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_matplotlib_the_message_names_the_extra(sets, tmp_path, run_benchmark, monkeypatch):
    def missing(module, extra):
        raise MissingExtraError(f"{module} is not installed; run: pip install 'lst-raster[{extra}]'")

    monkeypatch.setattr("tests.benchmarks.accuracy.run.require", missing)
    code, _, err = run_benchmark(*accuracy(tmp_path / "out", sets))
    assert code == 1
    assert "pip install 'lst-raster[plot]'" in err[0]
    assert not (tmp_path / "out").exists()


def test_the_library_is_simulated_where_none_is_given_and_kept(tmp_path, run_benchmark, monkeypatch, sets):
    calls = []

    def stand_in(profiles, targets, options, progress):
        calls.append((profiles.name, options.vary_seed))
        for path in targets.values():
            shutil.copy(sets / "dated.nc", path)

    with xarray.open_dataset(sets / "library.nc", engine="h5netcdf") as library:
        dates = DATES[np.arange(library.sizes["profile"]) % 2]
        library.assign(time=("profile", dates)).to_netcdf(sets / "dated.nc", engine="h5netcdf")
    monkeypatch.setattr("tests.benchmarks.accuracy.prepare.simulate_file", stand_in)
    for _ in range(2):
        code, _, err = run_benchmark("-o", tmp_path, "--sections", "accuracy", "--overwrite")
        assert code == 0
        assert "the columns of the last date of the library are used for testing" in err[0]
    assert calls == [("library.nc", 1)]
    assert (tmp_path / "landsat8-b10_library.nc").is_file()
    text = (tmp_path / "benchmark.md").read_text()
    assert re.search(r"\| GFS 2011-10-11 of the library \| 200 \| GFS 2011-10-11 \| ", text)
    assert "## " not in text  # the shipped models have learnt that date


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_an_interrupt_ends_the_command_and_its_processes_and_leaves_only_finished_fits(sets, tmp_path):
    arguments = ["-o", tmp_path / "out", "--sections", "ablations", "--workers", "2", *given(sets)]
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.accuracy", *map(str, arguments)],
        stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT,
    )  # fmt: skip
    started = children_of(running, 3)  # two workers and the resource tracker of the interpreter
    running.send_signal(2)
    _, err = running.communicate(timeout=60.0)
    assert (running.returncode, err.splitlines()[-1]) == (130, "Interrupted")
    assert still_running(started) == []
    written = [path.parent.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert set(written) <= {"fits"}


def test_a_quick_benchmark_simulates_a_part_of_the_packaged_library(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "QUICK_STEP", 2250)
    path = prepare.simulate_library(tmp_path, "landsat8-b10", quick=True)
    found = read_simulated(path)
    assert path.name == "landsat8-b10_library_quick.nc"
    assert len(found) == 4
    assert np.unique(found.time).size == 4
    assert np.unique(found.aerosol_optical_depth).size == 4  # random in each column
    assert found.air_temperature_sigma is not None and found.land is not None
    assert found.weight is not None and found.profile_source is not None
