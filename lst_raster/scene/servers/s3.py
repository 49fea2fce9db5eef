"""Files in object stores that speak S3."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lst_raster._resources import require
from lst_raster.errors import InputNotFoundError, LstRasterError, RemoteAccessError, RemoteError
from lst_raster.scene.address import Address
from lst_raster.scene.servers.part import Part, size_of_range

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
    """Read part of an object; parameters and errors as `lst_raster.scene.servers.read.fetch`."""

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
        As `lst_raster.scene.servers.read.fetch`.
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
        As `lst_raster.scene.servers.read.fetch`.
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
