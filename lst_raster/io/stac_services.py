"""Public STAC services with Landsat products: items by the product's identifier, and signed addresses of their files.

A new service is one row of `SERVICES`.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from lst_raster.errors import InputNotFoundError, LstRasterError, RemoteError, SceneError
from lst_raster.io.address import Address
from lst_raster.io.remote import fetch

_LIMIT = 4 << 20  # of an answer in JSON; an item has some 50,000 [byte]
_EARLY = datetime.timedelta(minutes=1)  # before its expiry a token is renewed
_IDENTIFIER = re.compile(
    r"(?P<sensor>L[COTEM]\d\d)_(?P<level>L[12][A-Z]{2})_(?P<place>\d{6})_(?P<acquired>\d{8})(?:_(?P<processed>\d{8}))?"
    r"_(?P<collection>\d\d)_(?P<tier>T1|T2|RT|A1|A2)(?:_S[RT])?",
    re.IGNORECASE,
)
_ITEM_ADDRESS = re.compile(
    r"https?://[^?]+/items/[^/?]+/?(\?.*)?|https?://[^?]+(?<!_MTL)\.(geo)?json(\?.*)?", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductId:
    """Parts of the identifier of a Landsat product of a collection."""

    sensor: str  # such as ``LC09``
    level: str  # ``L1TP``, ``L1GT``, ``L1GS``, ``L2SP`` or ``L2SR``
    place: str  # path and row of the Worldwide Reference System 2
    acquired: str  # day of acquisition, ``20230707``
    processed: str | None  # day of processing; None in the short form that Planetary Computer uses
    collection: str  # ``02``
    tier: str  # ``T1``, ``T2`` or ``RT``

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse an identifier, None for other texts.

        Examples
        --------
        >>> ProductId.parse("LC09_L2SP_195025_20230707_20230709_02_T1").short
        'LC09_L2SP_195025_20230707_02_T1'
        """
        found = _IDENTIFIER.fullmatch(text.strip().upper())
        return cls(**found.groupdict()) if found else None

    @property
    def short(self) -> str:
        """Identifier without the day of processing."""
        return f"{self.sensor}_{self.level}_{self.place}_{self.acquired}_{self.collection}_{self.tier}"

    def __str__(self) -> str:
        processed = f"_{self.processed}" if self.processed else ""
        return f"{self.sensor}_{self.level}_{self.place}_{self.acquired}{processed}_{self.collection}_{self.tier}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A STAC service."""

    name: str  # short name, for searches: ``batch --search NAME``
    title: str  # operator, and whether an account is needed
    address: str  # base of all its addresses
    variable: str  # environment variable with another base, such as that of a mirror
    stac: str  # path of the STAC API below the base
    collections: tuple[str, ...]  # collections to search, the Landsat Collection 2 of the service
    items: Callable[[ProductId], list[str]]  # collection and identifier of the items of a product; none if impossible
    token: str = ""  # path below the base of a token for its files; empty without tokens
    hosts: tuple[str, ...] = ()  # ends of the names of the hosts that need the token
    account: str = ""  # how to get access where it is refused; empty without accounts

    @property
    def base(self) -> str:
        """Base of all addresses."""
        return (os.environ.get(self.variable) or self.address).rstrip("/")

    @property
    def api(self) -> str:
        """Address of the STAC API."""
        return f"{self.base}/{self.stac}"

    def owns(self, address: str) -> bool:
        """Whether an address is one of the service."""
        return address.startswith(f"{self.base}/")

    def needs_token(self, href: str) -> bool:
        """Whether a file needs a token: on the storage of the service, and not signed already."""
        parts = urlsplit(href)
        host = parts.hostname or ""
        is_stored_here = host.endswith(self.hosts) if self.hosts else False
        is_other_base = self.base != self.address and parts.netloc == urlsplit(self.base).netloc
        return bool(self.token) and not parts.query and (is_stored_here or is_other_base)


