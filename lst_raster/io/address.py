"""Addresses of files on web servers and in object stores, shown without passwords and signatures."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self, TypeAlias
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from lst_raster.errors import InputNotFoundError

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])", re.IGNORECASE)  # one slash: pathlib merges the two
_STORES = {"s3": "/vsis3", "gs": "/vsigs", "az": "/vsiaz"}  # and GDAL's file system of each
_VIRTUAL = {"vsicurl/": "", **{f"{system[1:]}/": f"{scheme}://" for scheme, system in _STORES.items()}}
_UNQUOTED = "%/:?=&@+,;~!$'()*[]"  # characters with a meaning in an address; all others are percent-encoded


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Address of a file or a folder on a web server or in an object store."""

    url: str = field(repr=False)
    """The complete address, which may contain a signature or a password; never to be shown."""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse an address; None where the text is a path on disk. InputNotFoundError for unsupported schemes."""
        for system, scheme in _VIRTUAL.items():
            if text.removeprefix("/").startswith(system):
                text = scheme + text.removeprefix("/").removeprefix(system)
        found = _SCHEME.match(text)
        if found is None:
            return None
        scheme = found[1].lower()
        scheme = "az" if scheme == "abfs" else scheme
        rest = text[found.end() :]
        if scheme in _STORES:
            # Refuse keys and signatures, before the address is shown anywhere.
            bucket, slash, key = rest.partition("/")
            shown = f"{scheme}://{bucket.rpartition('@')[2]}{slash}{key}"
            if "@" in bucket:
                raise InputNotFoundError(
                    f"the address {shown} was given with a user in it; leave that out, and set credentials, for "
                    "example AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
                )
            if scheme != "s3" and "?" in rest:  # in S3 it may be part of a name
                raise InputNotFoundError(
                    f"the address {shown.partition('?')[0]} was given with a query; leave it out and set "
                    "credentials, give the signed https address, or download the file first"
                )
            return cls(url=f"{scheme}://{rest}")
        if scheme not in ("http", "https"):
            raise InputNotFoundError(
                f"{scheme}: addresses are not supported, only https, http, s3, gs and az; download the file first"
            )
        return cls(url=f"{scheme}://{quote(rest.partition('#')[0], safe=_UNQUOTED)}")

    def __repr__(self) -> str:
        return f"Address(shown={self.shown!r})"

    def __str__(self) -> str:
        return self.shown

    @property
    def scheme(self) -> str:
        """``http``, ``https``, ``s3``, ``gs`` or ``az``."""
        return self.url.partition(":")[0]

    @property
    def is_object(self) -> bool:
        """Whether it is in an object store, whose folders can be listed."""
        return self.scheme in _STORES

    @property
    def is_s3(self) -> bool:
        """Whether it is in an S3 store, the kind to which products are written."""
        return self.scheme == "s3"

    @property
    def bucket(self) -> str:
        """Bucket (S3, Google) or container (Azure)."""
        return self.url.partition("://")[2].partition("/")[0]

    @property
    def key(self) -> str:
        """Name of the object in its bucket."""
        return self.url.partition("://")[2].partition("/")[2]

    @property
    def shown(self) -> str:
        """Address for messages: without query, user and password."""
        if self.is_object:
            return self.url
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def name(self) -> str:
        """Name of the file without its folders; empty for a folder that ends in a slash."""
        return posixpath.basename(self.key if self.is_object else unquote(urlsplit(self.url).path))

    @property
    def stem(self) -> str:
        """Name of the file without its extension, as `Path.stem`."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Extension of the file's name, as `Path.suffix`."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Address:
        """Folder of the file, with a slash at its end."""
        return self.with_name("")

    def with_name(self, name: str) -> Address:
        """Address of another file in the same folder; the query, which may be a signature for the folder, stays."""
        if self.is_object:
            path = posixpath.join(posixpath.dirname(self.key), name)
            return Address(url=f"{self.scheme}://{self.bucket}/{path}")
        parts = urlsplit(self.url)
        path = posixpath.join(posixpath.dirname(parts.path) or "/", quote(name))
        return Address(url=urlunsplit(parts._replace(path=path)))

    sibling = with_name

    def with_suffix(self, suffix: str) -> Address:
        """Address with another extension, as `Path.with_suffix`."""
        return self.with_name(self.stem + suffix)

    @property
    def gdal(self) -> str:
        """Name under which GDAL opens it."""
        return f"{_STORES[self.scheme]}/{self.bucket}/{self.key}" if self.is_object else f"/vsicurl/{self.url}"

    def inside(self) -> Address:
        """Address of the same folder with a slash at its end, so that `with_name` gives the files in it."""
        return self if self.url.endswith("/") else Address(url=f"{self.url}/")


Location: TypeAlias = Path | Address  # path on disk, or address on a server


def location_of(place: str | Path | Address) -> Location:
    """Return a path, or an address in any of its forms; InputNotFoundError for unsupported schemes."""
    if isinstance(place, Address):
        return place
    return Address.parse(str(place)) or Path(place)


def path_of(place: str | Path | Address, what: str) -> Path:
    """Return a path on disk; InputNotFoundError for an address, with `what` it should be in the message."""
    found = location_of(place)
    if isinstance(found, Address):
        raise InputNotFoundError(f"{what} {found} is on a server, from which it cannot be read; download it first")
    return found


def without_secrets(text: str) -> str:
    """Remove the queries, users and passwords of web addresses from a text."""
    text = re.sub(r"(https?://)[^\s/@'\"]*@", r"\1", text)
    return re.sub(r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>}]*", r"\1", text)
