"""What a composite is made of, as its metadata tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lst_raster import __version__
from lst_raster.engine.composite.products import COMPOSITE_TAG, SourceProduct
from lst_raster.engine.composite.season import Season
from lst_raster.engine.composite.stack import Stack
from lst_raster.engine.composite.statistics import Statistic

_ASSUMPTION = (
    "_UNC: all dates err together (upper bound); _UNC_IND: the errors of the dates are independent (lower bound)"
)


def provenance(
    products: Sequence[SourceProduct], stack: Stack, wanted: Sequence[Statistic], season: Season, min_count: int
) -> dict[str, str]:
    """Metadata of a composite: all that is needed to make it again, and no path of the machine it was made on.

    Parameters
    ----------
    products : sequence of SourceProduct
        The products, by date.
    stack : Stack
        The same on their grid.
    wanted : sequence of Statistic
        Statistics that were asked for.
    season : Season
        Dates that were asked for.
    min_count : int
        Number of dates that a pixel needs.

    Returns
    -------
    dict of str to str
        Metadata items.
    """
    dates = [str(product.date or "unknown") for product in products]
    known = sorted(date for date in dates if date != "unknown")
    titles = ", ".join(one.key for one in wanted)
    point = products[0].tags.get("AREA_OR_POINT")
    warped = sum(placed.offset is None for placed in stack.products)
    return {
        **({"AREA_OR_POINT": point} if point else {}),
        COMPOSITE_TAG: f"{titles} of {len(products)} products from {len(stack.overpasses)} overpasses",
        "lst_raster_version": __version__,
        "statistics": titles,
        "products": ", ".join(product.name for product in products),
        "product_versions": _each(product.tags["lst_raster_version"] for product in products),
        "sensors": _each(product.tags.get("sensor", "unknown") for product in products),
        "dates": ", ".join(dates),
        "first_date": known[0] if known else "unknown",
        "last_date": known[-1] if known else "unknown",
        "season": str(season),
        "pixels_taken": str(stack.rule),
        "min_count": str(min_count),
        "warped_products": f"{warped} of {len(products)}",
        **({"uncertainty_assumption": _ASSUMPTION} if stack.uncertainty else {}),
    }


def _each(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