def _of_planetary_computer(product: ProductId) -> list[str]:
    # Its identifiers have no day of processing, and it has Level 2 only, with the radiance of the thermal band.
    level_2 = product.short.replace(product.level, "L2SP", 1)
    return [f"landsat-c2-l2/items/{level_2}"]


def _of_usgs(product: ProductId) -> list[str]:
    if product.processed is None:
        return []
    if product.level.startswith("L1"):
        return [f"landsat-c2l1/items/{product}"]
    return [f"landsat-c2l2-st/items/{product}_ST", f"landsat-c2l2-sr/items/{product}_SR"]


SERVICES = (
    Service(
        name="planetary-computer", title="Microsoft Planetary Computer (no account)",
        address="https://planetarycomputer.microsoft.com/api", variable="LST_RASTER_PLANETARY_COMPUTER",
        stac="stac/v1", collections=("landsat-c2-l2",), items=_of_planetary_computer,
        token="sas/v1/token/landsat-c2-l2", hosts=(".blob.core.windows.net",),
    ),
    Service(
        name="usgs", title="USGS LandsatLook (files: Amazon S3, the requester pays)",
        address="https://landsatlook.usgs.gov", variable="LST_RASTER_LANDSATLOOK",
        stac="stac-server", collections=("landsat-c2l1",), items=_of_usgs,
        account="set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REQUEST_PAYER=requester: then the files are read "
        "from Amazon S3, which charges the transfer to that account",
    ),
)  # fmt: skip
"""The services in the order in which an identifier is looked up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundItem:
    """A STAC item, and the service that gives access to its files."""

    item: Mapping[str, Any]
    service: Service | None  # None for another server, whose files are read as they are
    address: str = ""  # address of the item, to which its relative addresses refer; may be empty
    sign: Callable[[str], str] | None = None  # function of the user that authorises addresses
    alternate: str | None = None  # alternate address of the files to prefer, such as ``s3``
    notes: tuple[str, ...] = ()  # failures of services that were asked before, one line each

    @property
    def identifier(self) -> str:
        """Identifier of the item, as a file name."""
        return re.sub(r"[^\w.-]", "_", str(self.item.get("id") or "item"))

    @property
    def is_level_2(self) -> bool:
        """Whether the item has the at-sensor radiance of a Level-2 product."""
        hrefs = [str(asset.get("href")) for asset in self.item["assets"].values() if isinstance(asset, dict)]
        return any(urlsplit(href).path.upper().endswith("_ST_TRAD.TIF") for href in hrefs)

    def file(self, asset: Mapping[str, Any]) -> str:
        """Address of a file without a token: the alternate one, or ``s3`` if AWS_REQUEST_PAYER is set, where it exists.

        Raises SceneError for an asset without an address.
        """
        href = asset.get("href")
        if not isinstance(href, str) or not href:
            raise SceneError(f"the STAC item {self.identifier} has an asset without an address (href)")
        preferred = self.alternate or ("s3" if os.environ.get("AWS_REQUEST_PAYER") else None)
        alternates = asset.get("alternate")
        other = alternates.get(preferred) if isinstance(alternates, dict) else None
        if isinstance(other, dict) and isinstance(other.get("href"), str):
            return str(other["href"])
        return urljoin(self.address, href) if self.address and "://" not in href else href

    def signed(self, href: str, *, renew: bool = False) -> str:
        """Address of a file with a token, where it needs one; `renew` requests another token.

        Raises RemoteError for a failure of the token service.
        """
        if self.sign is not None:
            return self.sign(href)
        if self.service is None or not self.service.needs_token(href):
            return href
        return f"{href}?{_token(self.service, renew=renew)}"


def is_item_address(text: str) -> bool:
    """Whether a text is the address of a STAC item on a web server.

    Examples
    --------
    >>> is_item_address("https://example.com/stac/collections/landsat-c2-l2/items/LC09_L2SP_195025_20230707_02_T1")
    True
    """
    return _ITEM_ADDRESS.fullmatch(text.strip()) is not None


def find_item(text: str) -> FoundItem:
    """Find the item of a product identifier, or read that at an address.

    An identifier is looked up in the services in their order; for Level 1, Planetary Computer has the Level-2 product
    of the same scene with the radiance of the thermal band.

    Raises InputNotFoundError for an unknown product, RemoteError where a service fails and no other has the product,
    and SceneError for an answer that is not an item.
    """
    product = ProductId.parse(text)
    if product is None:
        service = next((service for service in SERVICES if service.owns(text)), None)
        return FoundItem(item=_item(text), service=service, address=text)
    if product.collection != "02":
        raise InputNotFoundError(f"{product} is not of Collection 2, the only one in public services; give its files")
    errors: list[tuple[Service, LstRasterError]] = []
    for service in SERVICES:
        paths = [f"{service.api}/collections/{path}" for path in service.items(product)]
        try:
            items = [_item(path) for path in paths]
        except (InputNotFoundError, RemoteError, SceneError) as error:
            errors.append((service, error))
            continue
        if items:
            assets = {key: asset for item in items for key, asset in item["assets"].items()}
            failed = (f"{one.name}: {error}" for one, error in errors if not isinstance(error, InputNotFoundError))
            item = {**items[0], "assets": assets}
            return FoundItem(item=item, service=service, address=paths[0], notes=tuple(failed))
    reasons = "; ".join(f"{service.name}: {_reason(error)}" for service, error in errors)
    short = "" if product.processed else "; the full identifier, with the day of processing, is needed for the USGS"
    if any(not isinstance(error, InputNotFoundError) for _, error in errors):
        raise RemoteError(f"{product} was not found, as not every service answered ({reasons}); try again later{short}")
    raise InputNotFoundError(f"there is no product {product} in any service ({reasons}); check the identifier{short}")


def service_of(item: Mapping[str, Any]) -> Service | None:
    """Service that gives access to the files of an item from a list or a search; None for others."""
    links = [str(link.get("href")) for link in links_of(item)]
    for service in SERVICES:
        if item.get("collection") not in service.collections:
            continue
        hrefs = [asset.get("href") for asset in item["assets"].values() if isinstance(asset, dict)]
        if any(map(service.owns, links)) or any(isinstance(href, str) and service.needs_token(href) for href in hrefs):
            return service
    return None


def links_of(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Valid links of an item."""
    links = item.get("links")
    return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []


