"""What mkdocs adds to the pages as it builds the site: help of commands, public names, examples, titles of links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import lst_raster
from lst_raster.cli.main import cli

WIDTH = 96  # of a line of help, which fits a page of the site
COMMANDS = "<!-- every command -->"
NAMES = "<!-- every public name -->"
EXAMPLES = "<!-- every example -->"
_ITEM = re.compile(r"(?:[-*]|\d\.) (?=\S)")
_LINK = re.compile(r"\[(?P<text>[\w/.-]+\.md)\]\((?P<path>[\w/.-]+\.md)(?P<anchor>#[\w-]+)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what a page asks for by a comment; called by mkdocs for every page."""
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, command_reference())
    markdown = markdown.replace(NAMES, name_reference())
    markdown = markdown.replace(EXAMPLES, example_reference(Path(__file__).resolve().parents[1] / "examples"))
    return deeper_lists(titled_links(markdown, Path(page.file.abs_src_path).parent))


def deeper_lists(markdown: str) -> str:
    """Set lists as mkdocs wants them: what belongs to an item four spaces in, empty lines where others need none."""
    lines, width, fenced, apart = [""], 0, False, False
    for line in markdown.split("\n"):
        mark = _ITEM.match(line)
        fenced = fenced != line.startswith("```")
        if mark and not fenced:
            begins = not width and mark[0] in ("- ", "* ", "1. ")
            lines += [""] if lines[-1] and (apart or begins) else []
            width, apart = len(mark[0]), False
        elif line and not line.startswith(" "):
            width = 0
        inside = width and not mark and line.startswith(" " * width) and not fenced
        apart = apart or bool(inside and not lines[-1])
        lines.append(" " * (4 - width) + line if inside else line)
    return "\n".join(lines[1:])


def titled_links(markdown: str, folder: Path) -> str:
    """Name pages by their titles where a link names the file, which is what a reader of the repository needs."""

    def named(link: re.Match[str]) -> str:
        target = folder / link["path"]
        if not target.is_file():
            return link[0]  # mkdocs complains of it
        heading = link["anchor"]
        title = _heading(target.read_text(), heading.removeprefix("#")) if heading else _title(target.read_text())
        return f"[{title}]({link['path']}{heading or ''})"

    return _LINK.sub(named, markdown)


def _title(text: str) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else "page"


def _heading(text: str, slug: str) -> str:
    for heading in re.findall(r"^##+ (.+)$", text, re.MULTILINE):
        if re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) == slug:
            return f"{_title(text)}, {heading}"
    return _title(text)


def command_reference() -> str:
    """Write the help of every command, as --help shows it, as Markdown."""
    parts = [f"## {path}\n\n```text\n{text.rstrip()}\n```\n" for path, text in helps(cli, "lst-raster")]
    return "\n".join(parts)


def helps(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Find a command and all below it: the path by which it is called, and its help."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=path.split()[-1], parent=parent, **settings)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from helps(below, f"{path} {name}", context)


def example_reference(folder: Path) -> str:
    """Show every numbered script of a folder."""
    scripts = sorted(folder.glob("[0-9][0-9]_*.py"))
    return "\n".join(f"## {path.name}\n\n```python\n{path.read_text().strip()}\n```\n" for path in scripts)


def name_reference() -> str:
    """Ask mkdocstrings for every public name."""
    names = [name for name in lst_raster.__all__ if not name.startswith("__")]
    functions = [name for name in names if name[0].islower()]
    classes = [name for name in names if name not in functions]
    return "\n".join(f"::: lst_raster.{name}\n" for name in (*functions, *classes))
