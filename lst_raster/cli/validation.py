"""Commands that measure errors: `validate` and `evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lst_raster.cli import messages, options
from lst_raster.cli.command import Command, show

if TYPE_CHECKING:
    from lst_raster.physics.error_metrics import Agreement
    from lst_raster.validation.evaluate import Evaluation
    from lst_raster.validation.groups import Group
    from lst_raster.validation.matchups import Matchups
    from lst_raster.validation.validate import Validation

_METRICS = {"bias": "bias", "SD": "sd", "RMSE": "rmse", "median": "median", "robust SD": "robust_sd"}
_FEW = 3  # models listed by name
_MOST_GROUPS = 25  # groups of a title that are printed
_CONDITIONS = ("exact", "noisy", "exact-vapour", "noisy-vapour", "nothing")


@click.command(
    "validate", cls=Command,
    sections={
        "Rows of the table": (
            "sensor", "emissivity", "elevation", "latitude", "longitude", "column", "where", "utc", "profiles",
        ),
        "Stations and sites": (
            "stations", "broadband_emissivity", "utc_offset", "products", "site_radius", "max_site_deviation",
        ),
        "Methods": ("model", "tier", "air", "without"),
    },
)  # fmt: skip
@click.argument("matchups", metavar="MATCHUPS.csv", type=options.PATH)
@click.option("--sensor", default="", metavar="NAME", shell_complete=options.sensors,
    help="Sensor band of rows without one.")  # fmt: skip
@click.option("--emissivity", type=float, metavar="VALUE", help="Emissivity of rows without one.")
@click.option("--elevation", type=float, metavar="METRES", help="Elevation of rows without surface pressure.")
@click.option("--latitude", type=float, metavar="DEGREES", help="Latitude of rows without one.")
@click.option("--longitude", type=float, metavar="DEGREES", help="Longitude of rows without one.")
@click.option("--column", multiple=True, metavar="NAME=HEADER", help="Header of a column. Repeatable.")
@click.option("--where", multiple=True, metavar="HEADER=VALUE", help="Exclude other rows. Repeatable.")
@click.option("--utc", is_flag=True, help="Times without a time zone are UTC.")
@click.option("--profiles", type=options.PATH, metavar="FILE.nc", help="Atmospheric profiles, one for each row.")
@click.option("--stations", type=options.PATH, metavar="DIR", help="Files of SURFRAD, BSRN, ARM, FLUXNET or ICOS.")
@click.option("--broadband-emissivity", type=float, metavar="VALUE", help="For the longwave radiation of stations.")
@click.option("--utc-offset", type=float, metavar="HOURS", help="Local standard time minus UTC of FLUXNET tables.")
@click.option("--products", multiple=True, metavar="PRODUCTS",
    help="Products of lst-raster to compare at the sites: files, folders, patterns. Repeatable.")  # fmt: skip
@click.option("--site-radius", type=float, default=150.0, show_default=True, metavar="METRES",
    help="Of the pixels of --products whose deviation is that of the site; at most 5000.")  # fmt: skip
@click.option("--max-site-deviation", type=float, metavar="KELVIN", help="Exclude more heterogeneous sites.")
@click.option("--tier", type=click.Choice(["profile", "surface"]), help="[default: the best for the inputs]")
@click.option("--model", multiple=True, metavar="MODEL", shell_complete=options.models,
    help="Name or path, for its sensor band. Repeatable.")  # fmt: skip
@click.option("--air", type=click.Choice(["reanalysis", "given"]), default="reanalysis", show_default=True,
    help="Source of the atmospheric inputs, for their uncertainty; given: sounding or station.",
)  # fmt: skip
@click.option("--without", multiple=True, metavar="METHOD", help="Omit a method. Repeatable.")
@click.option("-o", "--output", type=options.PATH, metavar="DIR",
    help="Folder for rows.csv, statistics.json and scatter.png.")  # fmt: skip
@options.overwrite
@options.as_json
def validate(matchups: Path, output: Path | None, overwrite: bool, as_json: bool, **values: Any) -> None:
    r"""Compare retrievals and other products with in-situ temperatures: MATCHUPS.csv, one overpass per row.

    Columns: sensor, site, surface_type, time, brightness_temperature_K or radiance_W_m2_sr_um, emissivity,
    water_vapour_kg_m2, air_temperature_K, surface_pressure_hPa or elevation_m, insitu_lst_K, insitu_lst_uncertainty_K,
    excluded, usgs_lst_K, other_NAME_K, other_NAME_uncertainty_K. Missing water vapour and air temperature are those of
    the climatology in rows with latitude, longitude and time. docs/validate.md describes all columns.

    Examples
    --------
    lst-raster validate matchups.csv
    lst-raster validate matchups.csv --emissivity 0.99 --elevation 333 \
      -o .
    lst-raster validate matchups.csv --profiles soundings.nc --air given
    lst-raster validate towers.csv.gz --stations fluxnet --utc-offset -7 \
      --broadband-emissivity 0.98 --products 'out/*_LST.tif'
    """
    from lst_raster.inference.model import Model
    from lst_raster.validation.validate import validate as run
    from lst_raster.validation.validation_files import check_targets, write_validation

    if output is not None:
        check_targets(output, overwrite=overwrite)
    table = _read(matchups, values)
    models = [Model.load(model) for model in values["model"]]
    found, rows = run(table, models=models, tier=values["tier"], air=values["air"], without=values["without"])
    written = write_validation(found, table, rows, output) if output is not None else ()
    for note in found.notes:
        messages.note(note)
    files = {"files": written} if written else {}
    show({**found.as_dict(), **files}, [*report(found), *(["", *written] if written else [])], as_json)


def _read(path: Path, values: dict[str, Any]) -> Matchups:
    """Read the table, and fill in missing values from the stations, the profiles and the products."""
    from lst_raster.validation.matchups import read_matchups
    from lst_raster.validation.profiles import fill_from_profiles
    from lst_raster.validation.site_pixels import exclude_heterogeneous, fill_from_products
    from lst_raster.validation.stations.stations import Stations, fill_from_stations

    names = ("emissivity", "elevation", "latitude", "longitude", "broadband_emissivity", "utc_offset")
    table = read_matchups(
        path,
        columns=_pairs("--column", values["column"], "NAME=HEADER, such as insitu_lst_K=station_temperature"),
        defaults={name: values[name] for name in names if values[name] is not None},
        sensor=values["sensor"],
        utc=values["utc"],
        where=_pairs("--where", values["where"], "HEADER=VALUE, such as quality=0"),
    )
    table = fill_from_stations(table, Stations(values["stations"])) if values["stations"] else table
    table = fill_from_profiles(table, values["profiles"]) if values["profiles"] else table
    if values["products"]:
        from lst_raster.compositing.products import find_products, open_product

        products = [open_product(place) for place in find_products(values["products"])]
        table = fill_from_products(table, products, values["site_radius"])
    limit = values["max_site_deviation"]
    return table if limit is None else exclude_heterogeneous(table, limit)


def _pairs(option: str, texts: Iterable[str], form: str) -> dict[str, str]:
    """Values of an option of the form NAME=VALUE, by name."""
    pairs = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise click.UsageError(f"{option} {text}: write {form}")
        pairs[name] = value
    return pairs


def report(found: Validation) -> list[str]:
    """Lines of text with the results of a validation."""
    names = ", ".join(f"{name} ({count})" for name, count in found.models.items())
    models = names if len(found.models) <= _FEW else f"{len(found.models)} models"
    left_out = "; ".join(f"{count} {reason}" for reason, count in found.left_out.items())
    incomplete = ", ".join(f"{name} has {count}" for name, count in found.available.items() if count < found.compared)
    common = f"on the {found.common} rows that all methods have"
    width = max(len(name) for name in found.methods) + 2
    lines = [
        f"{found.table}: {found.compared} of {found.total} rows compared{f', by {models}' if models else ''}",
        *([f"not compared: {left_out}"] if left_out else []),
        f"{'retrieved' if models else 'product'} minus in-situ temperature [K]",
        f"{common} (of {found.compared}; {incomplete})" if incomplete else common,
        _header(width),
        *(f"{name:<{width}}{_metrics(agreement)}" for name, agreement in found.methods.items()),
        *_tables(found.groups),
    ]
    for name, groups in found.products.items():
        lines += ["", f"{name} minus in-situ temperature [K]", *_tables(groups)[1:]]
    return lines


def _tables(groups: Mapping[str, Mapping[str, Group]]) -> list[str]:
    """Tables of groups, those with one member left out, and those with many counted."""
    lines: list[str] = []
    for title, members in groups.items():
        if len(members) > _MOST_GROUPS:
            lines += ["", f"{len(members)} of {title}: --json, or statistics.json of --output"]
        elif len(members) > 1 or (title == "all" and members):
            lines += ["", *_groups(title, members)]
    return lines


def _groups(title: str, members: Mapping[str, Group]) -> list[str]:
    width = max(len(name) for name in (*members, "water vapour [kg m-2]")) + 2
    shown = {"all": "all compared rows", "water vapour": "water vapour [kg m-2]"}.get(title, title)
    of_point = any(group.expected > group.expected_of_point for group in members.values())
    titles = f"{'expected':>11}{'within [%]':>12}" + f"{'of a point':>12}{'within [%]':>12}" * of_point
    lines = [f"{_header(width, shown)}{titles}"]
    for name, group in members.items():
        line = f"{name:<{width}}{_metrics(group.agreement)}{_number(group.expected):>11}{_percent(group.coverage):>12}"
        point = f"{_number(group.expected_of_point):>12}{_percent(group.coverage_of_point):>12}"
        lines.append(line + point * of_point)
    return lines


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100.0 * fraction:.0f}"


def _header(width: int, first: str = "") -> str:
    return f"{first:<{width}}{'rows':>6}" + "".join(f"{title:>11}" for title in _METRICS) + f"{'outliers':>11}"


def _metrics(found: Agreement) -> str:
    values = (getattr(found, name) for name in _METRICS.values())
    return f"{found.count:6d}" + "".join(f"{_number(value):>11}" for value in values) + f"{found.outliers:11d}"


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"


@click.command("evaluate", cls=Command)
@click.argument("model", shell_complete=options.models)
@click.argument("simulated", type=options.PATH)
@click.option("--second", type=options.PATH, metavar="PATH",
    help="The same profiles simulated for the second band, for models of two bands.")  # fmt: skip
@click.option("--inputs", type=click.Choice(_CONDITIONS), default="exact", show_default=True,
    help="Accuracy of the inputs: exact, or with typical errors (--json lists their sizes); exact-vapour and "
    "noisy-vapour: air temperature of the climatology; nothing: water vapour too.",
)  # fmt: skip
@click.option("--per-profile", default=20, show_default=True, type=click.IntRange(min=1), help="Surfaces per profile.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the surfaces.")
@options.as_json
def evaluate(model: str, simulated: Path, second: Path | None, inputs: str, as_json: bool, **values: Any) -> None:
    """Evaluate MODEL (a shipped one by name, or a path) on the simulated set SIMULATED.

    The table lists root mean square, mean and mean absolute error in kelvin, over all samples and by class of water
    vapour [kg m-2], also of published methods on the same samples. Its last line is the fraction of the model's errors
    within the stated uncertainty (68 % is ideal).

    Examples
    --------
    lst-raster evaluate landsat8-b10/surface simulated/test.nc --inputs noisy
    lst-raster evaluate landsat8-b10/dual b10.nc --second b11.nc
    """
    from lst_raster.inference.model import Model
    from lst_raster.profiles.sampling import CONDITION_TITLES, conditions
    from lst_raster.profiles.simulated_set import read_simulated
    from lst_raster.validation.evaluate import evaluate as measure

    loaded, condition = Model.load(model), inputs.replace("-", " ")
    possible = conditions(loaded.contract.tier)
    if condition not in possible:
        raise click.UsageError(f"--inputs {inputs}: the tier {loaded.contract.tier} takes {', '.join(possible)}")
    result = measure(loaded, read_simulated(simulated, second), input_errors=possible[condition], **values)
    show({"inputs": inputs, **result.as_dict()}, _table(result, CONDITION_TITLES[condition]), as_json)


def _table(result: Evaluation, inputs: str) -> Iterator[str]:
    yield f"{result.model}: {result.profiles} profiles, {result.per_profile} surfaces each, {inputs}"
    classes = list(result.methods[result.model])
    width = max(len(name) for name in result.methods) + 2
    for key, label in (("rmse", "RMSE [K]"), ("bias", "bias [K]"), ("mae", "MAE [K]")):
        yield ""
        yield f"{label:<{width}}" + "".join(f"{name:>8}" for name in classes)
        for method, summaries in result.methods.items():
            yield f"{method:<{width}}" + "".join(f"{getattr(summaries[c], key):8.2f}" for c in classes)
    first = result.methods[result.model]
    fractions = ["-" if fraction is None else f"{100 * fraction:.0f}" for fraction in result.coverage.values()]
    yield ""
    yield f"{'samples':<{width}}" + "".join(f"{first[c].samples:8d}" for c in classes)
    yield f"{'within [%]':<{width}}" + "".join(f"{fraction:>8}" for fraction in fractions)
