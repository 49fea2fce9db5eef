"""Fixtures that several tests share."""

import logging
import math
import os
import signal
from pathlib import Path

# One thread for torch and linear algebra, before they are loaded: the tests' arrays are small, their threads do nothing
# but wait for each other, and they wait by running.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["LST_RASTER_CONFIG"] = ""  # no defaults of whoever runs the tests

import pyproj  # noqa: F401  # before xarray finds eccodes, whose wheel carries a PROJ that makes pyproj crash
import pytest

from lst_raster.cli.main import main
from tests.support.apart import Apart
from tests.support.factories import make_model

SLOW = ("benchmarks", "integration", "studies")
"""Folders whose tests are slow; other slow tests are marked one by one."""

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell's background, and of all that is started from there
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark tests by their folder; the README's test command runs those without a mark."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""
        if folder == "external":
            item.add_marker(pytest.mark.external)
        elif folder in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def interrupts():
    """Put the handler of Ctrl-C back: dask_jobqueue sets its own when it is imported."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    """Folder of a small model of the surface tier, both graphs."""
    folder = tmp_path_factory.mktemp("surface")
    make_model(folder / "model.onnx")
    make_model(folder / "atmosphere.onnx", graph="atmosphere")
    return folder


@pytest.fixture(scope="session")
def apart():
    """Runs functions in processes of their own."""
    with Apart() as process:
        yield process


@pytest.fixture(scope="session")
def profile_model(tmp_path_factory):
    """Folder of a small model of the profile tier."""
    folder = tmp_path_factory.mktemp("profile")
    make_model(folder / "model.onnx", tier="profile")
    return folder


@pytest.fixture
def all_tiers(tmp_path, monkeypatch):
    """All tiers, where models are shipped."""
    for tier in ("surface", "profile"):
        make_model(tmp_path / "models" / "landsat8-b10" / tier / "model.onnx", tier=tier)
    monkeypatch.setattr("lst_raster.inference.model.models_path", lambda: tmp_path / "models")


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """An empty folder that is the user's own, for sensors and models."""
    folder = tmp_path / "own"
    monkeypatch.setenv("LST_RASTER_DATA", str(folder))
    return folder


@pytest.fixture
def command(capsys, monkeypatch):
    """Run the command line in this process; returns exit code, lines of standard output, lines of standard error.

    However slow the machine, there are no lines about the progress among them.
    """
    monkeypatch.setattr("lst_raster.cli.messages._LINES", (math.inf,) * 3)
    handler, logger = signal.getsignal(signal.SIGTERM), logging.getLogger("lst_raster")
    handlers = list(logger.handlers)

    def run(*arguments, **program):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments], **program)
        captured = capsys.readouterr()
        return ended.value.code, captured.out.splitlines(), captured.err.splitlines()

    yield run
    signal.signal(signal.SIGTERM, handler)
    logger.handlers[:] = handlers
