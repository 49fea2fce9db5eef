"""Writing of previews."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from lst_raster.atomic_write import atomic_write
from lst_raster.errors import InputError, OutputError
from lst_raster.io.address import Address, location_of
from lst_raster.product.preview.view import PreviewFiles, View, find_preview_files, read_view
from lst_raster.product.sidecars import UNITS

Units: TypeAlias = Literal["C", "K"]
"""Unit of the displayed temperatures."""

_WIDTH = {False: 1000, True: 1400}  # [pixel] of the map at most, of a picture and of a page
_LEAST, _MOST = 100, 4000  # [pixel]
_ENDINGS = {False: (".png",), True: (".html", ".htm")}


def preview(
    product: str | Path,
    output: str | Path | None = None,
    *,
    html: bool = False,
    units: Units = "C",
    width: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw a product as a picture or as an interactive page in one file.

    Only overviews are read: time and memory do not grow with the product.

    Parameters
    ----------
    product : str or path
        Temperature of a product or a composite, its STAC item or its folder, or another raster of surface temperature.
    output : str or path, optional
        File to write, or an existing folder; by default ``NAME_preview.png`` (``.html``) next to the product.
    html : bool
        Write a page with pan, zoom, values, uncertainty and quality instead of a picture.
    units : {"C", "K"}
        Unit of the displayed temperatures.
    width : int, optional
        Largest number of rows and columns of the map, 100 to 4000; larger rasters are averaged. Default: 1000 for a
        picture, 1400 for a page. [pixel]
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    path
        The written file.

    Raises
    ------
    InputNotFoundError
        The product does not exist.
    InputError
        The product is not a raster of one band in kelvin, or is damaged; or an argument is invalid.
    GridMismatchError
        Uncertainty or quality have another grid than the temperature.
    OutputError
        The file exists or cannot be written.
    MissingExtraError
        matplotlib is not installed, which a picture needs.
    """
    if units not in ("C", "K"):
        raise InputError(f"units {units!r} are not supported; give C or K")
    longest = _WIDTH[html] if width is None else width
    if not _LEAST <= longest <= _MOST:
        raise InputError(f"a width of {longest} pixels is not supported; give one of {_LEAST} to {_MOST}")
    if not html:
        from lst_raster.plots.charts import require_matplotlib

        require_matplotlib()
    files = find_preview_files(product)
    target = _target(files, output, html=html, overwrite=overwrite)
    view, unit = read_view(files, longest), UNITS["degC" if units == "C" else "K"]
    if not html:
        _write_picture(view, target, unit)
        return target
    from lst_raster.product.preview.page import page_of

    with atomic_write(target) as path:
        path.write_text(page_of(view, unit), encoding="utf-8")
    return target


def _target(files: PreviewFiles, output: str | Path | None, *, html: bool, overwrite: bool) -> Path:
    """Path of the preview; raises OutputError where it cannot be written."""
    name = f"{files.stem}_preview{_ENDINGS[html][0]}"
    if output is None and files.lst.remote is not None:
        raise OutputError(f"{files.lst} is on a server, where no preview can be written; give a local file: -o {name}")
    place = files.lst.disk.with_name(name) if output is None else location_of(output)
    if isinstance(place, Address):
        raise OutputError(f"cannot write {place}: previews are written to disk; give a local file or folder")
    target = place / name if place.is_dir() else place
    if target.suffix.lower() not in _ENDINGS[html]:
        hint = "; for a page add --html" if not html and target.suffix.lower() in _ENDINGS[True] else ""
        raise OutputError(f"cannot write {target}: the name must end in {' or '.join(_ENDINGS[html])}{hint}")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another file")
    return target


def _write_picture(view: View, target: Path, unit: tuple[str, float]) -> None:
    from lst_raster.plots.canvas import cloud_free_limits
    from lst_raster.plots.charts import MapSheet, draw_map_sheet, save_figure
    from lst_raster.plots.colours import inferno

    name, zero = unit
    values = view.kelvin - zero
    sheet = MapSheet(
        values=values,
        table=inferno(),
        limits=cloud_free_limits(values, view.cloudy),
        unit=name,
        title=view.title,
        subtitle=view.subtitle,
        cloudy=view.cloudy,
        pixel=view.pixel[0] if view.pixel else None,
        north=view.north(),
        notes=() if view.bits is not None else ("no quality band: clouds are not hatched",),
    )
    save_figure(draw_map_sheet(sheet), target)
