"""Addresses of files on servers, and what of them may be shown."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self, TypeAlias
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from lst_raster.errors import InputNotFoundError

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])", re.IGNORECASE)  # one slash: what a Path makes of two
_WEB = ("http", "https")
_VIRTUAL = {"vsicurl/": "", "vsis3/": "s3://"}  # GDAL's file systems of the same files, and what stands for them here
_AS_THEY_ARE = "%/:?=&@+,;~!$'()*[]"  # characters that have a meaning in an address; others are written in code


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Address of a file, or of a folder, on a web server or in an object store."""

    url: str = field(repr=False)
    """The whole address; it may hold a signature or a password, and is for reading alone."""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an address, None where the text is a path on disk.

        Raises
        ------
        InputNotFoundError
            It is an address of a kind that is not read.

        Examples
        --------
        >>> Address.parse("https://example.com/a/LC08_x_B10.TIF?sig=secret")
        Address(shown='https://example.com/a/LC08_x_B10.TIF')
        >>> Address.parse("/vsis3/bucket/LC08_x_B10.TIF")
        Address(shown='s3://bucket/LC08_x_B10.TIF')
        >>> Address.parse("folder/LC08_x_B10.TIF") is None
        True
        """
        for system, scheme in _VIRTUAL.items():
            if text.removeprefix("/").startswith(system):
                text = scheme + text.removeprefix("/").removeprefix(system)
        found = _SCHEME.match(text)
        if found is None:
            return None
        scheme = found[1].lower()
        if scheme not in (*_WEB, "s3"):
            raise InputNotFoundError(f"{scheme}: addresses are not read, only https, http and s3; fetch the file first")
        rest = text[found.end() :]
        if scheme == "s3":
            return cls(url=f"s3://{_without_user(rest)}")
        return cls(url=f"{scheme}://{quote(rest.partition('#')[0], safe=_AS_THEY_ARE)}")

    def __repr__(self) -> str:
        return f"Address(shown={self.shown!r})"

    def __str__(self) -> str:
        return self.shown

    @property
    def is_s3(self) -> bool:
        """Whether it is in an object store, which can be listed."""
        return self.url.startswith("s3:")

    @property
    def bucket(self) -> str:
        """Name of the bucket, of an ``s3`` address."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """Name of the file in its bucket, of an ``s3`` address."""
        return self.url.removeprefix("s3://").partition("/")[2]

    @property
    def shown(self) -> str:
        """The address for people: without query, user and password."""
        if self.is_s3:
            return self.url
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def name(self) -> str:
        """Name of the file, without folders; empty for a folder that ends in a slash."""
        return posixpath.basename(self.key if self.is_s3 else unquote(urlsplit(self.url).path))

    @property
    def stem(self) -> str:
        """Name of the file without its last ending, as that of a path."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """Last ending of the file's name, as that of a path."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Address:
        """Folder of the file, with a slash at its end."""
        return self.sibling("")

    def with_name(self, name: str) -> Address:
        """Address of a file in the same folder, as that of a path."""
        return self.sibling(name)

    def with_suffix(self, suffix: str) -> Address:
        """Address of the file whose name ends otherwise, as that of a path."""
        return self.sibling(self.stem + suffix)

    @property
    def gdal(self) -> str:
        """Name under which GDAL opens it."""
        return f"/vsis3/{self.bucket}/{self.key}" if self.is_s3 else f"/vsicurl/{self.url}"

    def sibling(self, name: str) -> Address:
        """Address of a file in the same folder; the query, which may be a signature for all of it, stays."""
        if self.is_s3:
            return Address(url=f"s3://{self.bucket}/{posixpath.join(posixpath.dirname(self.key), name)}")
        parts = urlsplit(self.url)
        path = posixpath.join(posixpath.dirname(parts.path) or "/", quote(name))
        return Address(url=urlunsplit(parts._replace(path=path)))

    def inside(self) -> Address:
        """Return the same folder's address with a slash at its end, so that `sibling` gives the files in it."""
        return self if self.url.endswith("/") else Address(url=f"{self.url}/")


Location: TypeAlias = Path | Address
"""Where a file is: on disk, or on a server."""


def location_of(place: str | Path | Address) -> Location:
    """Take what a user names: a path, or an address in whatever form.

    Raises
    ------
    InputNotFoundError
        It is an address of a kind that is not read.

    Examples
    --------
    >>> location_of("s3://bucket/a/x.tif")
    Address(shown='s3://bucket/a/x.tif')
    """
    if isinstance(place, Address):
        return place
    return Address.parse(str(place)) or Path(place)


def path_of(place: str | Path | Address, what: str) -> Path:
    """Take what a user names where only a path on disk will do.

    Parameters
    ----------
    place : str, path or Address
        What was named.
    what : str
        What it is to be, for the error's message.

    Raises
    ------
    InputNotFoundError
        It is an address.
    """
    found = location_of(place)
    if isinstance(found, Address):
        raise InputNotFoundError(f"{what} {found} is on a server, where it is not read; fetch it first")
    return found


def _without_user(rest: str) -> str:
    """Refuse an address of a store that holds keys, before it is shown anywhere."""
    bucket, slash, key = rest.partition("/")
    if "@" in bucket:
        shown = f"s3://{bucket.rpartition('@')[2]}{slash}{key}"
        raise InputNotFoundError(
            f"the address {shown} was given with a user in it; leave that out, and set credentials, for example "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
        )
    return rest


def without_secrets(text: str) -> str:
    """Take the queries, users and passwords of web addresses out of a text.

    Examples
    --------
    >>> without_secrets("GET /vsicurl/https://me:word@example.com/x.TIF?sig=secret failed")
    'GET /vsicurl/https://example.com/x.TIF failed'
    """
    text = re.sub(r"(https?://)[^\s/@'\"]*@", r"\1", text)
    return re.sub(r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>}]*", r"\1", text)
