"""All commands of the command line, including those in groups."""

import click

from lst_raster.cli.main import cli


def commands():
    """All commands by name: "retrieve", "build bands", ..."""
    return dict(_below(cli, click.Context(cli, info_name="lst-raster"), ()))


def _below(group, context, words):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _below(command, click.Context(command, parent=context, info_name=name), (*words, name))
        else:
            yield " ".join((*words, name)), command
