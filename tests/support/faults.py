"""Faults on purpose: moments at which something fails, and the one thing that must hold after each of them."""

import os
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lst_raster.product import staging as staging_module
from lst_raster.product.cog import Codec, new_cog
from lst_raster.product.staging import new_files, writing
from tests.support.cogs import FLAGS, FLOATS, STEPS, grid_of, kelvin, values_of, windows_of

SHAPE = (520, 60)  # two blocks and one of an overview
RASTERS = {"x_LST_UNC.tif": STEPS, "x_LST_QA.tif": FLAGS, "x_LST.tif": FLOATS}
TEXTS = ("x_LST.qml", "x_LST.json")
SET = (*RASTERS, *TEXTS)


def write_set(folder, seed=0, *, threads=1, before_the_end=lambda: None):
    """Write three rasters and two texts that belong together; the one that shows that the set is complete is last."""
    with new_files(Path(folder)) as files:
        with ExitStack() as stack:
            for name, layer in RASTERS.items():
                cog = stack.enter_context(new_cog(Path(folder) / name, grid_of(SHAPE), layer, files=files))
                values = kelvin(SHAPE, seed) if layer is not FLAGS else values_of(layer, SHAPE, seed)
                for window in windows_of(SHAPE, 512):
                    cog.write(values[window.toslices()], window)
            before_the_end()
        for name in TEXTS:
            target = Path(folder) / name
            with writing(target), files.new(target).open("w") as file:
                file.write(f"{name} of {seed}\n" * 1000)


def contents(folder):
    """Every file below a folder, byte for byte."""
    folder = Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_temporary(name):
    """Whether a name is one that a later run sweeps."""
    return staging_module._PART.match(Path(name).name) is not None


def assert_nothing_lost(folder, before, new=None, *, whole=False, tidy=True):
    """Hold a folder against what was there before a fault.

    Every file is, byte for byte, what it was, or that of the complete new product. `whole` forbids a set that is partly
    old and partly new; `tidy` forbids temporary files, without it they must be such as the next run sweeps.
    """
    new, now = new or {}, contents(folder)
    strays = {name for name in now if name not in before and name not in new}
    assert not (strays if tidy else {name for name in strays if not is_temporary(name)})
    assert not before.keys() - now.keys(), "a file was lost"
    kinds = {}
    for name in now.keys() - strays:
        assert now[name] in (before.get(name), new.get(name)), f"{name} is not the old file or the new one"
        if name in new and before.get(name) != new[name]:
            kinds[name] = now[name] == new[name]
    if whole and kinds:
        assert len(set(kinds.values())) == 1 and (any(kinds.values()) is False or kinds.keys() == new.keys()), kinds


def assert_one_line_message(message, *words):
    """Hold an error's message against what every message must be."""
    text = str(message)
    assert text and "\n" not in text and "Traceback" not in text and len(text) < 600, text
    for word in words:
        assert word in text, text


class Watched:
    """A file opened for writing, of which every call is one moment."""

    def __init__(self, file, moment):
        self._file, self._moment = file, moment

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def write(self, data):
        self._moment("write", lambda: self._file.write(data[: len(data) // 2]) and self._file.flush())
        return self._file.write(data)

    def flush(self):
        self._moment("flush")
        self._file.flush()

    def close(self):
        if not self._file.closed:
            self._moment("close", lambda: self._file.close())
        self._file.close()


class Moments:
    """Counts the calls of the low-level functions that a product is written with, and fails at one of them.

    Parameters
    ----------
    kind : str
        Which function: one of `KINDS`.
    number : int
        At which of its calls, counted from 0; below 0 never.
    fail : callable
        What happens there; it may raise.
    """

    KINDS = (
        "touch", "open", "write", "flush", "close", "encode", "sync", "verify", "link", "replace", "unlink", "lock",
    )  # fmt: skip

    def __init__(self, kind, number, fail):
        self.counts = dict.fromkeys(self.KINDS, 0)
        self._kind, self._number, self._fail = kind, number, fail

    def __call__(self, kind, half=None):
        self.counts[kind] += 1
        if kind == self._kind and self.counts[kind] == self._number + 1:
            if half is not None:
                half()  # a write that was cut short, a file that was closed all the same
            self._fail()

    def patch(self, replace):
        """Put the moments into the functions, by a function as pytest's `monkeypatch.setattr`."""
        for owner, name, kind in (
            (Path, "touch", "touch"), (os, "fsync", "sync"), (os, "link", "link"), (Path, "replace", "replace"),
            (Path, "unlink", "unlink"), (Codec, "encode", "encode"), (staging_module, "fcntl", "lock"),
        ):  # fmt: skip
            replace(owner, name, self._counted(getattr(owner, name), kind))
        from lst_raster.product import cog

        replace(cog, "_read_checksum", self._counted(cog._read_checksum, "verify"))
        replace(Path, "open", self._opening(Path.open))
        return self

    def _counted(self, function, kind):
        if kind == "lock":
            return _Locks(function, self)

        def call(*arguments, **options):
            self(kind)
            return function(*arguments, **options)

        return call

    def _opening(self, function):
        def opened(path, mode="r", *arguments, **options):
            if "w" not in mode and "+" not in mode:
                return function(path, mode, *arguments, **options)
            self("open")
            return Watched(function(path, mode, *arguments, **options), self)

        return opened


class _Locks:
    """The module `fcntl`, its one function that is used counted."""

    def __init__(self, module, moment):
        self.LOCK_EX, self.LOCK_NB, self._module, self._moment = module.LOCK_EX, module.LOCK_NB, module, moment

    def flock(self, *arguments):
        self._moment("lock")
        return self._module.flock(*arguments)


def kill():
    """End this process at once, as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def patched(moments):
    """The moments in the functions, without pytest."""
    kept = []

    def replace(owner, name, value):
        kept.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    moments.patch(replace)
    try:
        yield moments
    finally:
        for owner, name, value in reversed(kept):
            setattr(owner, name, value)
