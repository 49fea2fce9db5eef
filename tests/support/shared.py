"""Data of developers next to the repository; tests that need them are skipped if they are missing."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


def shared_path(*parts: str) -> Path:
    """Path of a file in ``../shared``; skips the test if the folder is missing, fails if only the file is."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared, the data of developers next to the repository")
    path = SHARED.joinpath(*parts)
    assert path.exists(), f"{path} is missing although ../shared exists"
    return path
