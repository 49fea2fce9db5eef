"""Make the preview of a product."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from lst_raster.errors import InputError, OutputError
from lst_raster.io.address import Address, location_of
from lst_raster.product.preview.view import Subject, View, find_subject, read_view
from lst_raster.product.sidecars import UNITS

Units: TypeAlias = Literal["C", "K"]
"""Unit of the temperatures that are shown."""

WIDTH = {False: 1000, True: 1400}
"""Rows and columns of the map at most, of a picture and of a page. [pixel]"""

_LEAST, _MOST = 100, 4000
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
    """Draw a product: a picture, or a page for a browser that needs nothing else.

    What is read are its overviews: time and memory do not grow with the product.

    Parameters
    ----------
    product : str or path
        Temperature of a product or a composite, its STAC item or its folder, or another raster of surface temperature.
    output : str or path, optional
        File to write, or an existing folder; by default ``NAME_preview.png`` (``.html``) beside the product.
    html : bool
        Whether a page is made: moved, enlarged and read with mouse or keys, with uncertainty and quality.
    units : {"C", "K"}
        Unit of the temperatures that are shown.
    width : int, optional
        Rows and columns of the map at most, 100 to 4000; a larger raster is made smaller by the mean of its pixels. By
        default 1000, of a page 1400. [pixel]
    overwrite : bool
        Whether a file that exists may be replaced.

    Returns
    -------
    path
        The file that was written.

    Raises
    ------
    InputNotFoundError
        There is no such product.
    InputError
        It is no raster of one band in kelvin, or damaged; or an argument is none of those above.
    GridMismatchError
        Its uncertainty or quality lies on another grid.
    OutputError
        The file exists, or cannot be written.
    """
    if units not in ("C", "K"):
        raise InputError(f"units {units!r} are not known; give C or K")
    longest = WIDTH[html] if width is None else width
    if not _LEAST <= longest <= _MOST:
        raise InputError(f"a width of {longest} pixels cannot be drawn; give one of {_LEAST} to {_MOST}")
    subject = find_subject(product)
    target = _target(subject, output, html=html, overwrite=overwrite)
    view = read_view(subject, longest)
    unit = UNITS["degC" if units == "C" else "K"]
    _write_page(view, target, unit) if html else _write_picture(view, target, unit)
    return target


def _target(subject: Subject, output: str | Path | None, *, html: bool, overwrite: bool) -> Path:
    """Path of the preview, refused before any work."""
    name = f"{subject.stem}_preview{_ENDINGS[html][0]}"
    if output is None and subject.lst.remote is not None:
        raise OutputError(f"{subject.lst} is on a server, and its preview cannot lie beside it; say where: -o {name}")
    place = subject.lst.disk.with_name(name) if output is None else location_of(output)
    if isinstance(place, Address):
        raise OutputError(f"cannot write {place}: previews are written to disk; give a file or a folder there")
    target = place / name if place.is_dir() else place
    if target.suffix.lower() not in _ENDINGS[html]:
        ending = " or ".join(_ENDINGS[html])
        hint = "; for a page add --html" if not html and target.suffix.lower() in _ENDINGS[True] else ""
        raise OutputError(f"cannot write {target}: the name must end in {ending}, or be that of a folder{hint}")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists and is kept; add --overwrite to replace it, or give another file")
    return target


def _write_picture(view: View, target: Path, unit: tuple[str, float]) -> None:
    from lst_raster.plots.colours import inferno
    from lst_raster.plots.map_sheet import Sheet, draw_sheet
    from lst_raster.plots.maps import save

    name, zero = unit
    pixel = view.pixel
    sheet = Sheet(
        values=view.kelvin - zero, doubtful=view.doubtful, title=view.title, subtitle=view.subtitle, unit=name,
        pixel=pixel[0] if pixel else None, north=view.north(),
    )  # fmt: skip
    save(draw_sheet(sheet, inferno()), target)


def _write_page(view: View, target: Path, unit: tuple[str, float]) -> None:
    from lst_raster.atomic_write import atomic_write
    from lst_raster.product.preview.page import page_of

    with atomic_write(target) as path:
        path.write_text(page_of(view, unit), encoding="utf-8")
