"""Runs in separate processes that can be killed; forked from a process with all imports, for speed."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path

from tests.support.faults import Moments, kill, patched, write_set

ROOT = Path(__file__).parents[2]


class Apart:
    """Context manager of a process that forks a child for every call."""

    def __enter__(self):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.support.apart import serve; serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def run(self, *calls):
        """Call functions of this module concurrently, each a name and arguments; returns (code, text) of each."""
        request = [(name, {key: str(v) if isinstance(v, Path) else v for key, v in a.items()}) for name, a in calls]
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return [tuple(answer) for answer in json.loads(self._process.stdout.readline())]


def serve():
    """Fork children until standard input ends."""
    from lst_raster.cli.main import main  # noqa: F401  # imported once, for all children

    import_module("lst_raster.retrieval.retrieve")
    with tempfile.TemporaryDirectory() as folder:
        write_set(folder)  # triggers the lazy imports
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            children = [_child(name, args, Path(folder) / str(n)) for n, (name, args) in enumerate(json.loads(line))]
            answers = [_ended(*child) for child in children]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


def _child(name, args, output):
    process = os.fork()
    if process:
        return process, output
    code = 70
    try:
        with output.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        module, _, function = name.rpartition(":")
        getattr(import_module(module or __name__), function)(**args)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _ended(process, output):
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), output.read_text()


def killed_set(folder, seed, kind, number):
    """Write the set and kill this process at a moment."""
    with patched(Moments(kind, number, kill)):
        write_set(folder, seed)


def limited_set(folder, seed, size):
    """Write the set with a limit on the file size, which simulates a full disk. [byte]"""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        write_set(folder, seed)
    finally:  # the error is written to a file as well
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def plain_set(folder, seed):
    """Write the set."""
    write_set(folder, seed)


def command(arguments, stop, at):
    """Run the command line; this process sends itself the signal `stop` after the numbers of tiles in `at`.

    A number that occurs twice sends a second signal shortly after, while the first one is handled.
    """
    from lst_raster.cli.main import main
    from lst_raster.retrieval import run

    over_tiles = run.over_tiles

    def watched(*given):
        send = partial(os.kill, os.getpid(), getattr(signal, stop))
        with closing(over_tiles(*given)) as parts:
            for done, part in enumerate(parts, start=1):
                if at.count(done) > 1:
                    threading.Timer(0.01, send).start()
                if done in at:
                    send()
                yield part

    run.over_tiles = watched
    main(arguments)


def stored(arguments, environment, temporary, function, number):
    """Write to an object store with the command line; kill this process at call `number` of `function`."""
    from lst_raster.cli.main import main
    from lst_raster.product import destination as store

    os.environ.update(environment)
    tempfile.tempdir = temporary
    plain, calls = getattr(store, function), []

    def watched(*given):
        calls.append(given)
        if len(calls) > number:
            kill()
        return plain(*given)

    setattr(store, function, watched)
    main(arguments)
