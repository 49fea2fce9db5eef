"""`lst-raster doctor` and `--version`."""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from lst_raster import __version__
from lst_raster.cli import doctor as installation
from lst_raster.cli.doctor import versions
from lst_raster.cli.main import main
from lst_raster.inference.model import Model, shipped_models

COMMAND = [sys.executable, "-c", "from lst_raster.cli.main import main; main()"]


def doctor(*options):
    with pytest.raises(SystemExit) as left:
        main(["doctor", *options])
    return left.value.code


def test_a_complete_installation_passes_all_checks(capsys):
    assert doctor() == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"ok     lst-raster {__version__}"
    assert out.splitlines()[-1] == "all checks passed" and "models: 18 of version" in out and not err


def test_the_same_as_json(capsys):
    assert doctor("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {finding["level"] for finding in found} <= {"ok", "note"}
    assert all(set(finding) == {"level", "text", "fix"} for finding in found)


@pytest.mark.slow
def test_files_of_another_installation_are_found_with_a_fix(tmp_path):
    environment = {**os.environ, "PROJ_DATA": str(tmp_path)}
    done = subprocess.run([*COMMAND, "doctor"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stderr
    wrong = [line for line in done.stdout.splitlines() if line.startswith("wrong")]
    assert wrong and all("does not find EPSG:32616" in line and line.endswith("; unset PROJ_DATA") for line in wrong)


def test_a_missing_extra_is_no_fault_and_has_a_fix(capsys, monkeypatch):
    known = installation.importlib.util.find_spec
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: None if name == "boto3" else known(name))
    assert doctor() == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "boto3" in line)
    assert line.startswith("note") and line.endswith("pip install 'lst-raster[s3]'")


def test_a_folder_that_cannot_be_written_is_wrong(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(installation.tempfile, "gettempdir", lambda: str(tmp_path / "nothing"))
    assert doctor() == 1
    assert "is not writable; set TMPDIR to another" in capsys.readouterr().out


def test_a_check_that_fails_is_a_finding_and_the_others_run(capsys, monkeypatch):
    def _a_part_that_is_broken():
        raise ImportError("libsomething.so.6 is missing")
        yield

    monkeypatch.setattr(installation, "CHECKS", (_a_part_that_is_broken, *installation.CHECKS))
    assert doctor() == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(
        "wrong  a part that is broken: ImportError: libsomething.so.6 is missing; install into a new"
    )
    assert len(out) > 15 and out[-1].startswith("1 of ")


def test_the_version_names_models_and_gdal(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    first, second = capsys.readouterr().out.splitlines()
    assert left.value.code == 0 and first == f"lst-raster, version {__version__}"
    assert second.startswith("models 18 of version 5, GDAL 3.") and "PROJ 9." in second


@pytest.mark.slow
def test_the_models_versions_are_those_in_their_files():
    found = {str(Model.load(name, graph="atmosphere").metadata["version"]) for name in shipped_models()}
    assert versions()["models"] == f"{len(shipped_models())} of version {', '.join(sorted(found))}"


def test_the_version_is_printed_if_something_is_missing(capsys, monkeypatch):
    def broken():
        raise ImportError("libgdal")

    monkeypatch.setattr("lst_raster.cli.doctor.versions", broken)
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    out, err = capsys.readouterr()
    assert left.value.code == 0 and out == f"lst-raster, version {__version__}\n" and "lst-raster doctor" in err


@pytest.mark.slow
def test_the_database_of_another_proj_is_found(tmp_path):
    (tmp_path / "proj.db").write_bytes(b"no database")
    done = subprocess.run(
        [*COMMAND, "doctor"], env={**os.environ, "PROJ_DATA": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1 and not done.stderr and "; unset PROJ_DATA" in done.stdout


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        ("GDAL", "3.6.2", "two versions of GDAL: GDAL 3.6.2, and 3."),
        ("fiona", "1.10", "fiona 1.10 is installed as well"),
    ],
)
def test_a_second_gdal_is_noted(name, version, words, capsys, monkeypatch):
    known = importlib.metadata.version
    monkeypatch.setattr(
        installation.importlib.metadata, "version", lambda asked: version if asked == name else known(asked)
    )
    assert doctor() == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if words in line)
    assert line.startswith("note") and line.endswith("a separate environment: python3 -m venv new")


@pytest.mark.parametrize("name", ["GDAL_DATA", "GDAL_DRIVER_PATH", "LD_LIBRARY_PATH", "ECCODES_DEFINITION_PATH"])
def test_variables_that_lead_to_another_installation_are_noted(name, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(name, str(tmp_path))
    assert doctor() == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if f"{name} is set ({tmp_path})" in line)
    assert line.startswith("note") and line.endswith(f"unset {name}, unless it is set on purpose")


def test_a_temporary_folder_of_gdal_that_cannot_be_written_is_wrong(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CPL_TMPDIR", str(tmp_path / "nothing"))
    assert doctor() == 1
    assert "is not writable; set CPL_TMPDIR to another folder, or unset it" in capsys.readouterr().out
