"""Synthetic files of stations in the formats of BSRN, ARM and FLUXNET."""

import gzip

import numpy as np


def write_bsrn_month(path, measured, *, basic=None, place=(136.815, 186.944, 491), zipped=False):
    """Write a station-to-archive file; `measured` is the upwelling irradiance by day and minute, None for no LR0300.

    `basic` are downwelling irradiance, air temperature and pressure by day and minute, by default 300, 15 and 958.
    """
    moments = sorted({*(measured or {}), *(basic or {})})
    lines = ["*U0001", " 21  6 2016  1", "*C0003", "remarks with", "a line of 12 numbers", "*U0004", " -1 -1 -1"]
    lines += [" 13  4", "an address", "+41 (0)58 4609444", "141.249.3.57"]
    lines += [" {:7.3f} {:7.3f} {:4d} 06610".format(*place)]
    lines += [" -1 -1 -1", "  53  2  54  2", "*U0100"]
    for day, minute in moments:
        down, air, pressure = (basic or {}).get((day, minute), (300, 15.0, 958))
        lines.append(f" {day:2d} {minute:4d}   {500:4d} {0.1:5.1f} {499:4d} {501:4d}   {-999:4d} -99.9 -999 -999")
        lines.append(
            f"           {1:4d} {0.2:5.1f} {-1:4d} {0:4d}   {down:4d} {0.3:5.1f} {347:4d} {349:4d}"
            f"    {air:5.1f} {100.5:5.1f} {pressure:4d}"
        )
    if measured is not None:
        lines.append("*C0300")
        for (day, minute), up in sorted(measured.items()):
            lines.append(
                f" {day:2d} {minute:4d}   {50:4d} {0.1:5.1f} {49:4d} {51:4d}   {up:4d} {0.4:5.1f} {363:4d} {365:4d}"
                "   -999 -99.9 -999 -999"
            )
    lines += ["*U0500", "  1    0   -99.9"]
    raw = ("\n".join(lines) + "\n").encode("latin-1")
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    return path


def write_arm_day(path, up, down, *, flags=None, down_name="down_long_hemisp_shaded", base=1546300800, place=True):
    """Write a netCDF file of a radiometer; `up` and `down` are irradiances by minute, `flags` the checks of `up`."""
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createVariable("base_time", "i4")[...] = base
        file.createVariable("time_offset", "f8", ("time",))[:] = 60.0 * np.arange(len(up))
        for name, values in (("up_long_hemisp", up), (down_name, down)):
            variable = file.createVariable(name, "f4", ("time",))
            variable.missing_value = np.float32(-9999.0)
            variable[:] = values
            checks = flags if name == "up_long_hemisp" and flags is not None else np.zeros(len(up))
            file.createVariable(f"qc_{name}", "i4", ("time",))[:] = checks
        if place:
            for name, value in (("lat", 36.605), ("lon", -97.485), ("alt", 318.0)):
                file.createVariable(name, "f4")[...] = value
    return path


def write_fluxnet(path, columns, *, start="2018-01-01T00:00", minutes=30, comments=()):
    """Write a table of half hours; `columns` are the values by title."""
    count = len(next(iter(columns.values())))
    begin = np.datetime64(start, "m") + minutes * np.arange(count)
    stamps = [["".join(filter(str.isdigit, str(time))) for time in times] for times in (begin, begin + minutes)]
    rows = zip(*stamps, *columns.values(), strict=True)
    lines = [*comments, ",".join(("TIMESTAMP_START", "TIMESTAMP_END", *columns))]
    path.write_text("\n".join([*lines, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path
