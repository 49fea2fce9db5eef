"""Objects in stores: S3 (``s3``), read and written with boto3; Google and Azure (``gs``, ``az``), read with obstore.

Credentials are those that GDAL finds, too: for Google GOOGLE_APPLICATION_CREDENTIALS or GS_NO_SIGN_REQUEST; for Azure
AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_ACCESS_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_NO_SIGN_REQUEST.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import mimetypes
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lst_raster.errors import InputNotFoundError, LstRasterError, OutputError, RemoteAccessError, RemoteError
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.remote import ATTEMPTS, PAUSE, TIMEOUT, Part, size_of_range
from lst_raster.resources import require

_T = TypeVar("_T")
_LOGGER = logging.getLogger(__name__)
_MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
_REFUSED = (
    "401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "Forbidden",
)  # fmt: skip
_READ_HELP = (
    "set credentials, AWS_REQUEST_PAYER=requester where the requester pays, or AWS_NO_SIGN_REQUEST=YES for a "
    "public bucket"
)
_HELP = {
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or GS_NO_SIGN_REQUEST=YES for a public bucket",
    "az": "set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_ACCESS_KEY or AZURE_STORAGE_SAS_TOKEN, or "
    "AZURE_NO_SIGN_REQUEST=YES for a public container",
}
_WRITE_HELP = "set credentials with write access, or choose another destination"


def fetch_object(address: Address, start: int, length: int) -> Part:
    """Read a byte range of an object; parameters and errors as `lst_raster.io.remote.fetch`."""

    def get_s3(client: Any) -> Part:
        try:
            found = client.get_object(**_names(address), Range=f"bytes={start}-{start + length - 1}")
        except client.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") == "InvalidRange":  # `start` is beyond the end
                return Part(content=b"", partial=True)
            raise
        size = size_of_range(found.get("ContentRange"))
        return Part(content=found["Body"].read(), partial=True, size=size, version=found.get("ETag"))

    def get(obstore: Any, store: Any) -> Part:
        size = obstore.head(store, address.key)["size"] if start else None
        if size is not None and start >= size:
            return Part(content=b"", partial=True, size=size)
        found = obstore.get(store, address.key, options={"range": (start, start + length)})
        return Part(content=bytes(found.bytes()), partial=True, size=found.meta["size"], version=found.meta["e_tag"])

    return _request_s3(address, get_s3) if address.is_s3 else _request(address, get)


def list_objects(folder: Address) -> list[Address]:
    """Files in a folder, without those in its subfolders; errors as `lst_raster.io.remote.fetch`."""

    def list_s3(client: Any) -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=folder.bucket, Prefix=folder.key, Delimiter="/", **_payer()
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", ()) if entry["Key"][-1:] != "/"]

    def list_keys(obstore: Any, store: Any) -> list[str]:
        objects = obstore.list_with_delimiter(store, folder.key.rstrip("/") or None)["objects"]
        return [entry["path"] for entry in objects]

    keys = _request_s3(folder, list_s3) if folder.is_s3 else _request(folder, list_keys)
    return [Address(url=f"{folder.scheme}://{folder.bucket}/{key}") for key in keys]


def gdal_s3_settings() -> tuple[Any, dict[str, str]]:
    """Credentials that boto3 finds, as a session of rasterio, and GDAL's options for a store other than Amazon's."""
    from rasterio.session import AWSSession

    endpoint, options = _endpoint(), {}
    if endpoint is not None:
        options["AWS_HTTPS"] = "NO" if endpoint.startswith("http:") else "YES"
        options["AWS_VIRTUAL_HOSTING"] = "TRUE" if _is_set("AWS_VIRTUAL_HOSTING") else "FALSE"
    session = AWSSession(
        require("boto3", "s3").Session(),
        aws_unsigned=_is_set("AWS_NO_SIGN_REQUEST"),
        endpoint_url=urlsplit(endpoint).netloc if endpoint else None,
        requester_pays=bool(_payer()),
    )
    return session, options


@lru_cache(maxsize=1)
def _client(process: int, settings: tuple[tuple[str, str], ...]) -> Any:
    """Client of boto3, which is slow to make, for one process and the present settings in the environment."""
    boto3, botocore = require("boto3", "s3"), require("botocore", "s3")
    config = require("botocore.config", "s3").Config
    # Other stores do not support Amazon's own checksums; uploads carry an MD5 sum. Options of botocore 1.36.
    checksums = ("request_checksum_calculation", "response_checksum_validation")
    style = "virtual" if _is_set("AWS_VIRTUAL_HOSTING") else "path" if _endpoint() else "auto"
    options = config(
        signature_version=botocore.UNSIGNED if _is_set("AWS_NO_SIGN_REQUEST") else None,
        s3={"addressing_style": style},
        retries={"max_attempts": ATTEMPTS - 1, "mode": "standard"},
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        **{name: "when_required" for name in checksums if name in config.OPTION_DEFAULTS},
    )
    return boto3.Session().client("s3", endpoint_url=_endpoint(), config=options)


def _request_s3(address: Address, call: Callable[[Any], _T], remedy: str = _READ_HELP) -> _T:
    """Call a function with boto3's client; convert its errors to those of `lst_raster.io.remote.fetch`."""
    require("boto3", "s3")
    exceptions = require("botocore.exceptions", "s3")
    try:
        settings = tuple((key, value) for key, value in os.environ.items() if key.startswith("AWS_"))
        return call(_client(os.getpid(), settings))
    except exceptions.ClientError as error:
        details = error.response.get("Error", {})
        code, message = str(details.get("Code")), str(details.get("Message"))
        if code in _MISSING:
            raise InputNotFoundError(f"{address} does not exist ({code}); check the address") from None
        if code in _REFUSED:
            raise RemoteAccessError(f"{address} is refused ({code}); {remedy}") from None
        raise RemoteError(f"{address}: the store reports an error ({code}: {message}); try again later") from None
    except exceptions.NoCredentialsError:
        raise RemoteAccessError(f"{address}: no credentials found; {remedy}") from None
    except exceptions.ParamValidationError:
        raise RemoteError(f"{address} is not a valid address of a store; check the bucket and the name") from None
    except (exceptions.BotoCoreError, ValueError) as error:
        raise RemoteError(
            f"{address}: no connection to the store ({type(error).__name__}); "
            "check the address, AWS_ENDPOINT_URL and the network, or try again later"
        ) from None


