"""Writing into object stores that speak S3: an object is there whole, or as it was before."""

from __future__ import annotations

import base64
import hashlib
import logging
import mimetypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lst_raster.errors import InputNotFoundError, LstRasterError, OutputError
from lst_raster.scene.address import Address
from lst_raster.scene.servers.s3 import ask, payer

_T = TypeVar("_T")
_LOGGER = logging.getLogger(__name__)
PART = 8 << 20
"""Bytes that are sent at once; a store takes 10 000 parts of a file, none but the last below 5 MiB."""
_TOGETHER = 4  # parts that are sent at the same time
_HELP = "set credentials that may write there, or choose another place"
_MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".tiff": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".qml": "application/xml",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file that a store has, but does not show yet; made by `begin_upload`."""

    address: Address
    """What it will be."""
    number: str
    """The store's name of it."""
    parts: tuple[dict[str, Any], ...]
    """What the store said of each part."""


def media_type_of(name: str) -> str:
    """Media type by the ending of a file's name.

    Examples
    --------
    >>> media_type_of("LC08_x_LST.png")
    'image/png'
    """
    ending = f".{name.rpartition('.')[2].lower()}"
    return _MEDIA_TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def put_object(address: Address, content: bytes | Path, media_type: str | None = None) -> None:
    """Write one object, whole or not at all; an older one is replaced.

    Parameters
    ----------
    address : Address
        What is to be written.
    content : bytes or path
        What it holds, or the file that holds it.
    media_type : str, optional
        Media type; by default that of the name's ending.

    Raises
    ------
    OutputError
        There is no such bucket, or the file cannot be read.
    RemoteError, RemoteAccessError, MissingExtraError
        The store does not answer, refuses, or cannot be asked.
    """
    if isinstance(content, Path):
        complete_upload(begin_upload(address, content, media_type))
        return
    kind = media_type or media_type_of(address.name)
    _write(address, lambda client: client.put_object(**_of(address), Body=content, ContentType=kind, **_sum(content)))


def delete_object(address: Address) -> None:
    """Remove an object; one that is not there is no error.

    Raises
    ------
    OutputError, RemoteError, RemoteAccessError, MissingExtraError
        As `put_object`.
    """
    _write(address, lambda client: client.delete_object(**_of(address)))


def size_of_object(address: Address) -> int | None:
    """Size of an object, None where there is none. [byte]

    Raises
    ------
    RemoteError, RemoteAccessError, MissingExtraError
        The store does not answer, refuses (as it does where a missing object may not be told either), or cannot be
        asked.
    """
    try:
        return int(ask(address, lambda client: client.head_object(**_of(address)), _HELP)["ContentLength"])
    except InputNotFoundError:
        return None


def exists(address: Address) -> bool:
    """Whether there is an object; errors as `size_of_object`."""
    return size_of_object(address) is not None


def require_writable(address: Address) -> None:
    """Make sure that an object could be written: an upload is begun and given up again, which leaves nothing.

    Raises
    ------
    OutputError, RemoteError, RemoteAccessError, MissingExtraError
        As `put_object`.
    """
    _abort(address, _begin(address, media_type_of(address.name)))


def begin_upload(address: Address, path: Path, media_type: str | None = None) -> Upload:
    """Send a file to a store, which does not show it before `complete_upload`.

    Parameters
    ----------
    address : Address
        What it will be.
    path : path
        The file.
    media_type : str, optional
        Media type; by default that of the name's ending.

    Raises
    ------
    OutputError, RemoteError, RemoteAccessError, MissingExtraError
        As `put_object`; nothing of the file stays in the store then.
    """
    number = _begin(address, media_type or media_type_of(address.name))
    try:
        with ThreadPoolExecutor(_TOGETHER) as pool:
            count = max(1, -(-path.stat().st_size // PART))
            parts = tuple(pool.map(lambda part: _send(address, number, path, part), range(count)))
    except BaseException as error:
        abort_upload(Upload(address=address, number=number, parts=()))
        if isinstance(error, OSError):
            raise OutputError(f"cannot write {address}: {error.strerror or type(error).__name__}") from None
        raise
    return Upload(address=address, number=number, parts=parts)


def complete_upload(upload: Upload) -> None:
    """Show a file that was sent; it takes the place of an older one at once.

    Raises
    ------
    OutputError, RemoteError, RemoteAccessError, MissingExtraError
        As `put_object`.
    """
    parts = {"Parts": list(upload.parts)}
    _write(
        upload.address,
        lambda client: client.complete_multipart_upload(
            **_of(upload.address), UploadId=upload.number, MultipartUpload=parts
        ),
    )


def abort_upload(upload: Upload) -> None:
    """Give up a file that was sent; where the store cannot be told, that is logged, and it never shows the file."""
    try:
        _abort(upload.address, upload.number)
    except LstRasterError as error:
        _LOGGER.info("an upload could not be given up, and may take room until the store clears it: %s", error)


def _begin(address: Address, media_type: str) -> str:
    def begin(client: Any) -> str:
        return str(client.create_multipart_upload(**_of(address), ContentType=media_type)["UploadId"])

    return _write(address, begin)


def _send(address: Address, number: str, path: Path, part: int) -> dict[str, Any]:
    """Send one part of a file."""
    with path.open("rb") as file:
        file.seek(part * PART)
        content = file.read(PART)

    def send(client: Any) -> dict[str, Any]:
        answer = client.upload_part(
            **_of(address), UploadId=number, PartNumber=part + 1, Body=content, **_sum(content)
        )  # fmt: skip
        return {"PartNumber": part + 1, "ETag": answer["ETag"]}

    return _write(address, send)


def _abort(address: Address, number: str) -> None:
    _write(address, lambda client: client.abort_multipart_upload(**_of(address), UploadId=number))


def _of(address: Address) -> dict[str, str]:
    return {"Bucket": address.bucket, "Key": address.key, **payer()}


def _sum(content: bytes) -> dict[str, str]:
    """Checksum that every store holds what it gets against."""
    return {"ContentMD5": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()}


def _write(address: Address, question: Callable[[Any], _T]) -> _T:
    try:
        return ask(address, question, _HELP)
    except InputNotFoundError:
        raise OutputError(
            f"cannot write {address}: there is no bucket {address.bucket}; create it, or check the address"
        ) from None
