"""The files of a composite: their names, and what each holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lst_raster.compositing.products import SourceProduct
from lst_raster.compositing.statistics import COMMON, INDEPENDENT, Statistic
from lst_raster.io.address import Location
from lst_raster.product.destination import target_of
from lst_raster.product.layers import Layer
from lst_raster.product.paths import STEP, OutputForm

_TIFF = (".tif", ".tiff")
_KINDS = {
    COMMON: ("_UNC", "if all dates err together"),
    INDEPENDENT: ("_UNC_IND", "if the errors of the dates are independent"),
}
_COUNT = Statistic(name="count")


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A raster of a composite."""

    key: str
    """Name of its values among the results."""
    path: Location
    """File."""
    layer: Layer
    """What it holds."""
    is_statistic: bool = True
    """Whether it is a statistic that was asked for, or the count, and not an uncertainty."""


def main_path(output: str | Location, products: Sequence[SourceProduct], first: Statistic) -> tuple[Location, str]:
    """Path of the first statistic's raster, and how the names of all others begin.

    Parameters
    ----------
    output : str, path or Address
        A folder, which need not exist, or one of an object store, or the file itself, which ends in ``.tif``.
    products : sequence of SourceProduct
        The products, by date.
    first : Statistic
        The first statistic.

    Returns
    -------
    tuple of path or Address, and str
        `output` itself; in a folder ``LST_<first day>_<last day>_<STATISTIC>.tif``.
    """
    place = target_of(output)
    if place.suffix.lower() in _TIFF and not (isinstance(place, Path) and place.is_dir()):
        return place, place.stem
    days = sorted(str(product.date).replace("-", "") for product in products if product.date is not None)
    stem = "_".join(["LST", *dict.fromkeys([*days[:1], *days[-1:]])])
    name = f"{stem}{first.suffix}.tif"
    return place / name if isinstance(place, Path) else place.inside().with_name(name), stem


def plan_outputs(
    target: Location, stem: str, wanted: Sequence[Statistic], form: OutputForm, *, uncertainty: bool
) -> list[Output]:
    """Name the rasters of a composite.

    Parameters
    ----------
    target : path or Address
        Raster of the first statistic.
    stem : str
        How the names of the others begin.
    wanted : sequence of Statistic
        What was asked for; the count is added.
    form : OutputForm
        Type of temperatures and uncertainties.
    uncertainty : bool
        Whether means have uncertainties.

    Returns
    -------
    list of Output
        The first statistic first.
    """
    outputs: list[Output] = []
    for one in dict.fromkeys([*wanted, _COUNT]):
        path = target if not outputs else target.with_name(f"{stem}{one.suffix}.tif")
        outputs.append(Output(key=one.key, path=path, layer=_layer(one, form)))
        if uncertainty and one.is_mean:
            outputs += _uncertainties(one, path, form)
    return outputs


def _uncertainties(one: Statistic, path: Location, form: OutputForm) -> Iterator[Output]:
    for kind, (suffix, assumption) in _KINDS.items():
        layer = _kelvins(f"standard uncertainty of the {one.title.rstrip(',')}, {assumption}", form)
        beside = path.with_name(f"{path.stem}{suffix}.tif")
        yield Output(key=f"{one.key}_{kind}", path=beside, layer=layer, is_statistic=False)


def _layer(one: Statistic, form: OutputForm) -> Layer:
    if one.name == "count":
        return Layer(description=one.title, dtype="uint16", nodata=None, resampling="nearest")
    if one.name == "deviation":
        return Layer(description=one.title, units="K")  # 0 is a value, which integers could not hold
    return _kelvins(one.title, form)


def _kelvins(description: str, form: OutputForm) -> Layer:
    if form.dtype == "uint16":
        return Layer(description=description, units="K", dtype="uint16", scale=STEP, nodata=0)
    return Layer(description=description, units="K")
