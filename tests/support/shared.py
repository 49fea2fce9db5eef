"""The data that developers have beside the repository; a test that needs them skips where they are not."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared"


def shared_path(*parts: str) -> Path:
    """Path of a file in ``../shared``; skips the test where the folder is absent, fails it where only the file is."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared, the data that developers have beside the repository")
    path = SHARED.joinpath(*parts)
    assert path.exists(), f"{path} is missing although ../shared is there"
    return path
