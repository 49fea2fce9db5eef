"""Objects in S3-compatible stores, read and written."""

from __future__ import annotations

import base64
import hashlib
import logging
import mimetypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lst_raster.errors import InputNotFoundError, LstRasterError, OutputError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address
from lst_raster.io.http import Part, size_of_range
from lst_raster.resources import require

_T = TypeVar("_T")
_TIMEOUT = 30.0  # [s] without an answer
_MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
_REFUSED = (
    "401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "Forbidden",
)  # fmt: skip
_BEYOND = "InvalidRange"
_YES = ("yes", "true", "1", "on")
_HELP = (
    "set credentials, AWS_REQUEST_PAYER=requester where the requester pays, or AWS_NO_SIGN_REQUEST=YES for a "
    "public bucket"
)


def fetch_object(address: Address, start: int, length: int) -> Part:
    """Read part of an object; parameters and errors as `lst_raster.io.remote.fetch`."""

    def get(client: Any) -> Part:
        answer = client.get_object(
            Bucket=address.bucket, Key=address.key, Range=f"bytes={start}-{start + length - 1}", **payer()
        )
        return Part(
            content=answer["Body"].read(), partial=True, size=size_of_range(answer.get("ContentRange")),
            version=answer.get("ETag"),
        )  # fmt: skip

    return ask(address, get)


def list_objects(folder: Address) -> list[Address]:
    """Files in a folder of an object store, not those in folders below it.

    Raises
    ------
    InputNotFoundError, RemoteAccessError, RemoteError, MissingExtraError
        As `lst_raster.io.remote.fetch`.
    """

    def listed(client: Any) -> list[Address]:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=folder.bucket, Prefix=folder.key, Delimiter="/", **payer()
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return [Address(url=f"s3://{folder.bucket}/{key}") for key in keys if not key.endswith("/")]

    return ask(folder, listed)


def gdal_session() -> Any:
    """Credentials as rasterio takes them: those that boto3 finds."""
    from rasterio.session import AWSSession

    session = require("boto3", "s3").Session()
    endpoint = _endpoint()
    return AWSSession(
        session,
        aws_unsigned=_is("AWS_NO_SIGN_REQUEST"),
        endpoint_url=urlsplit(endpoint).netloc if endpoint else None,
        requester_pays=bool(payer()),
    )


def gdal_options() -> dict[str, str]:
    """Give GDAL's settings for a server that is not Amazon's."""
    endpoint = _endpoint()
    if endpoint is None:
        return {}
    return {
        "AWS_HTTPS": "NO" if endpoint.startswith("http:") else "YES",
        "AWS_VIRTUAL_HOSTING": "TRUE" if _is("AWS_VIRTUAL_HOSTING") else "FALSE",
    }


@lru_cache(maxsize=1)
def _client(process: int, settings: tuple[tuple[str, str], ...]) -> Any:
    """Client of the store; made anew, which takes long, when the settings in the environment change.

    A forked process makes its own: it must not talk over its parent's connections.
    """
    boto3, botocore = require("boto3", "s3"), require("botocore", "s3")
    style = "virtual" if _is("AWS_VIRTUAL_HOSTING") else "path" if _endpoint() else "auto"
    config = require("botocore.config", "s3").Config(
        signature_version=botocore.UNSIGNED if _is("AWS_NO_SIGN_REQUEST") else None,
        s3={"addressing_style": style},
        retries={"max_attempts": 3, "mode": "standard"},
        connect_timeout=_TIMEOUT,
        read_timeout=_TIMEOUT,
        **_checksums(require("botocore.config", "s3").Config),
    )
    return boto3.Session().client("s3", endpoint_url=_endpoint(), config=config)


def _checksums(config: Any) -> dict[str, str]:
    """Leave out Amazon's own checksums, which other stores do not know; what is written is sent with another."""
    names = ("request_checksum_calculation", "response_checksum_validation")
    return {name: "when_required" for name in names if name in config.OPTION_DEFAULTS}  # botocore 1.36 has them


def ask(address: Address, question: Callable[[Any], _T], hint: str = _HELP) -> _T:
    """Ask the store, and say what went wrong.

    Parameters
    ----------
    address : Address
        What it is asked about.
    question : callable
        Takes boto3's client.
    hint : str
        What to do where it refuses.

    Raises
    ------
    InputNotFoundError, RemoteAccessError, RemoteError, MissingExtraError
        As `lst_raster.io.remote.fetch`.
    """
    require("boto3", "s3")
    exceptions = require("botocore.exceptions", "s3")
    try:
        settings = tuple((key, value) for key, value in os.environ.items() if key.startswith("AWS_"))
        return question(_client(os.getpid(), settings))
    except exceptions.ClientError as error:
        answer = error.response.get("Error", {})
        if answer.get("Code") == _BEYOND:
            return Part(content=b"", partial=True)  # type: ignore[return-value]  # of an object alone
        raise _refusal(address, str(answer.get("Code")), str(answer.get("Message")), hint) from None
    except exceptions.NoCredentialsError:
        raise RemoteAccessError(f"{address}: there are no credentials for it; {hint}") from None
    except exceptions.ParamValidationError:
        raise RemoteError(f"{address} is no address that a store can have; check the bucket and the name") from None
    except (exceptions.BotoCoreError, ValueError) as error:
        raise RemoteError(
            f"{address}: there is no connection to the store ({type(error).__name__}); "
            "check the address, AWS_ENDPOINT_URL and the network, or try again later"
        ) from None


def _refusal(address: Address, code: str, message: str, hint: str) -> LstRasterError:
    if code in _MISSING:
        return InputNotFoundError(f"{address} does not exist ({code}); check the address")
    if code in _REFUSED:
        return RemoteAccessError(f"{address} is refused ({code}); {hint}")
    return RemoteError(f"{address} is answered with an error of the store ({code}: {message}); try again later")


def _endpoint() -> str | None:
    """Address of a store that is not Amazon's, as boto3 and GDAL have it in the environment."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return os.environ[name]
    host = os.environ.get("AWS_S3_ENDPOINT")
    if not host or "://" in host:
        return host or None
    return f"{'https' if _is('AWS_HTTPS', default='YES') else 'http'}://{host}"


def payer() -> dict[str, str]:
    """Tell the store who pays, where that is the requester."""
    who = os.environ.get("AWS_REQUEST_PAYER")
    return {"RequestPayer": who} if who else {}


def _is(name: str, default: str = "NO") -> bool:
    return os.environ.get(name, default).lower() in _YES


_LOGGER = logging.getLogger(__name__)
PART = 8 << 20
"""Bytes that are sent at once; a store takes 10 000 parts of a file, none but the last below 5 MiB."""
_TOGETHER = 4  # parts that are sent at the same time
_WRITE_HELP = "set credentials that may write there, or choose another place"
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
        return int(ask(address, lambda client: client.head_object(**_of(address)), _WRITE_HELP)["ContentLength"])
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
        return ask(address, question, _WRITE_HELP)
    except InputNotFoundError:
        raise OutputError(
            f"cannot write {address}: there is no bucket {address.bucket}; create it, or check the address"
        ) from None
