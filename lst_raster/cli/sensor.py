"""The `sensor` commands: sensor bands, shipped and custom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lst_raster.cli import command as written
from lst_raster.cli import options
from lst_raster.cli.command import Command
from lst_raster.inference.model import custom_models, shipped_models
from lst_raster.resources import user_path
from lst_raster.sensors.bands import response_path, sensor_band
from lst_raster.sensors.custom import SIMULATED
from lst_raster.sensors.response import half_limits, load_response


def describe_sensor(name: str) -> dict[str, Any]:
    """Tell what is known of a sensor band.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    dict
        By name, ready for JSON; keys end in their unit. None for what there is not.

    Raises
    ------
    UnknownSensorError, ConfigError
        As `sensor_band`.
    """
    band, response = sensor_band(name), load_response(name)
    path, simulated = response_path(name), user_path("sensors", band.name, SIMULATED)
    models = [name.partition("/") for name in (custom_models() if band.is_custom else shipped_models())]
    return {
        "name": band.name,
        "kind": "own" if band.is_custom else "shipped",
        "title": band.title,
        "wavelength_um": band.wavelength,
        "half_power_um": [round(limit, 3) for limit in half_limits(response)],
        "response_points": int(response.value.size),
        "noise_K": band.noise,
        "calibration_uncertainty_K": band.calibration_uncertainty,
        "gain": band.gain or None,
        "radiance_offset": band.radiance_offset if band.gain else None,
        "years": [band.first_year, band.last_year],
        "folder": str(path.parent),
        "simulated_set": str(simulated) if simulated.is_file() else None,
        "models": [tier for sensor, _, tier in models if sensor == band.name],
    }


@click.group()
def sensor() -> None:
    """Sensor bands: list and show those there are, define new ones from a spectral response, remove them."""


@sensor.command(
    "new",
    cls=Command,
    examples="""
    lst-raster sensor new my-band --response response.csv
""",
)
@click.argument("name")
@click.option(
    "--response", required=True, type=click.Path(path_type=Path), metavar="FILE.csv",
    help="Two columns: wavelength or wavenumber, and relative response.",
)  # fmt: skip
@click.option("--unit", type=click.Choice(["um", "nm", "cm-1"]), help="Of the first column, where no header tells it.")
@click.option("--title", metavar="TEXT", help="Name for people, such as 'ASTER band 13'. [default: NAME]")
@click.option("--noise", type=float, default=0.1, show_default=True, metavar="KELVIN", help="Of a pixel, at 300 K.")
@click.option(
    "--calibration", type=float, default=0.5, show_default=True, metavar="KELVIN",
    help="Standard uncertainty of the calibration, at 300 K.",
)  # fmt: skip
@click.option("--gain", type=float, default=0.0, metavar="NUMBER", help="Radiance of one digital number.")
@click.option("--offset", type=float, default=0.0, metavar="NUMBER", help="Radiance of the digital number 0.")
@click.option(
    "--years", type=int, nargs=2, default=(2000, 2029), show_default=True, metavar="FIRST LAST",
    help="Of operation: the minor gases of these are trained with.",
)  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Instead of your own data folder.")
@click.option("--overwrite", is_flag=True, help="Replace a definition of that name, and what was made with it.")
@options.as_json
def new(
    name: str, response: Path, unit: str | None, title: str | None, noise: float, calibration: float, gain: float,
    offset: float, years: tuple[int, int], folder: Path | None, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Define the sensor band NAME from its spectral response.

    The response must lie within 10.0 to 13.15 um but for 1 %: the simulator covers no more. After that NAME can be
    given wherever a sensor can, first to lst-raster simulate. Definitions lie in your own data folder: LST_RASTER_DATA,
    or where your system keeps such data.
    """
    from lst_raster.sensors.custom import SensorFacts, define_sensor
    from lst_raster.sensors.response import read_response

    facts = SensorFacts(
        title=title, noise=noise, calibration_uncertainty=calibration, gain=gain, radiance_offset=offset,
        first_year=years[0], last_year=years[1],
    )  # fmt: skip
    found = read_response(response, unit)
    target = define_sensor(name, found, facts, folder=folder, overwrite=overwrite)
    told = {
        "name": target.name, "folder": str(target), "points": found.points,
        "half_power_um": [round(limit, 3) for limit in found.limits], "left_out_percent": round(100 * found.outside, 2),
        "warnings": list(found.warnings),
    }  # fmt: skip
    written.show(told, _defined(told, elsewhere=folder), as_json)


def _defined(told: dict[str, Any], *, elsewhere: Path | None) -> list[str]:
    low, high = told["half_power_um"]
    lines = [f"{told['name']}: {low:.2f} to {high:.2f} um at half its peak, {told['points']} points", told["folder"]]
    if elsewhere is not None:
        lines.append(f"other commands find it with LST_RASTER_DATA={elsewhere}")
    return [*lines, f"next: lst-raster simulate --sensor {told['name']}"]


@sensor.command(
    "list",
    cls=Command,
    examples="""
    lst-raster sensor list
""",
)
@options.as_json
def list_(as_json: bool) -> None:
    """List the sensor bands that come with the package and your own, with the models there are for each."""
    from lst_raster.sensors.bands import custom_sensor_names, sensor_names

    found = [describe_sensor(name) for name in (*sensor_names(), *custom_sensor_names())]
    width = max(len(one["name"]) for one in found) + 2
    lines = [
        f"{one['name']:<{width}}{one['kind']:<9}{one['wavelength_um']:6.2f} um  {one['title']}, "
        f"models: {', '.join(one['models']) or 'no model'}"
        for one in found
    ]
    written.show(found, lines, as_json)


@sensor.command(
    "show",
    cls=Command,
    examples="""
    lst-raster sensor show landsat8-b10
""",
)
@click.argument("name")
@options.as_json
def show(name: str, as_json: bool) -> None:
    """Tell what is known of the sensor band NAME, where it is defined, and what was made with it."""
    found = describe_sensor(name)
    lines = []
    for key, value in found.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        lines.append(f"{key.replace('_', ' ')}: {'none' if text in (None, '') else text}")
    written.show(found, lines, as_json)


@sensor.command(
    "remove",
    cls=Command,
    examples="""
    lst-raster sensor remove my-band
""",
)
@click.argument("name")
@click.option("--models", is_flag=True, help="Remove the models that were trained for it, too.")
@options.as_json
def remove(name: str, models: bool, as_json: bool) -> None:
    """Remove the sensor band NAME of your own, with what was simulated for it."""
    from lst_raster.sensors.custom import remove_sensor

    removed = list(remove_sensor(name, models=models))
    written.show({"removed": removed}, [f"removed {folder}" for folder in removed], as_json)
