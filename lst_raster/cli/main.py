"""The command `lst-raster`: finds a command's module when it is asked for, and turns errors into one line."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from lst_raster import __version__
from lst_raster.cli import messages
from lst_raster.errors import LstRasterError
from lst_raster.resources import ignore_library_warnings

COMMANDS = {
    "retrieve": ("lst_raster.cli.retrieve:retrieve", "Land surface temperature of a scene."),
    "example": ("lst_raster.cli.example:example", "The example scene, to try things on."),
    "batch": ("lst_raster.cli.batch:batch", "The same of many scenes, on one machine or on a cluster."),
    "info": ("lst_raster.cli.info:info", "What a scene, a model or a product is."),
    "preview": ("lst_raster.cli.preview:preview", "A picture of a product, or a page for a browser."),
    "check": ("lst_raster.cli.check:check", "Whether a product is whole; how it stands to CEOS-ARD."),
    "compare": ("lst_raster.cli.compare:compare", "Compare two rasters of surface temperature."),
    "composite": ("lst_raster.cli.composite:composite", "Statistics over time, such as a seasonal map."),
    "fetch-reanalysis": ("lst_raster.cli.fetch_reanalysis:fetch_reanalysis", "The reanalysis that a scene needs."),
    "validate": ("lst_raster.cli.validate:validate", "Compare retrievals with temperatures on the ground."),
    "qgis": ("lst_raster.cli.qgis:qgis", "The plugin for QGIS: install, uninstall, where it is."),
    "doctor": ("lst_raster.cli.doctor:doctor", "Whether the installation is in order, and what to mend."),
    "config": ("lst_raster.cli.config:config", "Defaults of the options: which file sets them, and what."),
    "completion": ("lst_raster.cli.completion:completion", "What a shell needs to complete commands and names."),
    "sensor": ("lst_raster.cli.sensor:sensor", "Sensor bands: those there are, and new ones of your own."),
    "profiles": ("lst_raster.cli.profiles:profiles", "Atmospheric profiles of your own, to train with."),
    "simulate": ("lst_raster.cli.simulate:simulate", "Radiative transfer through atmospheric profiles."),
    "train": ("lst_raster.cli.train:train", "Train a model from simulated sets."),
    "evaluate": ("lst_raster.cli.evaluate:evaluate", "Measure a model on a simulated set."),
    "build": ("lst_raster.cli.build:build", "Rebuild the packaged tables from their sources."),
}
"""Every command: where it lives, and what it does in one line, so that --help need not import them.

Those that are used most come first, those that make models and tables last."""
_FIRST_MAKER = "sensor"

_WITHOUT_DEFAULTS = ("config", "doctor", "completion")  # they serve where a file of defaults is wrong
_EXAMPLES = ("lst-raster example", "lst-raster retrieve LC08_alabama_B10.tif", "lst-raster retrieve --help")
_INTERRUPTED = 130  # 128 + SIGINT, the shell's convention
_TERMINATED = 143  # 128 + SIGTERM


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    has_defaults = False
    """Whether the user has set defaults for the command that was found last."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order of the flow's use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without importing any."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, and the defaults that the user has set for it."""
        name, command, rest = super().resolve_command(ctx, args)
        self.has_defaults = False
        if name in COMMANDS and name not in _WITHOUT_DEFAULTS and not ctx.resilient_parsing:
            from lst_raster.cli.configuration import default_map

            try:
                ctx.default_map = default_map(self, ctx, name)
                self.has_defaults = bool(ctx.default_map)
            except LstRasterError:
                if not {"-h", "--help"} & set(rest):
                    raise
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        makers = list(COMMANDS).index(_FIRST_MAKER)
        lines = [(name, text) for name, (_, text) in COMMANDS.items()]
        for title, shown in (("Commands", lines[:makers]), ("Making models and tables", lines[makers:])):
            with formatter.section(title):
                formatter.write_dl(shown)
        with formatter.section("Examples"):
            for line in _EXAMPLES:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, option, wanted: _version(ctx, wanted),
    help="Show the version, and those of models, GDAL and others.",
)
@click.option(
    "--messages",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, option, form: messages.choose(form),
    help="json: progress, warnings and errors as one JSON object a line on standard error, for programs.",
)
@click.option(
    "--stop-with-input", is_flag=True, expose_value=False,
    callback=lambda ctx, option, wanted: messages.stop_with_input() if wanted else None,
    help="End the run tidily when standard input ends, for programs.",
)  # fmt: skip
def cli() -> None:
    """Land surface temperature from single-band Landsat thermal scenes."""


def _version(context: click.Context, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    click.echo(f"lst-raster, version {__version__}")
    from lst_raster.cli.versions import versions

    try:
        click.echo(", ".join(f"{name} {version}" for name, version in versions().items()))
    except Exception:  # whatever an installation that is broken may raise
        click.echo("something is missing; lst-raster doctor tells what", err=True)
    context.exit()


def main(
    args: Sequence[str] | None = None, *, command: click.Command | None = None, program: str = "lst-raster"
) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    args : sequence of str, optional
        Arguments instead of those of the process.
    command : click.Command, optional
        Command of a script instead of `lst-raster`, with the same messages and exit codes.
    program : str, optional
        Name in usage lines.

    Raises
    ------
    SystemExit
        Always: 0 on success, 1 for an error of ours (one line on standard error), 2 for wrong usage, 130 after
        Ctrl-C.
    """
    _listen()
    try:
        code = _run(args, cli if command is None else command, program)
    except SystemExit as ended:  # SIGTERM
        code = ended.code if isinstance(ended.code, int) else 1
    messages.end(code)
    sys.exit(code)


def _run(args: Sequence[str] | None, command: click.Command, program: str) -> int:
    try:
        code = command.main(args, prog_name=program, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        messages.error(" ".join(error.format_message().split()), error.show)
        return error.exit_code
    except LstRasterError as error:
        messages.error(" ".join(str(error).split()))
        _tell_defaults(command)
        return 1
    except (click.Abort, KeyboardInterrupt):
        messages.interrupted()
        return _INTERRUPTED
    except Exception:
        if not messages.as_json():
            raise
        messages.fault()
        return 1


def _tell_defaults(command: click.Command) -> None:
    """Say that defaults of the user's were in force: the fault may be in one of them."""
    if isinstance(command, LazyGroup) and command.has_defaults:
        messages.note("defaults of yours are in force for this command; lst-raster config show tells them")


def _listen() -> None:
    """Show our warnings, hush those of the libraries below (their errors arrive as exceptions), end tidily."""
    messages.choose("text")
    for name in ("lst_raster", "py.warnings"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, messages.Handler) for handler in logger.handlers):
            logger.addHandler(messages.Handler())
    logging.getLogger("rasterio").addHandler(logging.NullHandler())
    ignore_library_warnings()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)  # as an exception, so that temporary files are removed


def _terminate(number: int, frame: Any) -> None:
    sys.exit(_TERMINATED)
