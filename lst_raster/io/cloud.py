"""Objects in Google Cloud Storage (``gs``) and Azure Blob Storage (``az``), which are read, not written.

Credentials are those that GDAL finds, too: GOOGLE_APPLICATION_CREDENTIALS or GS_NO_SIGN_REQUEST; AZURE_STORAGE_ACCOUNT
with AZURE_STORAGE_ACCESS_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_NO_SIGN_REQUEST.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar

from lst_raster.errors import InputNotFoundError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.remote import ATTEMPTS, PAUSE, TIMEOUT, Part
from lst_raster.resources import require

_T = TypeVar("_T")
_PREFIXES = ("GOOGLE_", "GS_", "AZURE_")
_HELP = {
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or GS_NO_SIGN_REQUEST=YES for a public bucket",
    "az": "set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_ACCESS_KEY or AZURE_STORAGE_SAS_TOKEN, or "
    "AZURE_NO_SIGN_REQUEST=YES for a public container",
}


def fetch_object(address: Address, start: int, length: int) -> Part:
    """Read a byte range of an object; parameters and errors as `lst_raster.io.remote.fetch`."""

    def get(obstore: Any, store: Any) -> Part:
        size = obstore.head(store, address.key)["size"] if start else None
        if size is not None and start >= size:
            return Part(content=b"", partial=True, size=size)
        found = obstore.get(store, address.key, options={"range": (start, start + length)})
        return Part(content=bytes(found.bytes()), partial=True, size=found.meta["size"], version=found.meta["e_tag"])

    return _request(address, get)


def list_objects(folder: Address) -> list[Address]:
    """Files in a folder, without those in its subfolders; errors as `lst_raster.io.remote.fetch`."""

    def listed(obstore: Any, store: Any) -> list[Address]:
        objects = obstore.list_with_delimiter(store, folder.key.rstrip("/") or None)["objects"]
        return [Address(url=f"{folder.scheme}://{folder.bucket}/{entry['path']}") for entry in objects]

    return _request(folder, listed)


def _request(address: Address, call: Callable[[Any, Any], _T]) -> _T:
    obstore, exceptions = require("obstore", "cloud"), require("obstore.exceptions", "cloud")
    try:
        settings = tuple((key, value) for key, value in os.environ.items() if key.startswith(_PREFIXES))
        return call(obstore, _store(f"{address.scheme}://{address.bucket}", settings))
    except FileNotFoundError:
        raise InputNotFoundError(f"{address} does not exist; check the address") from None
    except (exceptions.BaseError, ValueError, OSError) as error:
        reason = without_secrets(str(error).partition("\n")[0])
        refused = isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError)
        if refused or re.search(r"status code: 40[13]\b", reason):  # of a list it is a GenericError
            raise RemoteAccessError(f"{address} is refused; {_HELP[address.scheme]}") from None
        raise RemoteError(
            f"{address} cannot be read from the store ({reason}); {_HELP[address.scheme]}, check the address, or try "
            "again later"
        ) from None


@lru_cache(maxsize=4)
def _store(url: str, settings: tuple[tuple[str, str], ...]) -> Any:
    """Client of a bucket, for the present settings in the environment."""
    found, config = dict(settings), {}
    if any(
        found.get(f"{name}_NO_SIGN_REQUEST", "NO").upper() in ("YES", "TRUE", "1", "ON") for name in ("GS", "AZURE")
    ):
        config["skip_signature"] = "true"
    if url.startswith("az:") and "AZURE_STORAGE_ACCOUNT" in found:
        config["account_name"] = found["AZURE_STORAGE_ACCOUNT"]
    pause, timeout = timedelta(seconds=max(PAUSE, 0.01)), timedelta(seconds=TIMEOUT)
    return require("obstore.store", "cloud").from_url(
        url,
        config=config,
        client_options={"timeout": timeout, "connect_timeout": timeout, "allow_http": True},  # http: stores in tests
        retry_config={"max_retries": ATTEMPTS - 1, "backoff": {"init_backoff": pause, "base": 2}},
    )
