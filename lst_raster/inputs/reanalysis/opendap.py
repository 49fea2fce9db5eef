"""Arrays from OPeNDAP servers such as THREDDS, by version 2 of the protocol (DAP2).

Protocol: J. Gallagher et al., The Data Access Protocol - DAP 2.0, NASA ESE-RFC-004 (2007). A response has the
declarations of the arrays (DDS) as text, and their values in XDR, big-endian, each array after its length, which is
sent twice. Attributes such as units (DAS) are a second response. Only arrays of numbers are read: no strings, no
sequences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from lst_raster.errors import InputNotFoundError, RemoteError
from lst_raster.io.address import Address, without_secrets
from lst_raster.io.remote import BusyError, fetch_whole

if TYPE_CHECKING:
    import xarray as xr

Range = tuple[int, int]  # first and last index along an axis, both included

_TYPES = {
    "Byte": "u1", "Int16": ">i4", "UInt16": ">u4", "Int32": ">i4", "UInt32": ">u4", "Float32": ">f4", "Float64": ">f8",
}  # as they are sent: 16 bits as 32 # fmt: skip
_HEADER = 1 << 16  # bytes of declarations, at most
_ATTRIBUTES = 1 << 20  # bytes of all attributes, at most
_DATA = re.compile(rb"^Data:\r?\n", re.MULTILINE)
_ARRAY = re.compile(r"(\w+)\s+([^\s\[\];{}]+)((?:\s*\[[^\]]*\])+)\s*;")
_DIMENSION = re.compile(r"\[\s*(?:([^\s=\]]+)\s*=\s*)?(\d+)\s*\]")
_MESSAGE = re.compile(r'message\s*=\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BLOCK = re.compile(r'([^\s{};"]+)\s*\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\}', re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)\s+([^\s"{}]+)\s+("(?:[^"\\]|\\.)*"|[^\s",;]+)\s*;')


def read_subset(dataset: Address, variable: str, ranges: Sequence[Range]) -> xr.Dataset:
    """Read index ranges of a variable, with its coordinates: decoded times, and NaN for missing values.

    `dataset` is the address without the ending of a response. Raises InputNotFoundError if there is no such dataset;
    RemoteAccessError and RemoteError if the server refuses, fails, or sends other data than requested.
    """
    import xarray as xr

    shape = tuple(last - first + 1 for first, last in ranges)
    constraint = quote(variable + "".join(f"[{first}:1:{last}]" for first, last in ranges), safe=":")
    limit = _HEADER + 8 * (int(np.prod(shape)) + sum(shape))
    address = _response(dataset, "dods", constraint)
    arrays = parse_data(fetch_whole(address, limit), str(address))
    if variable not in arrays or arrays[variable][1].shape != shape:
        found = ", ".join(f"{name} {array.shape}" for name, (_, array) in arrays.items()) or "no arrays"
        raise RemoteError(f"{address} has {found} and not {variable} {shape} as requested; check the address")
    dimensions = arrays[variable][0]
    missing = [name for name in dimensions if name not in arrays or arrays[name][0] != (name,)]
    if missing:
        raise RemoteError(f"{address} has no coordinates {', '.join(missing)} of {variable}; check the address")
    description = _response(dataset, "das")
    attributes = parse_attributes(fetch_whole(description, _ATTRIBUTES).decode("utf-8", "replace"))
    raw = xr.Dataset(
        {
            name: (axes, values, _of_type(attributes.get(name, {}), values))
            for name, (axes, values) in ((name, arrays[name]) for name in (variable, *dimensions))
        }
    )
    try:
        return xr.decode_cf(raw, decode_timedelta=False)
    except (ValueError, OverflowError, TypeError) as reason:
        detail = without_secrets(str(reason).partition("\n")[0])
        raise RemoteError(f"{description} has invalid units, scale or fill value ({detail})") from None


def _of_type(attributes: Mapping[str, Any], values: NDArray[Any]) -> dict[str, Any]:
    """Attributes with the fill value in the type of the values, in which it is compared with them."""
    fill = attributes.get("_FillValue", attributes.get("missing_value"))
    others = {name: value for name, value in attributes.items() if name not in ("_FillValue", "missing_value")}
    return others if fill is None else {**others, "_FillValue": np.asarray(fill).astype(values.dtype)[()]}


def parse_data(content: bytes, where: str) -> dict[str, tuple[tuple[str, ...], NDArray[Any]]]:
    """Parse a response with data; returns dimensions and values of every array by name."""
    separator = _DATA.search(content)
    if separator is None:
        raise _error_of(content, where)
    declarations = content[: separator.start()].decode("ascii", "replace")
    if re.search(r"\bSequence\b", declarations):
        raise RemoteError(f"{where} is a sequence, and not a grid; check the address")
    arrays: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {}
    position = separator.end()
    for kind, name, axes in _ARRAY.findall(declarations):
        if kind not in _TYPES:
            raise RemoteError(f"{where}: {name} is of type {kind}, and not a number; check the address")
        dtype, found = np.dtype(_TYPES[kind]), _DIMENSION.findall(axes)
        shape = tuple(int(size) for _, size in found)
        count = int(np.prod([*map(int, shape)], dtype=object))
        end = position + 8 + count * dtype.itemsize
        if end > len(content):
            raise BusyError(f"{where}: the server sent only a part of the data; try again later")
        if content[position : position + 8] != 2 * int(count).to_bytes(4, "big"):
            raise RemoteError(f"{where}: the length of {name} is not the declared one; check the address")
        values = np.frombuffer(content, dtype, count, position + 8).reshape(shape).astype(dtype.newbyteorder("="))
        arrays.setdefault(name, (tuple(label for label, _ in found), values))
        position = end + (-end + position) % 4  # bytes are padded to four
    return arrays


def parse_attributes(text: str) -> Mapping[str, dict[str, Any]]:
    """Parse the attributes of variables that are texts or single numbers, by variable.

    Examples
    --------
    >>> parse_attributes('Attributes { tcwv { String units "kg m**-2"; Float32 _FillValue 9.999E20; } }')
    {'tcwv': {'units': 'kg m**-2', '_FillValue': 9.999e+20}}
    """
    found: dict[str, dict[str, Any]] = {}
    for name, block in _BLOCK.findall(text):
        for kind, attribute, value in _ATTRIBUTE.findall(block):
            attributes = found.setdefault(name, {})
            if kind == "String":
                attributes[attribute] = re.sub(r"\\(.)", r"\1", value.strip('"'))
            elif kind in _TYPES and re.fullmatch(r"[-+.\deE]+|[-+]?nan", value, re.IGNORECASE):
                attributes[attribute] = float(value) if kind.startswith("Float") else int(float(value))
    return found


def _response(dataset: Address, ending: str, constraint: str = "") -> Address:
    """Address of a response; a query of the dataset, such as a signature, comes after the constraint."""
    path, _, query = dataset.url.partition("?")
    query = "&".join(part for part in (constraint, query) if part)
    return Address(url=f"{path}.{ending}" + (f"?{query}" if query else ""))


def _error_of(content: bytes, where: str) -> Exception:
    """Error for a response without data."""
    text = content[:4096].decode("utf-8", "replace")
    if text.lstrip().startswith("Error"):
        code, message = re.search(r"code\s*=\s*(\d+)", text), _MESSAGE.search(text)
        detail = without_secrets(" ".join(message[1].split())[:200]) if message else "no message"
        if code is not None and code[1] == "404":
            return InputNotFoundError(f"{where} does not exist ({detail}); check the address")
        return RemoteError(f"{where}: the server reports an error ({detail}); try again later")
    found = "a text or a file of another kind" if content else "nothing"
    return RemoteError(f"{where}: the server sent {found} instead of OPeNDAP data; check the address")
