"""Daily netCDF files of radiometers of the Atmospheric Radiation Measurement (ARM) programme."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from lst_raster.reading import open_netcdf, reading
from lst_raster.validation.stations.records import StationFile, StationRecords

_NAME = re.compile(r"([a-z]{3})[a-z0-9]+?([A-Z]\d+)\.[a-z]\d\.(\d{8})\.\d{6}(?:\.\w+)*\.(?:nc|cdf)")
_MISSING = -9990.0  # and below
_VARIABLES = {  # alternatives: sirs, brs, gndrad, skyrad and sebs; early qcrad
    "upwelling": ("up_long_hemisp", "up_long"),
    "downwelling": ("down_long_hemisp_shaded", "down_long_hemisp", "down_long_hemisp_shaded1", "down_long"),
}


def arm_files(paths: Iterable[Path]) -> Iterator[StationFile]:
    """Daily files among others, by ARM's names, such as ``sgpsirsE13.b1.20190101.000000.cdf``.

    The name of the station is that of the site and the facility, ``sgpE13``.
    """
    for path in paths:
        found = _NAME.fullmatch(path.name)
        if found is None:
            continue
        with suppress(ValueError):
            day = datetime.datetime.strptime(found[3], "%Y%m%d").date()
            names = ((found[1] + found[2]).lower(),)
            yield StationFile(path=path, network="ARM", names=names, first=day, last=day, read=read_arm)


def read_arm(path: Path) -> StationRecords:
    """Read the longwave irradiances whose quality check ``qc_...`` is 0.

    An irradiance is missing where the file does not have it. Raises InputError where the file is damaged or has no
    time or place.

    References
    ----------
    ARM Standards Committee, ARM Data File Standards, version 1.3, DOE/SC-ARM-15-004 (2020)
    """
    remedy = "download it again"
    with (
        open_netcdf(path, path.name, decode_times=False) as dataset,
        reading(f"{path.name} is not a file of ARM radiometers, or damaged", remedy),
    ):
        seconds = float(dataset["base_time"]) + dataset["time_offset"].values.astype(np.float64)
        place = {
            name: float(np.ravel(dataset[short].values)[0])
            for name, short in (("latitude", "lat"), ("longitude", "lon"), ("elevation", "alt"))
        }
        values = {}
        for quantity, names in _VARIABLES.items():
            name = next((name for name in names if name in dataset and dataset[name].shape == seconds.shape), None)
            if name is not None:
                numbers = dataset[name].values.astype(np.float64)
                quality = dataset[f"qc_{name}"].values if f"qc_{name}" in dataset else np.zeros(numbers.shape)
                values[quantity] = np.where((quality == 0) & (numbers > _MISSING), numbers, np.nan)
    return StationRecords(**place, seconds=seconds, values=values)
