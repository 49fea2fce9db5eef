"""Scenes found by a search in a STAC catalogue on a server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lst_raster._resources import require
from lst_raster.errors import InputError, RemoteError
from lst_raster.scene.address import without_secrets
from lst_raster.scene.lists.listed import ListedScene, Sign
from lst_raster.scene.lists.stac import scenes_in_items

_OPERATORS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq", "!=": "neq"}
_CONDITION = re.compile(r"\s*([^\s<>=!]+)\s*(<=|>=|!=|<|>|=)\s*([^<>=!]*[^\s<>=!])\s*")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


def search_scenes(
    url: str,
    *,
    collections: str | Sequence[str],
    bbox: Sequence[float] | None = None,
    datetime: str | None = None,
    query: Mapping[str, Any] | Sequence[str] | None = None,
    limit: int | None = None,
    sign: Sign | None = None,
    band: str | None = None,
    level_2: bool = False,
    alternate: str | None = None,
) -> list[ListedScene]:
    """Search scenes in a STAC catalogue on a server.

    Parameters
    ----------
    url : str
        Address of the catalogue, such as ``https://landsatlook.usgs.gov/stac-server``.
    collections : str or sequence of str
        Collections of Landsat Level 1, such as ``landsat-c2l1``.
    bbox : sequence of float, optional
        West, south, east, north. [degree]
    datetime : str, optional
        ``2015-07``, or a range ``2015-06-01/2015-08-31``.
    query : mapping, or sequence of str, optional
        Further conditions, such as ``eo:cloud_cover<20``.
    limit : int, optional
        Largest number of scenes; without it all that there are.
    sign : callable, optional
        Makes of the address of a file one that the server accepts, such as ``planetary_computer.sign``. It is asked
        when a scene is opened, since signatures expire.
    band : str, optional
        Thermal band that is wanted, ``10`` (default) or ``11``, ``6_VCID_1`` (default) or ``6_VCID_2``.
    level_2 : bool
        Whether Level-2 surface temperature products are wanted, to be solved again.
    alternate : str, optional
        Alternate address to take where an item has it: ``s3`` for those of the USGS.

    Returns
    -------
    list of ListedScene
        The scenes, in the server's order, ready for `retrieve_many`. An item without a thermal band of Level 1 tells it
        as its `problem`, and fails alone.

    Raises
    ------
    InputError
        The search is not possible, or finds nothing.
    RemoteError
        The server does not answer, or refuses.
    MissingExtraError
        pystac-client is not installed.
    """
    names = [collections] if isinstance(collections, str) else list(collections)
    asked = {
        "collections": names,
        "bbox": list(bbox) if bbox is not None else None,
        "datetime": datetime,
        "query": dict(query) if isinstance(query, Mapping) else _conditions(query or ()),
        "max_items": limit,
    }
    items = _ask(url, asked)
    if not items:
        raise InputError(f"the search in {without_secrets(url)} finds no items of {', '.join(names)}; widen its limits")
    whole = {"type": "FeatureCollection", "features": items}
    return scenes_in_items(
        whole, without_secrets(url), None, band=band, level_2=level_2, alternate=alternate, sign=sign
    )


def _conditions(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read conditions such as ``eo:cloud_cover<20``; several of one property hold together."""
    conditions: dict[str, dict[str, Any]] = {}
    for text in texts:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise InputError(f"the condition {text!r} is not understood; write one such as eo:cloud_cover<20")
        name, sign, value = found.groups()
        conditions.setdefault(name, {})[_OPERATORS[sign]] = float(value) if _NUMBER.fullmatch(value) else value
    return conditions


def _ask(url: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    client, requests = require("pystac_client", "stac"), require("requests", "stac")
    shown = without_secrets(url)
    try:
        catalogue = client.Client.open(url)
        return list(catalogue.search(**{key: value for key, value in asked.items() if value}).items_as_dicts())
    except (client.exceptions.APIError, requests.RequestException, OSError) as error:
        raise RemoteError(
            f"the catalogue {shown} does not answer as it should ({without_secrets(_one_line(error))}); check the "
            "address and the network, or try again later"
        ) from None
    except Exception as error:  # what pystac-client raises of the words of a search has no common parent
        raise InputError(f"the catalogue {shown} cannot be searched so: {without_secrets(_one_line(error))}") from None


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
