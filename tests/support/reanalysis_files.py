"""Synthetic reanalysis files: one known field, in all common layouts."""

import warnings

import numpy as np
import xarray as xr

from lst_raster.inputs.reanalysis.read import read_request
from lst_raster.inputs.reanalysis.request import Request

TIMES = np.array(["2015-07-19T15:00", "2015-07-19T16:00", "2015-07-19T17:00"], "datetime64[s]")
UNITS = {
    "tcwv": "kg m**-2", "TQV": "kg m-2", "pr_wtr": "kg/m^2", "t2m": "K", "T2M": "K", "sp": "Pa", "PS": "Pa",
    "z": "m**2 s**-2", "PHIS": "m+2 s-2",
    "d2m": "K", "QV2M": "kg kg-1",
}  # fmt: skip

ARCO_UNITS = {
    "total_column_water_vapour": "kg m**-2", "2m_temperature": "K", "surface_pressure": "Pa",
    "geopotential_at_surface": "m**2 s**-2", "temperature": "K", "specific_humidity": "kg kg**-1",
    "2m_dewpoint_temperature": "K",
}  # fmt: skip
LEVEL_UNITS = {
    "t": "K", "q": "kg kg**-1", "r": "%", "T": "K", "QV": "kg kg-1", "RH": "1", "air": "degK", "shum": "kg/kg",
    "rhum": "%",
}  # fmt: skip


def read_reanalysis(path, when=None):
    """Read the fields near the surface and of the whole column."""
    return read_request(path, Request(when=when))


def write_reanalysis(
    path, variables, *, latitude, longitude, times=TIMES, names=("valid_time", "latitude", "longitude"), packed=False,
    epoch="1900-01-01", engine="h5netcdf", units=None, fill=np.nan,
):  # fmt: skip
    """Write variables of shape (time, latitude, longitude), in the units of the files, as netCDF; returns the path."""
    time, north, east = names
    dataset = xr.Dataset(
        {
            name: ((time, north, east), np.asarray(values, "f8"), {"units": (units or UNITS)[name]})
            for name, values in variables.items()
        },
        coords={
            time: (time, np.asarray(times).astype("datetime64[ns]")),
            north: (north, np.asarray(latitude, "f4"), {"units": "degrees_north"}),
            east: (east, np.asarray(longitude, "f4"), {"units": "degrees_east"}),
        },
    )
    encoding = {time: {"units": f"hours since {epoch}", "dtype": "f8"}}
    for name, values in variables.items():
        low, high = float(np.min(values)), float(np.max(values))
        scale = (high - low) / 65000 or 1.0
        packing = {"dtype": "i2", "scale_factor": scale, "add_offset": (low + high) / 2, "_FillValue": -32767}
        encoding[name] = packing if packed else {"dtype": "f4", "_FillValue": np.float32(fill)}
    dataset.to_netcdf(path, engine=engine, encoding=encoding, format="NETCDF3_64BIT" if engine == "scipy" else None)
    return path


def write_store(
    path, variables, *, latitude, longitude, times=TIMES, zarr_format=2, static=(), chunks=None, units=None, levels=None
):
    """Write variables to a zarr store in the layout of ARCO; `levels` for those with four dimensions."""
    dims = {4: ("time", "level", "latitude", "longitude"), 3: ("time", "latitude", "longitude")}
    units = UNITS | ARCO_UNITS | (units or {})
    dataset = xr.Dataset(
        {
            name: (
                ("latitude", "longitude") if name in static else dims[np.ndim(values)],
                np.asarray(values, "f4"),
                {"units": units[name]},
            )
            for name, values in variables.items()
        },
        coords={
            "time": np.asarray(times).astype("datetime64[ns]"),
            "latitude": np.asarray(latitude, "f4"),
            "longitude": np.asarray(longitude, "f4"),
            **({} if levels is None else {"level": np.asarray(levels, "i8")}),
        },
    )
    size = tuple(1 if name == "time" else length for name, length in dataset.sizes.items())
    sizes = dict(zip(dataset.sizes, size, strict=True)) | (chunks or {})
    encoding = {
        name: {"chunks": tuple(sizes[dim] for dim in variable.dims)} for name, variable in dataset.data_vars.items()
    }
    encoding["time"] = {"units": "hours since 1900-01-01", "dtype": "i8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # consolidated metadata are not part of the Zarr 3 specification
        dataset.to_zarr(path, zarr_format=zarr_format, encoding=encoding, consolidated=True)
    return path


def write_levels(path, variables, *, latitude, longitude, levels, level=("pressure_level", "hPa"), times=TIMES):
    """Write variables of shape (time, level, latitude, longitude) as netCDF; `level` is name and unit of the axis."""
    name, units = level
    dims = ("time", name, "latitude", "longitude")
    dataset = xr.Dataset(
        {key: (dims, np.asarray(values, "f4"), {"units": LEVEL_UNITS[key]}) for key, values in variables.items()},
        coords={
            "time": np.asarray(times).astype("datetime64[ns]"),
            name: (name, np.asarray(levels, float), {"units": units} if units else {}),
            "latitude": ("latitude", np.asarray(latitude, "f4"), {"units": "degrees_north"}),
            "longitude": ("longitude", np.asarray(longitude, "f4"), {"units": "degrees_east"}),
        },
    )
    dataset.to_netcdf(path, engine="h5netcdf", encoding={key: {"_FillValue": np.float32(1e15)} for key in variables})
    return path