def _request(address: Address, call: Callable[[Any, Any], _T]) -> _T:
    obstore, exceptions = require("obstore", "cloud"), require("obstore.exceptions", "cloud")
    try:
        prefixes = ("GOOGLE_", "GS_", "AZURE_")
        settings = tuple((key, value) for key, value in os.environ.items() if key.startswith(prefixes))
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


def _endpoint() -> str | None:
    """Address of a store other than Amazon's, from the variables of boto3 and GDAL."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return os.environ[name]
    host = os.environ.get("AWS_S3_ENDPOINT")
    if not host or "://" in host:
        return host or None
    return f"{'https' if _is_set('AWS_HTTPS', default='YES') else 'http'}://{host}"


def _payer() -> dict[str, str]:
    payer = os.environ.get("AWS_REQUEST_PAYER")
    return {"RequestPayer": payer} if payer else {}


def _is_set(name: str, default: str = "NO") -> bool:
    return os.environ.get(name, default).lower() in ("yes", "true", "1", "on")


def _names(address: Address) -> dict[str, str]:
    return {"Bucket": address.bucket, "Key": address.key, **_payer()}


# Writing -------------------------------------------------------------------------------------------------------------

PART = 8 << 20  # size of the parts of an upload, at most 10 000 per file, at least 5 MiB each but the last. [byte]
_PARALLEL = 4  # parts that are sent at the same time
_MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".tiff": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".qml": "application/xml",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """Uploaded file that the store does not show before `complete_upload`; made by `begin_upload`."""

    address: Address  # destination
    identifier: str  # the store's identifier of the upload
    parts: tuple[dict[str, Any], ...]  # number and ETag of each part


def delete_object(address: Address) -> None:
    """Remove an object, if there is one.

    OutputError without such a bucket; RemoteError and RemoteAccessError without a connection or access.
    """
    _write(address, "delete_object")


def size_of_object(address: Address) -> int | None:
    """Size of an object, None where there is none. [byte]

    Raises RemoteAccessError also where the store does not show which objects are missing, and RemoteError.
    """
    try:
        found = _request_s3(address, lambda client: client.head_object(**_names(address)), _WRITE_HELP)
    except InputNotFoundError:
        return None
    return int(found["ContentLength"])


def exists(address: Address) -> bool:
    """Whether there is an object; errors as `size_of_object`."""
    return size_of_object(address) is not None


def require_writable(address: Address) -> None:
    """Check write access by beginning and aborting an upload, which leaves nothing; errors as `delete_object`."""
    _write(address, "abort_multipart_upload", UploadId=_begin(address))


def begin_upload(address: Address, path: Path) -> Upload:
    """Send a file to a store, which does not show it before `complete_upload`.

    Errors as `delete_object`; nothing of the file stays in the store then.
    """
    identifier = _begin(address)
    try:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            count = max(1, -(-path.stat().st_size // PART))
            parts = tuple(pool.map(lambda part: _send(address, identifier, path, part), range(count)))
    except BaseException as error:
        abort_upload(Upload(address=address, identifier=identifier, parts=()))
        if isinstance(error, OSError):
            raise OutputError(f"cannot write {address}: {error.strerror or type(error).__name__}") from None
        raise
    return Upload(address=address, identifier=identifier, parts=parts)


def complete_upload(upload: Upload) -> None:
    """Show an uploaded file, which replaces an older one at once; errors as `delete_object`."""
    parts = {"Parts": list(upload.parts)}
    _write(upload.address, "complete_multipart_upload", UploadId=upload.identifier, MultipartUpload=parts)


def abort_upload(upload: Upload) -> None:
    """Discard an upload; a failure is only logged, as the store never shows the file."""
    try:
        _write(upload.address, "abort_multipart_upload", UploadId=upload.identifier)
    except LstRasterError as error:
        _LOGGER.info("an upload was not discarded and may take space until the store removes it: %s", error)


def _begin(address: Address) -> str:
    extension = PurePosixPath(address.name).suffix.lower()
    media_type = _MEDIA_TYPES.get(extension) or mimetypes.guess_type(address.name)[0] or "application/octet-stream"
    return str(_write(address, "create_multipart_upload", ContentType=media_type)["UploadId"])


def _send(address: Address, identifier: str, path: Path, part: int) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(part * PART)
        content = file.read(PART)
    checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()  # all stores verify it
    options = {"UploadId": identifier, "PartNumber": part + 1, "Body": content, "ContentMD5": checksum}
    return {"PartNumber": part + 1, "ETag": _write(address, "upload_part", **options)["ETag"]}


def _write(address: Address, method: str, **options: Any) -> Any:
    """Call a method of boto3's client with the names of an object."""
    try:
        return _request_s3(address, lambda client: getattr(client, method)(**_names(address), **options), _WRITE_HELP)
    except InputNotFoundError:
        raise OutputError(
            f"cannot write {address}: there is no bucket {address.bucket}; create it, or check the address"
        ) from None
