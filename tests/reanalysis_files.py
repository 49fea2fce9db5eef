"""Reanalysis files made for tests: one known field, in every layout that is met."""

import numpy as np
import xarray as xr

TIMES = np.array(["2015-07-19T15:00", "2015-07-19T16:00", "2015-07-19T17:00"], "datetime64[s]")
UNITS = {
    "tcwv": "kg m**-2", "TQV": "kg m-2", "pr_wtr": "kg/m^2", "t2m": "K", "T2M": "K", "sp": "Pa", "PS": "Pa",
    "z": "m**2 s**-2", "PHIS": "m+2 s-2",
}  # fmt: skip


def write_reanalysis(
    path, variables, *, latitude, longitude, times=TIMES, names=("valid_time", "latitude", "longitude"), packed=False,
    epoch="1900-01-01", engine="h5netcdf", units=None,
):  # fmt: skip
    """Write variables of shape (time, latitude, longitude), in the files' own units, as netCDF; returns the path."""
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
        encoding[name] = packing if packed else {"dtype": "f4"}
    dataset.to_netcdf(path, engine=engine, encoding=encoding, format="NETCDF3_64BIT" if engine == "scipy" else None)
    return path
