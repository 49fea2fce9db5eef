"""Reanalysis products. A new product is one row here and, if it can be downloaded, the module named in its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from lst_raster.physics.quantities import (
    AIR_TEMPERATURE,
    DEW_POINT,
    ELEVATION,
    HUMIDITY_2M,
    RELATIVE_HUMIDITY,
    SPECIFIC_HUMIDITY,
    SURFACE_PRESSURE,
    TEMPERATURE,
    WATER_VAPOUR,
    Quantity,
)

if TYPE_CHECKING:
    from lst_raster.inputs.reanalysis.fetch.plan import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server from which ``fetch-reanalysis --source NAME`` downloads a product."""

    name: str  # Name of the source
    title: str  # Operator, and whether an account is needed
    module: str  # Module of the package ``fetch``, with the functions of `Source`

    def load(self) -> Source:
        """Import the module."""
        return cast("Source", import_module(f"lst_raster.inputs.reanalysis.fetch.{self.module}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReanalysisProduct:
    """Variable names in the files of a product; case is ignored when a file is read."""

    title: str  # Name of the product
    # Quantities near the surface and of the whole column, by variable; the usual name of a quantity first
    fields: Mapping[str, Quantity]
    levels: Mapping[str, Quantity] = field(default_factory=dict)  # Quantities on pressure levels, by variable
    servers: tuple[Server, ...] = ()  # Servers for downloads


AUTOMATIC = ("auto", "auto:levels")
"""Words in place of files that are fetched: fields of the surface, or also temperature and humidity on levels."""

PRODUCTS = (
    ReanalysisProduct(
        title="ECMWF: ERA5, ERA-Interim and forecasts",
        fields={
            "tcwv": WATER_VAPOUR, "t2m": AIR_TEMPERATURE, "2t": AIR_TEMPERATURE, "d2m": DEW_POINT, "2d": DEW_POINT,
            "sp": SURFACE_PRESSURE, "z": ELEVATION,  # geopotential, of the surface where it is not on levels
            "VAR_2T": AIR_TEMPERATURE, "VAR_2D": DEW_POINT,  # of NCAR
        },
        levels={"t": TEMPERATURE, "q": SPECIFIC_HUMIDITY, "r": RELATIVE_HUMIDITY},
        servers=(
            Server(name="era5", title="Climate Data Store (account)", module="cds"),
            Server(name="era5-ncar", title="NCAR (no account)", module="ncar"),
        ),
    ),
    ReanalysisProduct(
        title="ERA5 in ARCO's zarr store",
        fields={
            "total_column_water_vapour": WATER_VAPOUR, "2m_temperature": AIR_TEMPERATURE,
            "2m_dewpoint_temperature": DEW_POINT, "surface_pressure": SURFACE_PRESSURE,
            "geopotential_at_surface": ELEVATION,
        },
        levels={
            "temperature": TEMPERATURE, "specific_humidity": SPECIFIC_HUMIDITY, "relative_humidity": RELATIVE_HUMIDITY,
        },
        servers=(Server(name="era5-arco", title="Google's public cloud (no account)", module="arco"),),
    ),
    ReanalysisProduct(
        title="MERRA-2",
        fields={
            "TQV": WATER_VAPOUR, "T2M": AIR_TEMPERATURE, "QV2M": HUMIDITY_2M, "PS": SURFACE_PRESSURE,
            "PHIS": ELEVATION,
        },
        levels={"T": TEMPERATURE, "QV": SPECIFIC_HUMIDITY, "RH": RELATIVE_HUMIDITY},
        servers=(Server(name="merra2", title="NASA (account)", module="merra2"),),
    ),
    ReanalysisProduct(
        title="NCEP/NCAR R1",
        fields={"pr_wtr": WATER_VAPOUR},
        levels={"air": TEMPERATURE, "shum": SPECIFIC_HUMIDITY, "rhum": RELATIVE_HUMIDITY},
    ),
    ReanalysisProduct(
        title="NCEP GFS and CFS",
        fields={
            "pwat": WATER_VAPOUR, "2t": AIR_TEMPERATURE, "2sh": HUMIDITY_2M, "sp": SURFACE_PRESSURE, "orog": ELEVATION,
        },
        levels={"t": TEMPERATURE, "q": SPECIFIC_HUMIDITY, "r": RELATIVE_HUMIDITY},
    ),
)  # fmt: skip
"""The products whose files are read."""

VARIABLES: Mapping[str, Quantity] = MappingProxyType(
    {name.lower(): quantity for product in PRODUCTS for name, quantity in product.fields.items()}
)
"""Quantity of every known variable near the surface or of the whole column, by its name in lower case."""
ON_LEVELS: Mapping[str, Quantity] = MappingProxyType(
    {name.lower(): quantity for product in PRODUCTS for name, quantity in product.levels.items()}
)
"""Quantity of every known variable on pressure levels, by its name in lower case."""
SERVERS: Mapping[str, Server] = MappingProxyType(
    {server.name: server for product in PRODUCTS for server in product.servers}
)
"""The servers, by name."""


def variable_names(quantity: Quantity) -> str:
    """List the usual names of a quantity on one level in all products, for messages.

    Examples
    --------
    >>> variable_names(WATER_VAPOUR)
    'tcwv, total_column_water_vapour, TQV, pr_wtr or pwat'
    """
    usual = (next((name for name, one in product.fields.items() if one == quantity), None) for product in PRODUCTS)
    *others, last = dict.fromkeys(name for name in usual if name is not None)
    return f"{', '.join(others)} or {last}" if others else last
