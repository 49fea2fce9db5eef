"""Addresses of files on servers, and what of them may be shown."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from lst_raster.errors import InputNotFoundError

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])", re.IGNORECASE)  # one slash: what a Path makes of two
_WEB = ("http", "https")
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
        >>> Address.parse("folder/LC08_x_B10.TIF") is None
        True
        """
        found = _SCHEME.match(text)
        if found is None:
            return None
        scheme = found[1].lower()
        if scheme not in (*_WEB, "s3"):
            raise InputNotFoundError(f"{scheme}: addresses are not read, only https, http and s3; fetch the file first")
        rest = text[found.end() :]
        if scheme == "s3":
            return cls(url=f"s3://{rest}")
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


def without_secrets(text: str) -> str:
    """Take the queries, users and passwords of web addresses out of a text.

    Examples
    --------
    >>> without_secrets("GET /vsicurl/https://me:word@example.com/x.TIF?sig=secret failed")
    'GET /vsicurl/https://example.com/x.TIF failed'
    """
    text = re.sub(r"(https?://)[^\s/@'\"]*@", r"\1", text)
    return re.sub(r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>}]*", r"\1", text)
