"""Files that belong together appear together, or not at all."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from lst_raster.errors import OutputError
from lst_raster.product import cog as cog_module
from lst_raster.product.cog import new_cog
from lst_raster.product.staging import new_files
from tests.support.cogs import FLOATS, STEPS, grid_of, kelvin, levels_of, windows_of, write_cog
from tests.support.tiff import assert_strict_cog

SHAPE = (600, 1100)
NAMES = ("x_LST_QA.tif", "x_LST_UNC.tif", "x_LST.tif")


def write_set(folder, *, value=300.0, before_the_end=None):
    """Write three products and a text that belong together; the text is the last to be renamed."""
    values = kelvin(SHAPE)
    values[values == values] = value
    with new_files(folder) as files:
        with ExitStack() as stack:
            cogs = [stack.enter_context(new_cog(folder / name, grid_of(SHAPE), STEPS, files=files)) for name in NAMES]
            for window in windows_of(SHAPE, (512, 1100)):
                for cog in cogs:
                    cog.write(values[window.toslices()], window)
            if before_the_end:
                before_the_end()
        files.new(folder / "x_LST.json").write_text(f"{value}")


def found_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_set_appears_as_a_whole(tmp_path):
    seen = []
    write_set(tmp_path, before_the_end=lambda: seen.append([p.name for p in tmp_path.iterdir() if p.name[0] != "."]))
    assert seen == [[]]
    assert sorted(found_in(tmp_path)) == sorted([*NAMES, "x_LST.json"])
    for name in NAMES:
        assert_strict_cog(tmp_path / name)


def test_after_a_failure_of_one_file_the_previous_set_is_unchanged(tmp_path, monkeypatch):
    write_set(tmp_path)
    before = found_in(tmp_path)
    with pytest.raises(KeyError):
        write_set(tmp_path, value=280.0, before_the_end={}.popitem)
    assert found_in(tmp_path) == before
    verify = cog_module.CogWriter._verify

    def fail_one(cog, path, head):
        verify(cog, path, head)
        if cog.target.name == NAMES[1]:
            raise OSError("it does not read back as it was written")

    monkeypatch.setattr(cog_module.CogWriter, "_verify", fail_one)
    with pytest.raises(OutputError, match="does not read back"):
        write_set(tmp_path, value=280.0)
    assert found_in(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("existing", [True, False])
def test_a_rename_that_fails_is_undone_with_those_before_it(tmp_path, monkeypatch, failing, existing):
    if existing:
        write_set(tmp_path)
    before = found_in(tmp_path)
    replace, calls = Path.replace, []

    def refuse(path, target):
        calls.append(target)
        if len(calls) == failing + 1:
            raise PermissionError(13, "another program has it open", str(target))
        return replace(path, target)

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OutputError, match="another program has it open"):
        write_set(tmp_path, value=280.0)
    assert found_in(tmp_path) == before


def write_killed(folder, renamed):
    """Write the set in a process that is killed when so many files have been renamed."""
    replace, calls = Path.replace, []

    def killed(path, target):
        if len(calls) == renamed:
            os.kill(os.getpid(), 9)
        calls.append(target)
        return replace(path, target)

    Path.replace = killed
    write_set(Path(folder), value=280.0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("renamed", range(4))
def test_a_process_killed_between_two_renames_leaves_complete_files_and_the_next_run_removes_temporary_ones(
    tmp_path, apart, renamed
):
    write_set(tmp_path)
    ((code, text),) = apart.run((f"{__name__}:write_killed", {"folder": tmp_path, "renamed": renamed}))
    assert code == -9, text
    for number, name in enumerate(NAMES):
        assert_strict_cog(tmp_path / name)
        assert levels_of(tmp_path / name)[0].max() == (28000 if number < renamed else 30000)
    assert (tmp_path / "x_LST.json").read_text() == "300.0"  # the item of the set is not renamed before the set
    assert any(path.name.startswith(".") for path in tmp_path.iterdir())
    write_set(tmp_path)
    assert sorted(found_in(tmp_path)) == sorted([*NAMES, "x_LST.json"])


def write_limited(path, size):
    """Write a raster in a process that may write no file beyond a size."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write_cog(Path(path), kelvin(SHAPE), FLOATS)
    finally:  # what is said of it is written to a file, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
@pytest.mark.parametrize("missing", [1, 100, 5000, 500_000, 1_500_000])
def test_a_disk_that_fills_up_near_the_end_is_an_error(tmp_path, apart, missing):
    size = write_cog(tmp_path / "x.tif", kelvin(SHAPE), FLOATS).stat().st_size
    (tmp_path / "x.tif").unlink()
    call = {"path": tmp_path / "x.tif", "size": size - missing}
    ((code, text),) = apart.run((f"{__name__}:write_limited", call))
    assert code == 70  # an error that is not the command line's
    assert text.splitlines()[-1].startswith("OutputError: cannot write"), text
    assert "File too large" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_the_blocks_is_found_before_the_rename(tmp_path, monkeypatch):
    assemble = cog_module.CogWriter._assemble
    for part in range(1, 20):

        def careless(writer, path, head, part=part):
            assemble(writer, path, head)
            at = len(head) + (path.stat().st_size - len(head)) * part // 20
            with path.open("r+b") as file:
                file.seek(at)
                (byte,) = file.read(1)
                file.seek(at)
                file.write(bytes([byte ^ 16]))

        monkeypatch.setattr(cog_module.CogWriter, "_assemble", careless)
        with pytest.raises(OutputError, match="does not read back as it was written"):
            write_cog(tmp_path / "x.tif", kelvin((1024, 1024), gaps=False), FLOATS, compress="deflate")
        assert list(tmp_path.iterdir()) == []


def test_hidden_files_of_other_programs_are_kept(tmp_path):
    names = [".x.tif.host-17.new", ".backup.old", ".x.tif.0123456789ab-17.blocks", ".lst-raster.lock"]
    for name in names:
        (tmp_path / name).write_text("")
    with new_files(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
