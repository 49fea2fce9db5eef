"""Rasters of a composite: file names and content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lst_raster.compositing.products import SourceProduct
from lst_raster.compositing.statistics import COMMON, INDEPENDENT, Statistic
from lst_raster.io.address import Location
from lst_raster.product.destination import product_location
from lst_raster.product.layers import Layer
from lst_raster.product.paths import STEP, OutputFormat

_UNCERTAINTIES = {
    COMMON: ("_UNC", "for fully correlated errors of the dates"),
    INDEPENDENT: ("_UNC_IND", "for independent errors of the dates"),
}  # suffix of the file and description
_COUNT = Statistic(name="count")


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A raster of a composite."""

    key: str  # of the values in the results
    path: Location
    layer: Layer
    is_statistic: bool = True  # False for uncertainties


def main_path(output: str | Location, products: Sequence[SourceProduct], first: Statistic) -> tuple[Location, str]:
    """Path of the raster of the first statistic, and the stem of the names of the others.

    The path is `output` if it ends in ``.tif``, else ``LST_<first day>_<last day>_<STATISTIC>.tif`` in that folder.
    """
    place = product_location(output)
    if place.suffix.lower() in (".tif", ".tiff") and not (isinstance(place, Path) and place.is_dir()):
        return place, place.stem
    days = sorted(str(product.date).replace("-", "") for product in products if product.date is not None)
    stem = "_".join(["LST", *dict.fromkeys([*days[:1], *days[-1:]])])
    name = f"{stem}{first.suffix}.tif"
    return place / name if isinstance(place, Path) else place.inside().with_name(name), stem


def plan_outputs(
    target: Location, stem: str, statistics: Sequence[Statistic], form: OutputFormat, *, uncertainty: bool
) -> list[Output]:
    """List the rasters of a composite: the statistics, the count, and the uncertainties of means.

    The first statistic goes to `target`; the names of the others begin with `stem`.
    """
    outputs: list[Output] = []
    for statistic in dict.fromkeys([*statistics, _COUNT]):
        path = target if not outputs else target.with_name(f"{stem}{statistic.suffix}.tif")
        outputs.append(Output(key=statistic.key, path=path, layer=_layer(statistic, form)))
        if uncertainty and statistic.is_mean:
            for kind, (suffix, assumption) in _UNCERTAINTIES.items():
                layer = _kelvin_layer(f"standard uncertainty of the {statistic.title.rstrip(',')}, {assumption}", form)
                raster = path.with_name(f"{path.stem}{suffix}.tif")
                outputs.append(Output(key=f"{statistic.key}_{kind}", path=raster, layer=layer, is_statistic=False))
    return outputs


def _layer(statistic: Statistic, form: OutputFormat) -> Layer:
    if statistic.name == "count":
        return Layer(description=statistic.title, dtype="uint16", nodata=None, resampling="nearest")
    if statistic.name == "deviation":
        return Layer(description=statistic.title, units="K")  # always float32: 0, nodata of integers, is a valid value
    return _kelvin_layer(statistic.title, form)


def _kelvin_layer(description: str, form: OutputFormat) -> Layer:
    if form.dtype == "uint16":
        return Layer(description=description, units="K", dtype="uint16", scale=STEP, nodata=0)
    return Layer(description=description, units="K")
