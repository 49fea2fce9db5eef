"""Blocks of commands and Python in README and docs/, with page and line."""

import ast
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL, PYTHON = {"bash", "sh", "shell", "console"}, {"python", "py"}
PROGRAMS = {"lst-raster", "pip", "python", "python3", "qgis_process", "bash", "cd", "export", "git", "mkdir", "pytest"}
"""First words of shell blocks without a language."""
_FENCE = re.compile(r"(\s*)(`{3,}|~{3,})\s*\{?\.?([\w-]*)")
_COMMENT = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*$")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A shell command, with continuation lines joined."""

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code on a page."""

    page: str
    line: int
    kind: str
    """shell, python, or text."""
    text: str
    comment: str = ""
    """HTML comment before the block."""
    commands: tuple[Command, ...] = field(default=())

    @property
    def not_run(self):
        """Reason why it is not run; None if it is run."""
        found = re.fullmatch(r"not run\b:?\s*(.*)", self.comment)
        return None if found is None else found[1]

    @property
    def small(self):
        """Options that reduce the run time in a test, by command."""
        found = re.fullmatch(r"run small:\s*(.*)", self.comment)
        parts = [part.split() for part in found[1].split(",")] if found else []
        return {name: options for name, *options in parts}

    @property
    def runs(self):
        """Whether the tests run it; .ci/run runs the commands of the README."""
        return self.not_run is None and self.comment not in run_by_ci()

    @property
    def pieces(self):
        """Number of commands; Python counts as one."""
        return max(len(self.commands), 1)

    @property
    def place(self):
        """Page and line, in the format of compilers."""
        return f"{self.page}:{self.line}"


def pages():
    """READMEs and pages of docs/, relative to the root of the repository."""
    paths = (ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    return [str(path.relative_to(ROOT)) for path in paths]


def run_by_ci():
    """Names of the README commands that .ci/run runs."""
    return set(re.findall(r"\$\(command_of (\w+)\)", (ROOT / ".ci" / "run").read_text()))


def inline_commands(page):
    """Line and text of each `lst-raster ...` within the text of a page."""
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
        for text in re.findall(r"`(lst-raster [^`]+)`", line):
            yield number, text


def blocks_of(page, text=None):
    """Blocks of commands or Python on a page, without other text."""
    text = (ROOT / page).read_text(encoding="utf-8") if text is None else text
    found = [_block(page, *raw) for raw in _raw(text.splitlines())]
    return [block for block in found if block.kind != "text"]


def _raw(lines):
    """Line, language (None if not given), text and comment of every code block."""
    number, comment = 0, ""
    while number < len(lines):
        line, start = lines[number], number
        if fence := _FENCE.match(line):
            number = next((n for n in range(start + 1, len(lines)) if lines[n].strip() == fence[2]), len(lines))
            yield start + 2, fence[3] or None, "\n".join(lines[start + 1 : number]), comment
            number, comment = number + 1, ""
        elif found := _COMMENT.match(line):
            number, comment = number + 1, found[1]
        elif line.startswith("    ") and line.strip() and (start == 0 or _ends(lines[start - 1])):
            while number < len(lines) and (not lines[number].strip() or lines[number].startswith("    ")):
                if _FENCE.match(lines[number]) or _COMMENT.match(lines[number]):
                    break
                number += 1
            yield start + 1, None, "\n".join(lines[start:number]).rstrip(), comment
            comment = ""
        else:
            number, comment = number + 1, comment if not line.strip() else ""


def _ends(line):
    return not line.strip() or _COMMENT.match(line) is not None


def _block(page, line, language, text, comment):
    text = textwrap.dedent(text)
    kind = _kind(text) if language is None else _named(language)
    commands = tuple(_commands(text, line, language)) if kind == "shell" else ()
    return Block(page=page, line=line, kind=kind, text=text, comment=comment, commands=commands)


def _named(language):
    return "shell" if language in SHELL else "python" if language in PYTHON else "text"


def _kind(text):
    """Kind of a block without language."""
    first = text.lstrip().removeprefix("$ ").split(maxsplit=1)
    if first and first[0] in PROGRAMS:
        return "shell"
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return "text"
    does = (ast.Import, ast.ImportFrom, ast.Assign, ast.Call, ast.With)
    return "python" if any(isinstance(node, does) for node in ast.walk(tree)) else "text"


def _commands(text, first, language):
    """Commands of a shell block: lines with a prompt if there are any, otherwise all lines before the output."""
    lines = text.splitlines()
    prompts = any(line.startswith("$ ") for line in lines)
    number = 0
    while number < len(lines):
        start = number
        while lines[number].endswith("\\") and number + 1 < len(lines):
            number += 1
        joined = "\n".join(lines[start : number + 1])
        number += 1
        if not joined.strip() or joined.startswith("#") or (prompts and not joined.startswith("$ ")):
            continue
        if language is None and start and not lines[start - 1].strip() and joined.split()[0] not in PROGRAMS:
            return  # output of the command
        yield Command(text=joined.removeprefix("$ "), line=first + start)
