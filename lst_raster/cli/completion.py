"""`lst-raster completion`: what a shell needs to complete commands, options, names and files."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from lst_raster.cli import messages
from lst_raster.cli.command import Command
from lst_raster.errors import LstRasterError, OutputError

PROGRAM = "lst-raster"
_VARIABLE = "_LST_RASTER_COMPLETE"
_AFTER = {
    "bash": "new shells complete where bash-completion is installed; elsewhere add to ~/.bashrc: source {path}",
    "zsh": "add to ~/.zshrc, before compinit, unless it is there: fpath=({folder} $fpath)",
    "fish": "new shells complete",
}


@click.command(
    cls=Command,
    examples="""
    # now, in this shell
    source <(lst-raster completion bash)
    # for good
    lst-raster completion bash --install
    lst-raster completion zsh --install
    lst-raster completion fish --install
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install", is_flag=True, help="Write it to where the shell looks for it, and tell where.")
@click.pass_context
def completion(context: click.Context, shell: str, install: bool) -> None:
    """Write the script by which SHELL completes commands, options, sensors, models and files.

    With --install the script goes into the user's own folder of completions; an older one is replaced, and no other
    file is touched.
    """
    text = script(shell, context.find_root().command)
    if not install:
        click.echo(text)
        return
    target = place(shell)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {target.parent}: {error.strerror or error}") from error
    from lst_raster.atomic_write import atomic_write

    with atomic_write(target) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
    click.echo(target)
    messages.say(_AFTER[shell].format(path=shlex.quote(str(target)), folder=shlex.quote(str(target.parent))))


def script(shell: str, command: click.Command) -> str:
    """Text of the script for a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise LstRasterError(f"no completion for {shell} in this version of click; install click 8.1 or later")
    found = kind(command, {}, PROGRAM, _VARIABLE)
    return (found.source_template % found.source_vars()).strip()  # not source(), which starts a bash to ask its version


def place(shell: str) -> Path:
    """Where a shell looks for a user's own completions."""
    home = Path.home()
    if shell == "bash":
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        own = os.environ.get("BASH_COMPLETION_USER_DIR")
        return (Path(own) if own else data / "bash-completion") / "completions" / PROGRAM
    if shell == "zsh":
        return Path(os.environ.get("ZDOTDIR") or home) / ".zfunc" / f"_{PROGRAM}"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return config / "fish" / "completions" / f"{PROGRAM}.fish"