def _reason(error: LstRasterError) -> str:
    return "no such product" if isinstance(error, InputNotFoundError) else str(error)


def _item(address: str) -> dict[str, Any]:
    """Read an item; raises SceneError for other JSON, and the errors of `fetch`."""
    found = _json(address)
    if found.get("type") != "Feature" or not isinstance(found.get("assets"), dict):
        raise SceneError(f"{_address(address)} is not a STAC item with assets; give the address of an item")
    return found


def _json(address: str) -> dict[str, Any]:
    place = _address(address)
    try:
        content = json.loads(fetch(place, 0, _LIMIT).content)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RemoteError(f"{place}: the server sent no complete JSON object; try again later")
    return content


def _address(text: str) -> Address:
    found = Address.parse(text)
    if found is None:
        raise InputNotFoundError(f"{text} is not an address; give one that begins with https://")
    return found


_TOKENS: dict[str, tuple[str, datetime.datetime]] = {}  # with their expiry, by the address of the token service
_LOCK = threading.Lock()


def _token(service: Service, *, renew: bool) -> str:
    """Token for the files of a service, which is a secret, from its anonymous token service."""
    address = f"{service.base}/{service.token}"
    with _LOCK:
        text, expires = _TOKENS.get(address, ("", datetime.datetime.min.replace(tzinfo=datetime.UTC)))
        if renew or datetime.datetime.now(datetime.UTC) + _EARLY > expires:
            found = _json(address)
            try:
                text, expires = str(found["token"]), datetime.datetime.fromisoformat(str(found["msft:expiry"]))
            except (KeyError, ValueError):
                raise RemoteError(f"{_address(address)} sent no token with its expiry; try again later") from None
            if not text or expires.tzinfo is None:
                raise RemoteError(f"{_address(address)} sent no token with its expiry; try again later")
            _TOKENS[address] = text, expires
        return text
