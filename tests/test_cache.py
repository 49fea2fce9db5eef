import os
import sys
import time
from pathlib import Path

import pytest

from lst_raster.cache import cache_folder, mark_used, remove_unused


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"LST_RASTER_CACHE": "/data/cache", "XDG_CACHE_HOME": "/xdg"}, "/data/cache/reanalysis"),
        ("linux", {"LST_RASTER_CACHE": "~/cache"}, "/home/me/cache/reanalysis"),
        ("linux", {"LST_RASTER_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "/xdg/lst-raster/reanalysis"),
        ("linux", {}, "/home/me/.cache/lst-raster/reanalysis"),
        ("darwin", {}, "/home/me/Library/Caches/lst-raster/reanalysis"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/lst-raster/Cache/reanalysis"),
        ("win32", {}, "/home/me/AppData/Local/lst-raster/Cache/reanalysis"),
    ],
)
def test_the_cache_folder_is_that_of_the_variable_or_of_the_platform(monkeypatch, platform, variables, expected):
    for name in ("LST_RASTER_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder("reanalysis") == Path(expected)


def test_only_files_unused_for_a_month_are_removed(tmp_path):
    old, used, new = (tmp_path / "a" / name for name in ("old.nc", "used.nc", "new.nc"))
    alone = tmp_path / "b" / "alone.nc"
    for file in (old, used, new, alone):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    month_ago = time.time() - 31 * 86400
    for file in (old, used, alone):
        os.utime(file, (month_ago, month_ago))
    mark_used(used)
    assert used.stat().st_mtime == month_ago
    assert sorted(remove_unused(tmp_path)) == [old, alone]
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == [new, used]
    os.utime(tmp_path / "b", (month_ago, month_ago))
    remove_unused(tmp_path)
    assert not (tmp_path / "b").exists() and (tmp_path / "a").exists()


def test_a_missing_folder_has_nothing_to_remove(tmp_path):
    mark_used(tmp_path / "missing.nc")
    assert remove_unused(tmp_path / "missing") == []
