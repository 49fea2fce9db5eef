"""Run a page from top to bottom: commands and Python, in one folder."""

import ast
import glob
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import partial
from itertools import pairwise
from pathlib import Path

import click

import lst_raster
from lst_raster.cli.main import cli
from lst_raster.qgis import forms
from tests.documented.pages import ROOT

HINT = (
    "\nEvery command of a page is run. If it names a missing file, add a rule for the name to "
    "tests/documented/files.py; if it cannot be run in a test, put <!-- not run: the reason --> before its block; if "
    "it is not a command or Python, fence it as text."
)
_WRITTEN = {"-o", "--output", "--report"}
_WRITING_CALLS = {"write_product", "to_raster", "to_netcdf", "write"}
_WRITING_ARGUMENTS = {"output", "out", "folder"}
_SHELL_SIGNS = re.compile(r"[|<>;&*$`]|^\w+=")
_MAIN = "from lst_raster.cli.main import main; main()"


class PageError(AssertionError):
    """A command or a block of a page fails."""


class Reader:
    """Runs one page.

    `command` runs the command line and returns exit code, output and errors; `files` creates the files that the page
    assumes. If a command is refused because an earlier alternative has written the same product, that product is moved
    away and the command is run again.
    """

    def __init__(self, folder, files, command):
        self.folder, self.files, self.command = Path(folder), files, command
        self.namespace = {}
        self.followed = []  # places of the blocks that were run

    def follow(self, blocks):
        """Run all blocks that can be run, and check the others."""
        for block in blocks:
            if not block.runs:
                look_at(block)
            elif block.kind == "python":
                self._attempt(block.place, block.text, partial(self._python, block))
            else:
                for command in block.commands:
                    place = f"{block.page}:{command.line}"
                    self._attempt(place, command.text, partial(self._shell, command.text, block.small))

    def _attempt(self, place, text, run):
        try:
            try:
                run()
            except Exception as error:
                if "--overwrite" not in str(error):
                    raise
                self._put_aside(str(error))
                run()
            self.followed.append(place)
        except Exception as error:
            raise PageError(f"{place}: {text}\n{type(error).__name__}: {error}{HINT}") from error

    def _put_aside(self, refusal):
        """Move the product named in an error message away."""
        for word in re.findall(r"[^\s,;:]+", refusal):
            path = self.folder / word
            if path.is_file():
                for file in path.parent.glob(f"{glob.escape(path.stem)}*"):
                    file.unlink()

    def _provide(self, names):
        for name in names:
            if name.startswith("s3://"):
                self.files.put(name, self.folder.parent / "sent")
            elif name and not name.startswith(("/", "-")) and not (self.folder / name).exists():
                self.files.make(name, self.folder)

    def _shell(self, text, small):
        words = shlex.split(text.replace("\\\n", " "), comments=True)
        words += small.get(words[1], []) if words[0] == "lst-raster" else []
        self._provide(_inputs(words))
        for output in _outputs(words):
            if not Path(output).suffix and "://" not in output:
                (self.folder / output).mkdir(parents=True, exist_ok=True)
        plain = not _SHELL_SIGNS.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", text))
        if words[:2] == ["pip", "install"]:
            _look_at_pip(words[2:])
        elif words[1:3] == ["-m", "venv"] or words[0] in ("source", "."):
            return  # the environment is that of the test
        elif words[0] == "lst-raster" and plain and "--stop-with-input" not in words:
            code, out, err = self.command(*words[1:])
            if code != 0:
                raise PageError(f"exit code {code}: {' '.join([*err, *out[-5:]])}")
        else:
            self._in_a_shell(text)

    def _in_a_shell(self, text):
        """Run any other command with `lst-raster` and `python` of the test."""
        programs = self.folder.parent / "programs"
        if not programs.exists():
            programs.mkdir()
            for name, line in (("lst-raster", f"-c '{_MAIN}'"), ("python", ""), ("python3", "")):
                (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {line} "$@"\n')
                (programs / name).chmod(0o755)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        command = ["bash", "-euo", "pipefail", "-c", text]
        kept_open = os.pipe()  # like a terminal, for commands that end with their input
        try:
            ended = subprocess.run(
                command, cwd=self.folder, env=environment, stdin=kept_open[0], capture_output=True, text=True
            )
        finally:
            for end in kept_open:
                os.close(end)
        if ended.returncode:
            raise PageError(f"exit code {ended.returncode}: {ended.stderr.strip()[-2000:]}")

    def _python(self, block):
        self._provide(_read_in_python(block.text))
        code = compile("\n" * (block.line - 1) + block.text, str(ROOT / block.page), "exec")
        exec(code, self.namespace)


def _inputs(words):
    """Parts of a command that may name an input file."""
    written = set(_outputs(words))
    for word in words[1:]:
        if word.startswith("s3://"):
            yield word
        elif word not in written:
            yield from {word, *word.split("="), *word.split(":"), word.partition(":")[2]}


def _outputs(words):
    return [after for word, after in pairwise(words) if word in _WRITTEN]


def _read_in_python(text):
    """Strings in Python code that may name an input file."""
    written = set()
    for node in ast.walk(tree := ast.parse(text)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            parts = [*(node.args if name in _WRITING_CALLS else ())]
            parts += [keyword.value for keyword in node.keywords if keyword.arg in _WRITING_ARGUMENTS]
            parts += [part.args[0] for part in parts if ast.unparse(part).startswith("Path(")]
            written |= {id(part) for part in parts}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in written:
            yield from {node.value, node.value.partition(":")[2]}


def look_at(block):
    """Compare a block that is not run with existing options, functions and files."""
    try:
        if block.not_run == "":
            raise PageError("a block that is not run needs a reason: <!-- not run: the reason -->")
        if block.kind == "python":
            _look_at_python(block.text)
        for command in block.commands:
            _look_at_command(command.text)
    except Exception as error:
        raise PageError(f"{block.place}: {block.text}\n{type(error).__name__}: {error}{HINT}") from error


def _look_at_command(text):
    for part in text.replace("\\\n", " ").split("&&"):
        words = shlex.split(part, comments=True)
        program = Path(words[0]).name
        if program == "lst-raster":
            parse(words[1:])
        elif program == "qgis_process" and words[1] == "run":
            _look_at_qgis(words[2:])
        elif program == "pip" and words[1] == "install":
            _look_at_pip(words[2:])
        elif program.startswith("python") and words[1] == "-m" and "." in words[2]:
            assert importlib.util.find_spec(words[2]), f"no module {words[2]}"
        elif program.startswith("python") and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), f"no file {words[1]}"


def parse(words):
    """Parse arguments of `lst-raster` with click, without a call of the command."""
    command, context, rest = cli, None, list(words)
    while True:
        context = command.make_context(command.name or "lst-raster", rest, parent=context)
        if not isinstance(command, click.Group):
            return
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])


