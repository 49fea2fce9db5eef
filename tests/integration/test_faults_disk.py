"""Full or failing disk, or a read-only folder, at every call that writes a product."""

import errno
import os
import re
import shutil
import sys
from itertools import cycle

import pytest

from lst_raster.errors import OutputError
from tests.support.faults import Moments, assert_nothing_lost, assert_one_line_message, contents, patched, write_set

ERRORS = {
    errno.ENOSPC: "No space left on device",
    errno.EIO: "Input/output error",
    errno.EACCES: "Permission denied",
    errno.EROFS: "Read-only file system",
}
CALLS = {
    "touch": 8,
    "open": 13,
    "write": 23,
    "flush": 3,
    "close": 13,
    "sync": 8,
    "replace": 5,
}  # number of tested calls of each kind
REFUSED = [(kind, number, code) for kind, count in CALLS.items() for number, code in zip(range(count), cycle(ERRORS))]


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("old", "new")]
    for seed, folder in enumerate(folders):
        write_set(folder, seed)
    return folders, [contents(folder) for folder in folders]


@pytest.fixture
def folder(tmp_path, products):
    """Folder with the old product."""
    return shutil.copytree(products[0][0], tmp_path / "out")


def failing(code):
    def fail():
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(("kind", "number", "code"), REFUSED)
def test_a_failing_system_call(folder, products, kind, number, code):
    before, new = products[1]
    with patched(Moments(kind, number, failing(code))) as moments:
        try:
            write_set(folder, 1)
        except OutputError as error:
            assert_one_line_message(error, "cannot write", "x_LST", os.strerror(code))
            assert_nothing_lost(folder, before)
        else:  # the failed call does not affect the product
            assert contents(folder) == new
            assert kind == "close"
    assert moments.counts[kind] > number


@pytest.mark.parametrize("code", ERRORS)
def test_without_hard_links_the_older_product_is_kept_as_copies(folder, products, monkeypatch, code):
    before, new = products[1]

    def no_links(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_links)
    with patched(Moments("replace", 3, failing(code))), pytest.raises(OutputError):
        write_set(folder, 1)
    assert_nothing_lost(folder, before)
    write_set(folder, 1)
    assert contents(folder) == new


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("number", range(5))
def test_auxiliary_files_of_the_old_product_that_cannot_be_removed_are_an_error(
    folder, products, monkeypatch, code, number
):
    before = products[1][0]
    notes = folder / "x_LST.tif.aux.xml"
    notes.write_text("statistics of the old file")
    with patched(Moments("unlink", number, failing(code))), pytest.raises(OutputError) as caught:
        write_set(folder, 1)
    assert_one_line_message(caught.value, "cannot write", os.strerror(code))
    kept = {**before, notes.name: notes.read_bytes()} if notes.exists() else before
    assert_nothing_lost(folder, kept)
    assert notes.exists() or number > 2  # those of earlier files are a cache and removed


@pytest.mark.parametrize("code", ERRORS)
def test_temporary_files_that_cannot_be_removed_are_removed_by_the_next_run(folder, products, code):
    new = products[1][1]
    for number in range(5, 18, 4):
        with patched(Moments("unlink", number, failing(code))):
            write_set(folder, 1)
        assert_nothing_lost(folder, new, tidy=False)
    write_set(folder, 1)
    assert contents(folder) == new


@pytest.mark.parametrize(("kind", "number"), [("lock", 0), ("lock", 1), ("sync", 8)])
@pytest.mark.parametrize("code", ERRORS)
def test_a_file_system_without_locks_and_without_folder_synchronisation_is_supported(
    folder, products, kind, number, code
):
    with patched(Moments(kind, number, failing(code))) as moments:
        write_set(folder, 1)
    assert moments.counts[kind] > number
    assert contents(folder) == products[1][1]


def test_an_error_during_restoration_leaves_complete_files(folder, products):
    before, new = products[1]
    calls = []

    class Failing(Moments):
        def __call__(self, kind, half=None):
            if kind == "replace":
                calls.append(kind)
                if len(calls) > 3:  # from the fourth call on, including those of the restoration
                    raise OSError(errno.EIO, os.strerror(errno.EIO))

    with patched(Failing("none", 0, None)), pytest.raises(OutputError, match="Input/output error"):
        write_set(folder, 1)
    assert len(calls) == 7
    assert_nothing_lost(folder, before, new)


SIZES = [0, 1, 100, 4096, 10_000, 15_000, 20_000, 31_000, 40_000, 60_000, 80_000, 90_000, 1_000_000]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("existing", [True, False])
def test_a_disk_with_limited_space(tmp_path, apart, products, size, existing):
    (old, _), (before, new) = products
    folder = shutil.copytree(old, tmp_path / "out") if existing else tmp_path
    before = before if existing else {}
    ((code, text),) = apart.run(("limited_set", {"folder": folder, "seed": 1, "size": size}))
    fits = size >= max(map(len, new.values()))
    assert (code, fits) in ((70, False), (0, True)), text
    if not fits:
        assert re.fullmatch(r"OutputError: cannot write .*x_LST.*: (File too large|.*read back.*);.*\?\n", text), text
        assert_nothing_lost(folder, before)


def test_tested_sizes_include_sufficient_and_insufficient_space(products):
    largest = max(map(len, products[1][1].values()))
    assert sum(size < largest for size in SIZES) >= 9
    assert sum(size >= largest for size in SIZES) >= 1
