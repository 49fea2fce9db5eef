"""A process killed at any moment of writing a product: complete files under the final names, or none."""

import shutil
import sys

import pytest

from lst_raster.product.staging import new_files
from tests.support.cogs import levels_of
from tests.support.faults import (
    RASTERS,
    SET,
    SHAPE,
    Moments,
    assert_nothing_lost,
    contents,
    is_temporary,
    kill,
    patched,
    write_set,
)
from tests.support.tiff import assert_strict_cog

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and no fork")

CALLS = {  # of writing the set over an older one
    "touch": 8, "open": 13, "write": 23, "flush": 6, "close": 13, "encode": 6, "sync": 9, "verify": 6, "link": 5,
    "replace": 5, "unlink": 18, "lock": 2,
}  # fmt: skip
EARLY = ("touch", "open", "write", "flush", "close", "encode", "verify")  # before the first rename
EVERY = [(kind, number) for kind, count in CALLS.items() for number in range(count)]
OVER = [(kind, number) for kind, number in EVERY if kind not in EARLY or number % 2 == 0]


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """Folders and contents of two complete sets, old and new."""
    folders = [tmp_path_factory.mktemp(name) for name in ("old", "new")]
    for seed, folder in enumerate(folders):
        write_set(folder, seed)
    return folders, [contents(folder) for folder in folders]


def test_the_reference_sets_are_complete_and_differ(products):
    (old, new), found = products
    assert all(sorted(names) == sorted(SET) for names in found)
    for name in RASTERS:
        for folder in (old, new):
            assert_strict_cog(folder / name)
            assert [level.shape for level in levels_of(folder / name)] == [SHAPE, (SHAPE[0] // 2, SHAPE[1] // 2)]
        assert (levels_of(old / name)[0] != levels_of(new / name)[0]).any()
    assert all(found[0][name] != found[1][name] for name in SET)


def test_the_tested_moments_are_complete(tmp_path):
    write_set(tmp_path)
    with patched(Moments("none", 0, kill)) as moments:
        write_set(tmp_path, 1)
    assert moments.counts == CALLS


def killed_at(apart, folder, kind, number):
    ((code, text),) = apart.run(("killed_set", {"folder": folder, "seed": 1, "kind": kind, "number": number}))
    assert code == -9, text


def remove_leftovers(folder):
    """Remove leftover temporary files, as every run does first."""
    with new_files(folder):
        pass


@pytest.mark.parametrize(("kind", "number"), OVER)
def test_killed_over_an_older_product(tmp_path, apart, products, kind, number):
    (old, _), (before, new) = products
    folder = tmp_path / "out"
    shutil.copytree(old, folder)
    killed_at(apart, folder, kind, number)
    assert_nothing_lost(folder, before, new, tidy=False, whole=kind in (*EARLY, "link", "lock"))
    now = contents(folder)
    if now["x_LST.json"] == new["x_LST.json"]:  # the file that describes the others comes last
        assert {name: now[name] for name in SET} == new
    remove_leftovers(folder)
    assert contents(folder) == {name: now[name] for name in SET}


FIRST = [
    (kind, number)
    for kind, number in EVERY
    if kind != "link" and not (kind == "unlink" and number > 12) and (kind not in EARLY or number % 4 == 1)
]


@pytest.mark.parametrize(("kind", "number"), FIRST)
def test_killed_without_an_older_product(tmp_path, apart, products, kind, number):
    new = products[1][1]
    killed_at(apart, tmp_path, kind, number)
    assert_nothing_lost(tmp_path, {}, new, tidy=False)
    if "x_LST.json" in contents(tmp_path):
        assert {name for name in contents(tmp_path) if not is_temporary(name)} == set(SET)
    remove_leftovers(tmp_path)
    assert_nothing_lost(tmp_path, {}, new)
