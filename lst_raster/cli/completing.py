"""What may stand in an option, for shells that complete; nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

_SOURCES = ("ndvi", "quality", "aster-ged:", "landcover:", "st-emis:")


def files(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete files."""
    return [CompletionItem(incomplete, type="file")]


def sensors(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of sensor bands."""
    from lst_raster.physics.band import own_sensor_names, sensor_names

    return _beginning((*sensor_names(), *own_sensor_names()), incomplete)


def models(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of shipped models, or else files."""
    return _beginning(_models(), incomplete) or files(context, param, incomplete)


def things(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, and names of models where one is begun."""
    return (_beginning(_models(), incomplete) if incomplete else []) or files(context, param, incomplete)


def emissivities(context: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of sources of emissivity, or else files."""
    return _beginning(_SOURCES, incomplete) or files(context, param, incomplete)


def _models() -> list[str]:
    from lst_raster._resources import models_path, user_path

    folders = (models_path(), user_path("models"))
    return sorted(path.parent.relative_to(one).as_posix() for one in folders for path in one.glob("*/*/model.onnx"))


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
