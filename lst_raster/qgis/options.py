"""What a form asks for, and the arguments of the command line that come of it; needs no QGIS."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """One question of a form."""

    name: str
    """Name of the parameter in QGIS."""
    kind: str
    """``text``, ``list`` (texts, parted by ``;``), ``number``, ``integer``, ``switch``, ``choice``, ``layer``,
    ``layers``, ``file``, ``files``, ``folder``, ``crs`` or ``words`` (arguments as in a shell)."""
    label: str
    """What the form says, with the unit."""
    flag: str = ""
    """Option of the command line; none for an argument without a name."""
    help: str = ""
    """What the form tells besides."""
    default: Any = None
    """Value of the command line itself: it is not passed on."""
    choices: Sequence[str] = ()
    """What a ``choice`` may be."""
    limits: Sequence[float] = ()
    """Lowest and highest number."""
    advanced: bool = False
    """Shown when it is asked for."""
    optional: bool = True
    """May be left empty."""


@dataclass(frozen=True)
class Form:
    """The questions of an algorithm, and what must hold between them."""

    options: Sequence[Option]
    """In the order in which they are shown."""
    one_of: Sequence[str] = ()
    """Parameters of which at least one must be given."""
    not_together: Sequence[Sequence[str]] = field(default=())
    """Groups of parameters of which at most one may be given."""

    def labels(self, names: Sequence[str]) -> str:
        """Name some parameters as the form does."""
        found = {option.name: option.label for option in self.options}
        return " / ".join(f"'{found[name]}'" for name in names)

    def problem(self, values: Mapping[str, Any]) -> str:
        """Tell what is wrong with the values together; nothing where nothing is."""
        given = [name for name, value in values.items() if value not in (None, "", [])]
        if self.one_of and not set(self.one_of) & set(given):
            return f"nothing to work on: give {self.labels(self.one_of)}"
        for group in self.not_together:
            if len(set(group) & set(given)) > 1:
                return f"give one of {self.labels(group)}, not several"
        return ""

    def arguments(self, values: Mapping[str, Any], *extra: str) -> list[str]:
        """Arguments of the command line: what differs from its defaults, then what has no name.

        Parameters
        ----------
        values : mapping
            Values by the names of the parameters.
        *extra : str
            Further options.
        """
        named, places = [], []
        for option in self.options:
            value = values.get(option.name)
            if value in (None, "", []) or value == option.default:
                continue
            texts = _texts(option, value)
            if option.kind == "words":
                named += texts
            elif option.flag:
                named += [part for text in texts for part in ([option.flag, text] if text else [option.flag])]
            else:
                places += texts
        return [*named, *extra, "--", *places]


def address(source: str) -> str:
    """Turn the source of a layer into a path or an address as the command line takes it."""
    for prefix, instead in (("/vsicurl/", ""), ("/vsis3/", "s3://")):
        if source.startswith(prefix):
            return instead + source[len(prefix) :]
    return source


def _texts(option: Option, value: Any) -> list[str]:
    """Texts to pass on; an empty one for a flag without a value."""
    if option.kind == "switch":
        return [""]
    if option.kind == "words":
        return shlex.split(value)
    if option.kind == "list":
        return [part.strip() for part in value.split(";") if part.strip()]
    if option.kind in ("files", "layers"):
        return [str(part) for part in value]
    if option.kind in ("number", "integer"):
        return [f"{value:.10g}"]
    return [str(value)]
