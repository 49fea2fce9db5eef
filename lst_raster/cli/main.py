"""The command `lst-raster`: imports a command when it is called, and reports errors in one line."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from lst_raster import __version__
from lst_raster.cli import messages
from lst_raster.cli.command import write_examples
from lst_raster.errors import LstRasterError
from lst_raster.resources import ignore_library_warnings

COMMANDS = {
    "retrieve": ("lst_raster.cli.scenes:retrieve", "Retrieve the surface temperature of a scene."),
    "example": ("lst_raster.cli.scenes:example", "Write the example scene."),
    "batch": ("lst_raster.cli.scenes:batch", "Retrieve many scenes, on one machine or on a cluster."),
    "info": ("lst_raster.cli.scenes:info", "Describe a scene, a model or a product."),
    "preview": ("lst_raster.cli.products:preview", "Draw a product as a picture or as an HTML page."),
    "check": ("lst_raster.cli.products:check", "Check the integrity of a product, or its CEOS-ARD status."),
    "compare": ("lst_raster.cli.products:compare", "Compare two rasters of surface temperature."),
    "composite": ("lst_raster.cli.products:composite", "Compute statistics of products over time."),
    "zones": ("lst_raster.cli.areas:zones", "Compute statistics of products over polygons."),
    "series": ("lst_raster.cli.areas:series", "Extract time series at points or over polygons."),
    "fetch-reanalysis": ("lst_raster.cli.fetch_reanalysis:fetch_reanalysis", "Download the reanalysis for a scene."),
    "validate": ("lst_raster.cli.validation:validate", "Compare retrievals with in-situ temperatures."),
    "qgis": ("lst_raster.cli.qgis:qgis", "Install the QGIS plugin, remove it, show its state."),
    "doctor": ("lst_raster.cli.doctor:doctor", "Check the installation, and suggest fixes."),
    "config": ("lst_raster.cli.config:config", "Show the defaults of the options and their files."),
    "sensor": ("lst_raster.cli.sensor:sensor", "List sensor bands, define custom ones."),
    "profiles": ("lst_raster.cli.training:profiles", "Make atmospheric profiles for training."),
    "simulate": ("lst_raster.cli.sensor:simulate", "Simulate radiances of atmospheric profiles."),
    "train": ("lst_raster.cli.training:train", "Train a model on simulated sets."),
    "evaluate": ("lst_raster.cli.validation:evaluate", "Evaluate a model on a simulated set."),
    "build": ("lst_raster.cli.training:build", "Rebuild the packaged tables from their sources."),
}
"""Module and one-line help of every command, so that --help imports none of them; the most used come first."""
_FIRST_MAKER = "sensor"  # of the commands that make models and tables, which come last
_WITHOUT_DEFAULTS = ("config", "doctor")  # they must work if a file of defaults is invalid
_EXAMPLES = ("lst-raster example", "lst-raster retrieve LC08_alabama_B10.tif", "lst-raster retrieve --help")


class LazyGroup(click.Group):
    """Group whose commands are imported when they are called."""

    has_defaults = False  # whether there are user-defined defaults for the last command that was resolved

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
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
        """Find the command, and the user-defined defaults of its options."""
        name, command, rest = super().resolve_command(ctx, args)
        self.has_defaults = False
        if name in COMMANDS and name not in _WITHOUT_DEFAULTS and not ctx.resilient_parsing:
            from lst_raster.cli.config import default_map

            try:
                ctx.default_map = default_map(self, name)
                self.has_defaults = bool(ctx.default_map)
            except LstRasterError:
                if not {"-h", "--help"} & set(rest):
                    raise
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        makers = list(COMMANDS).index(_FIRST_MAKER)
        lines = [(name, text) for name, (_, text) in COMMANDS.items()]
        for title, shown in (("Commands", lines[:makers]), ("Models and tables", lines[makers:])):
            with formatter.section(title):
                formatter.write_dl(shown)
        write_examples(formatter, _EXAMPLES)


def _version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    click.echo(f"lst-raster, version {__version__}")
    try:
        from lst_raster.cli.doctor import versions

        click.echo(", ".join(f"{name} {version}" for name, version in versions().items()))
    except Exception:  # any error of a broken installation
        click.echo("the installation is incomplete; run lst-raster doctor", err=True)
    context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Show the versions of lst-raster, models and libraries.")  # fmt: skip
@click.option("--messages", type=click.Choice(["text", "json"]), default="text", show_default=True, is_eager=True,
    expose_value=False, callback=lambda ctx, option, form: messages.choose(form),
    help="json: progress, warnings and errors as one JSON object per line on standard error, for programs.",
)  # fmt: skip
@click.option("--stop-with-input", is_flag=True, expose_value=False,
    callback=lambda ctx, option, wanted: messages.stop_with_input() if wanted else None,
    help="Stop the run and clean up when standard input ends, for programs.")  # fmt: skip
def cli() -> None:
    """Land surface temperature from single-band Landsat thermal scenes."""


def main(
    args: Sequence[str] | None = None, *, command: click.Command | None = None, program: str = "lst-raster"
) -> None:
    """Run the command line, or the command of a script with the same messages and exit codes, and exit.

    `args` replaces the arguments of the process, `program` is the name in usage lines. The exit code is 0 on success,
    1 for an error of this package (one line on standard error), 2 for wrong usage, 130 after Ctrl-C, 143 after SIGTERM.
    """
    messages.choose("text")
    for name in ("lst_raster", "py.warnings"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, messages.Handler) for handler in logger.handlers):
            logger.addHandler(messages.Handler())
    logging.getLogger("rasterio").addHandler(logging.NullHandler())
    logging.getLogger("lst_raster.inputs.reanalysis.fetch").setLevel(logging.INFO)  # sizes and progress of downloads
    ignore_library_warnings()  # errors of the libraries are exceptions
    if threading.current_thread() is threading.main_thread():
        # SIGTERM as an exception, so that temporary files are removed
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + signal.SIGTERM))
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
        if isinstance(command, LazyGroup) and command.has_defaults:  # the cause may be one of them
            messages.note("user-defined defaults apply to this command; lst-raster config show lists them")
        return 1
    except (click.Abort, KeyboardInterrupt):
        messages.error("Interrupted", lambda: click.echo("Interrupted", err=True))
        return 128 + signal.SIGINT  # the shell's convention
    except Exception as error:
        if not messages.as_json():
            raise
        text = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}; please report it"
        messages.error(text, traceback=traceback.format_exc())
        return 1


if __name__ == "__main__":
    main()