def look_at_options(words):
    """Check that commands and options of `lst-raster` exist; arguments are ignored."""
    command, rest = cli, list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        if rest[0].isupper():
            return  # COMMAND is a placeholder
        command = command.get_command(click.Context(command), rest.pop(0))
        assert command is not None, f"no such command: {' '.join(words)}"
    known = {"--help", "-h"} | {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    for word in rest:
        option = word.partition("=")[0]
        assert not word.startswith("-") or option in known, f"{command.name} has no option {option}"


def _look_at_qgis(words):
    """Check that the form of an algorithm has the named fields."""
    form = getattr(forms, words[0].partition(":")[2].upper())
    fields = {option.name for option in form.options} | {"OUTPUT"}
    missing = {word.partition("=")[0] for word in words if "=" in word} - fields
    assert not missing, f"the form of {words[0]} has no {', '.join(sorted(missing))}"


def _look_at_pip(words):
    """Check that the named extras exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in words:
        if found := re.fullmatch(r"(?:lst-raster|\.)\[([\w,]+)\](?:\s*@.*)?", word):
            missing = set(found[1].split(",")) - set(extras)
            assert not missing, f"pyproject.toml has no extra {', '.join(sorted(missing))}"


def _look_at_python(text):
    """Check that names of `lst_raster` exist and accept the given keywords."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lst_raster":
            module = importlib.import_module(node.module)
            assert all(hasattr(module, name.name) for name in node.names), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("lst_raster."):
            function = lst_raster
            for name in ast.unparse(node.func).split(".")[1:]:
                function = getattr(function, name)
            given = {keyword.arg for keyword in node.keywords if keyword.arg}
            taken = inspect.signature(function).parameters
            free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
            assert free or given <= set(taken), f"{ast.unparse(node.func)} has no argument {given - set(taken)}"
