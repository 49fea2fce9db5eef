"""The release: wheel, source distribution, licences and citation."""

import fnmatch
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from lst_raster import __version__
from lst_raster.cli.scenes import SCENE

TOP = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())
LARGEST = 40e6  # [byte] of the wheel
DATA = ("lst_raster/data", "models", "examples/data")


def build(top, folder, *targets):
    asked = [word for target in targets for word in ("-t", target)]
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder, *asked], cwd=top, check=True, text=True)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(TOP, tmp_path_factory.mktemp("dist"), "sdist", "wheel")


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


def tracked(*folders):
    """Files tracked by git; all files without git."""
    done = subprocess.run(["git", "ls-files", *folders], cwd=TOP, capture_output=True, text=True)
    paths = done.stdout.split() if done.returncode == 0 else []
    if not paths:
        found = (path for folder in folders for path in (TOP / folder).rglob("*") if path.is_file())
        paths = [path.relative_to(TOP).as_posix() for path in found if "__pycache__" not in path.parts]
    return paths


def licences():
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", (TOP / "DATA-LICENCES.md").read_text(), re.MULTILINE)
    return {pattern: licence.strip() for pattern, licence in rows}


def sources_of(path):
    """Texts with the origin of a file."""
    if path.parts[0] == "models":
        return [card.read_text() for card in (TOP / "models").glob("*/*/MODEL_CARD.md")]
    folder = next(folder for folder in (TOP / path).parents if (folder / "SOURCE.md").is_file())
    return [(folder / "SOURCE.md").read_text()]


def test_the_wheel_is_small_and_has_models_data_example_types_and_licences(built, wheel):
    assert next(built.glob("*.whl")).stat().st_size < LARGEST
    for path in tracked("lst_raster", "models"):
        assert (path if path.startswith("lst_raster") else f"lst_raster/{path}") in wheel
    assert {"lst_raster/py.typed", f"lst_raster/example/{SCENE}", "lst_raster/example/SOURCE.md"} <= wheel.keys()
    information = f"lst_raster-{__version__}.dist-info"
    assert {f"{information}/licenses/LICENSE", f"{information}/licenses/DATA-LICENCES.md"} <= wheel.keys()


def test_the_wheel_has_no_other_files(wheel):
    assert {name.partition("/")[0] for name in wheel} == {"lst_raster", f"lst_raster-{__version__}.dist-info"}
    assert not [name for name in wheel if "__pycache__" in name or name.endswith((".pyc", ".log", ".tmp"))]


def test_the_source_distribution_builds_the_same_wheel(built, wheel, tmp_path):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.4 and later
        archive.extractall(tmp_path)
    (top,) = tmp_path.iterdir()
    with zipfile.ZipFile(next(build(top, tmp_path / "dist", "wheel").glob("*.whl"))) as archive:
        assert {entry.filename: entry.CRC for entry in archive.infolist()} == wheel


def test_every_shipped_data_file_has_one_entry_in_the_licence_file():
    for path in tracked(*DATA):
        if path.endswith("SOURCE.md"):
            continue
        assert len([pattern for pattern in licences() if fnmatch.fnmatch(path, pattern)]) == 1, path


@pytest.mark.parametrize(("pattern", "licence"), licences().items())
def test_each_licence_is_that_of_the_source_file_of_the_data(pattern, licence):
    paths = [path for path in tracked(*DATA) if fnmatch.fnmatch(path, pattern)]
    assert paths, "names no file"
    for text in sources_of(Path(paths[0])):
        notice = " ".join(text.split()).lower()
        for term in licence.split("; "):
            assert term.lower() in notice, term


def test_every_required_notice_is_included():
    text = (TOP / "DATA-LICENCES.md").read_text()
    assert "Crown Copyright (c) Met Office" in text and "Redistributions in binary form" in text
    assert "Copyright &copy;, Atmospheric and Environmental Research, Inc., 2022" in text


def test_the_citation_is_that_of_this_version():
    found = yaml.safe_load((TOP / "CITATION.cff").read_text())
    assert found["cff-version"] == "1.2.0" and found["message"] and found["type"] == "software"
    assert (found["version"], found["license"]) == (__version__, PROJECT["project"]["license"])
    assert [author["name"] for author in found["authors"]] == [a["name"] for a in PROJECT["project"]["authors"]]
    assert set(found["keywords"]) <= set(PROJECT["project"]["keywords"])


def test_the_metadata_have_no_urls():
    assert "urls" not in PROJECT["project"]
