"""Forms of the algorithms, which a test compares with the command line, and their arguments; without QGIS."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SAMPLING = 30.0  # greatest distance between samples of an extent [degrees of longitude]


@dataclass(frozen=True)
class Option:
    """An option of a form.

    Kinds are ``text``, ``list`` (texts separated by ``;``), ``number``, ``integer``, ``switch``, ``choice``,
    ``layer``, ``layers``, ``points``, ``polygons`` (vector layers), ``file``, ``files``, ``folder``, ``crs``,
    ``extent`` (a value of `bounding_box`) or ``words`` (arguments as in a shell).
    """

    name: str  # of the parameter in QGIS
    kind: str
    flag: str  # option of the command line; empty for an argument
    label: str  # with the unit
    help: str = ""
    default: Any = None  # that of the command line, which is not passed on
    choices: Sequence[str] = ()
    limits: Sequence[float] = ()  # minimum and maximum of a number
    advanced: bool = False  # hidden under Advanced Parameters
    optional: bool = True


@dataclass(frozen=True)
class Form:
    """The options of an algorithm in the order of the form, and their constraints."""

    options: Sequence[Option]
    one_of: Sequence[str] = ()  # parameters of which at least one is required
    not_together: Sequence[Sequence[str]] = ()  # groups of parameters that exclude each other

    def labels(self, names: Sequence[str]) -> str:
        """Labels of parameters."""
        found = {option.name: option.label for option in self.options}
        return " / ".join(f"'{found[name]}'" for name in names)

    def problem(self, values: Mapping[str, Any]) -> str:
        """Violated constraint, or an empty text."""
        given = [name for name, value in values.items() if value not in (None, "", [])]
        if self.one_of and not set(self.one_of) & set(given):
            return f"no input: give {self.labels(self.one_of)}"
        for group in self.not_together:
            if len(set(group) & set(given)) > 1:
                return f"give one of {self.labels(group)}, not several"
        return ""

    def arguments(self, values: Mapping[str, Any], *extra: str) -> list[str]:
        """Arguments of the command line: options that are not at their defaults, extra options, then arguments."""
        named, unnamed = [], []
        for option in self.options:
            value = values.get(option.name)
            if value in (None, "", []) or value == option.default:
                continue
            texts = _texts(option, value)
            if option.kind == "words":
                named += texts
            elif option.flag:
                named += [part for text in texts for part in ([option.flag, text] if text else [option.flag])]
            else:
                unnamed += texts
        return [*named, *extra, "--", *unnamed]


def address(source: str) -> str:
    """Convert the source of a layer to a path or a URL of the command line."""
    for prefix, scheme in (("/vsicurl/", ""), ("/vsis3/", "s3://")):
        if source.startswith(prefix):
            return scheme + source[len(prefix) :]
    return source


def vector_file(source: str) -> str:
    """Convert the source of a vector layer to a file and layer of the command line; empty if the layer has a filter."""
    path, *details = source.split("|")
    if any(detail.startswith("subset=") for detail in details):
        return ""
    return "|".join([path, *(detail for detail in details if detail.startswith("layername="))])


def bounding_box(points: Sequence[tuple[float, float]]) -> tuple[float, float, float, float] | None:
    """Smallest box around points: west, south, east, north.

    Parameters
    ----------
    points : sequence of (longitude, latitude)
        Samples of an area, at most 30 degrees of longitude apart; longitudes may be beyond 180. [degrees]

    Returns
    -------
    tuple or None
        West and east within -180 to 180; west is greater than east across the date line (RFC 7946, section 5.2). None
        if the box has no area. [degrees]
    """
    longitudes = sorted({longitude % 360.0 for longitude, _ in points})
    latitudes = [min(max(latitude, -90.0), 90.0) for _, latitude in points]
    if len(longitudes) < 2 or min(latitudes) == max(latitudes):
        return None
    following = [*longitudes[1:], longitudes[0] + 360.0]
    gap, first = max((later - longitude, later) for longitude, later in zip(longitudes, following))
    if gap <= _SAMPLING:  # points all around the globe
        return (-180.0, min(latitudes), 180.0, max(latitudes))
    west = (first + 180.0) % 360.0 - 180.0
    east = west + 360.0 - gap
    return (west, min(latitudes), east - 360.0 if east > 180.0 else east, max(latitudes))


def _texts(option: Option, value: Any) -> list[str]:
    """Texts of a value; an empty one for a switch."""
    if option.kind == "switch":
        return [""]
    if option.kind == "words":
        return shlex.split(value)
    if option.kind == "list":
        return [part.strip() for part in value.split(";") if part.strip()]
    if option.kind in ("files", "layers"):
        return [str(part) for part in value]
    if option.kind in ("number", "integer"):
        return [f"{value:.10g}"]
    if option.kind == "extent":
        return [",".join(f"{degrees:.8g}" for degrees in value)]
    return [str(value)]


_SCENE = (
    Option("LAYER", "layer", "", "Thermal band",
        "GeoTIFF of one thermal band of Landsat 4 to 9; metadata (MTL) and quality bands in its folder are used."),
    Option("SCENE", "file", "", "Whole product instead: archive, metadata file, folder or address",
        "A .zip, .tar or .tar.gz archive, an *_MTL.txt, .xml or .json file; a folder, or an https or s3 address "
        "may be entered."),
    Option("PRODUCT", "text", "", "Product identifier or address of a STAC item instead",
        "Such as LC09_L2SP_195025_20230707_20230709_02_T1, or L1TP; the program finds and reads the files."),
)  # fmt: skip
_BBOX = Option("BBOX", "extent", "--bbox", "Bounding box",
    "Only this part of a scene: extent of the map, of a layer, or drawn; converted to degrees. As a text: west, east, "
    "south, north and reference system, 10.1,10.5,47.9,48.2 [EPSG:4326] (without one: that of the project); across the "
    "date line with an east beyond 180. Empty: the whole scene.")  # fmt: skip
_EMISSIVITY = (
    Option("EMISSIVITY", "list", "--emissivity", "Emissivity: number or sources",
        "A number in (0, 1], or sources separated by ';', of which the first with a value is used: ndvi, quality, "
        "aster-ged:FOLDER, landcover:MAP, st-emis:PRODUCT, a raster. Empty: 0.97, or that of the Level-2 product."),
    Option("EMISSIVITY_RASTER", "layer", "--emissivity", "Emissivity: raster",
        "Where it has no value, the sources above are used.", advanced=True),
)  # fmt: skip
_ATMOSPHERE = (
    Option("WATER_VAPOUR", "text", "--water-vapour", "Column water vapour [kg m-2]",
        "1 kg m-2 is 1 mm of water. 21±2 adds the standard uncertainty, by default 5 %. Empty: from the reanalysis, or "
        "else a climatology, with a warning."),
    Option("AIR_TEMPERATURE", "text", "--air-temperature", "Air temperature at 2 m [K]",
        "Kelvin, or with a unit: 25C. 25C±2C adds the standard uncertainty, by default 1 K. Empty: from the "
        "reanalysis, or else a climatology."),
    Option("REANALYSIS", "files", "--reanalysis", "Reanalysis files",
        "NetCDF, GRIB or ZIP of a reanalysis at the scene's time: water vapour, or better temperature and humidity on "
        "pressure levels."),
    Option("DOWNLOAD_REANALYSIS", "choice", "--reanalysis", "Reanalysis to download for the scene",
        "auto: ERA5 of time and place; auto:levels: with pressure levels, which is better and larger. Without a "
        "connection the run goes on with the other inputs, with a warning. Empty: none.",
        choices=("auto", "auto:levels")),
    Option("SURFACE_PRESSURE", "number", "--surface-pressure", "Surface pressure [hPa]",
        "Not reduced to sea level. Empty: from the reanalysis, or else a climatology.",
        limits=(300.0, 1100.0), advanced=True),
    Option("AEROSOL", "text", "--aerosol", "Aerosol: absorption optical depth at 11 um",
        "About 0.1 in haze or desert dust; 0.1±0.05 adds the standard uncertainty. Empty: 0.02±0.015.",
        advanced=True),
    Option("AEROSOL_RASTER", "layer", "--aerosol", "Aerosol: raster", "Instead of a number.", advanced=True),
    Option("WATER_VAPOUR_RASTER", "layer", "--water-vapour", "Water vapour: raster [kg m-2]", "Instead of a number.",
        advanced=True),
    Option("AIR_TEMPERATURE_RASTER", "layer", "--air-temperature", "Air temperature: raster [K]",
        "Instead of a number.", advanced=True),
    Option("DEM", "layer", "--dem", "Elevation: raster [m]",
        "Reanalysis and climatology are adjusted to the surface elevation.", advanced=True),
    Option("ELEVATION", "number", "--dem", "Elevation: number [m]", "Instead of a raster.", limits=(-500.0, 9000.0),
        advanced=True),
    Option("ALIGN", "switch", "--align", "Warp rasters on another grid onto the scene's",
        "Otherwise a raster on another grid is an error.", default=False, advanced=True),
)  # fmt: skip
_CLOUDS = (
    Option("KEEP_CLOUDS", "switch", "--keep-clouds", "Keep clouds",
        "Otherwise clouds, their shadows and cirrus are masked, if the scene has a quality band.", default=False),
    Option("MASK_DILATION", "number", "--mask-dilation", "Distance around clouds to mask as well [m]", default=0.0,
        limits=(0.0, 5000.0), advanced=True),
)  # fmt: skip
_SCENE_DETAILS = (
    Option("BAND", "text", "--band", "Band of a product with several",
        "10 (default) or 11; 6_VCID_1 (low gain, default) or 6_VCID_2.", advanced=True),
    Option("BANDS", "choice", "--bands", "Thermal bands of Landsat 8 and 9 to use",
        "auto: both, unless a band is given or stray light is not corrected.", default="auto",
        choices=("auto", "both", "one"), advanced=True),
    Option("DATE", "text", "--date", "Date, if there are no metadata",
        "2015-01-17T16:20 (UTC), 2015-01-17 or 2015-01.", advanced=True),
    Option("SENSOR", "text", "--sensor", "Sensor band, if it is not in the file name or the metadata",
        "Such as landsat8-b10.", advanced=True),
    Option("QUANTITY", "choice", "--quantity", "Any raster: its at-sensor quantity",
        "Radiance [W m-2 sr-1 um-1] or brightness temperature [K] of the sensor band above, shipped or custom.",
        choices=("radiance", "brightness-temperature", "digital-numbers"), advanced=True),
    Option("LEVEL_2", "switch", "--level-2", "Level-2 product: use its atmosphere",
        "In place of the model; by default with its emissivity.", default=False, advanced=True),
    Option("DOWNWELLING", "choice", "--downwelling", "Level-2: downwelling radiance",
        "ST_DRAD times pi (corrected, default), or unchanged (usgs), which reproduces the temperature of the product.",
        choices=("corrected", "usgs"), advanced=True),
    Option("MODEL", "text", "--model", "Model",
        "Name of a shipped model, such as landsat8-b10/surface, or a path. Empty: the best for the inputs.",
        advanced=True),
)  # fmt: skip
_PRODUCT = (
    Option("LST_ONLY", "switch", "--lst-only", "Write the temperature only",
        "No uncertainty, quality band, style, picture and STAC item.", default=False, advanced=True),
    Option("UNCERTAINTY", "choice", "--uncertainty", "Uncertainty",
        "components: also its random, atmospheric, surface and systematic parts, for means over areas and dates.",
        default="total", choices=("total", "components"), advanced=True),
    Option("ANGLES", "switch", "--angles", "Write the angles of view and sun",
        "At every pixel, from the angle coefficient file of the scene, *_ANG.txt.", default=False, advanced=True),
    Option("DTYPE", "choice", "--dtype", "Data type", "uint16: hundredths of a kelvin, half the size.",
        default="float32", choices=("float32", "uint16"), advanced=True),
    Option("PRECISION", "choice", "--precision", "Precision",
        "rounded: float32 to 1/128 K, uncertainty to 1/64 K; full: as computed, three times the size.",
        default="rounded", choices=("rounded", "full"), advanced=True),
    Option("COMPRESS", "choice", "--compress", "Compression", "lerc_zstd: rounded to 0.01 K.", default="deflate",
        choices=("deflate", "zstd", "lzw", "lerc_zstd", "none"), advanced=True),
    Option("EXACT", "switch", "--exact", "Run the model at every pixel", "Not on a coarse grid.", default=False,
        advanced=True),
    Option("THREADS", "integer", "--threads", "Tiles processed in parallel", "Empty: as many as there are cores.",
        limits=(1, 1024), advanced=True),
)  # fmt: skip
_WORDS = Option(
    "OPTIONS", "words", "", "Further options of the command line",
    "As on the command line, for example --reanalysis era5.zarr.", advanced=True,
)  # fmt: skip
_RETRIEVAL = (*_EMISSIVITY, *_ATMOSPHERE, *_CLOUDS, *_SCENE_DETAILS, *_PRODUCT, _WORDS)
_EITHER = (
    ("WATER_VAPOUR", "WATER_VAPOUR_RASTER"), ("AIR_TEMPERATURE", "AIR_TEMPERATURE_RASTER"),
    ("AEROSOL", "AEROSOL_RASTER"), ("DEM", "ELEVATION"), ("REANALYSIS", "DOWNLOAD_REANALYSIS"),
)  # fmt: skip
_INPUTS = tuple(option.name for option in _SCENE)

RETRIEVE = Form(options=(*_SCENE, _BBOX, *_RETRIEVAL), one_of=_INPUTS, not_together=(_INPUTS, *_EITHER))
BATCH = Form(
    options=(
        Option("SCENES", "files", "", "Scenes",
            "Thermal bands, archives, metadata files; lists of scenes: table (.csv), text file (.txt), STAC (.json)."),
        Option("FOLDER", "folder", "", "Folder of scenes"),
        _BBOX,
        *_RETRIEVAL,
        Option("WORKERS", "integer", "--workers", "Scenes processed in parallel",
            "Each uses one core. Empty: one scene at a time, on all cores.", limits=(1, 256)),
        Option("OVERWRITE", "switch", "--overwrite", "Replace existing products",
            "Otherwise a complete product of the same inputs is kept, and any other is an error.", default=False),
    ),
    one_of=("SCENES", "FOLDER"),
    not_together=_EITHER,
)  # fmt: skip
COMPARE = Form(
    options=(
        Option("A", "layer", "", "Surface temperature A", optional=False),
        Option("B", "layer", "", "Surface temperature B",
            "The result is A minus B, over the pixels with a value in both. May be a USGS ST_B10 or ST_B6.",
            optional=False),
        Option("MASK", "layer", "--mask", "Quality band",
            "Masks clouds, shadows and fill: QA_PIXEL, BQA, or *_LST_QA.tif of a product."),
        Option("ALIGN", "switch", "--align", "Warp B and the quality band onto the grid of A",
            "Otherwise another grid is an error.", default=False),
    )
)  # fmt: skip
_PRODUCTS = Option("PRODUCTS", "layers", "", "Products", "Surface temperatures (*_LST.tif) made by lst-raster.",
    optional=False)  # fmt: skip
_DATES = (
    Option("FROM", "text", "--from", "First day", "2015-06-01, 2015-06 or 2015."),
    Option("TO", "text", "--to", "Last day", "In the same form."),
    Option("MONTHS", "text", "--months", "Months of the year", "6,7,8 or 6-8 or 12-2."),
)  # fmt: skip
_PIXELS = (
    Option("EXCLUDE", "list", "--exclude", "Pixels to omit",
        "Flags of the quality band, separated by ';': water; cloud_distance=near.", advanced=True),
    Option("MAX_UNCERTAINTY", "number", "--max-uncertainty", "Maximum uncertainty [K]",
        "Pixels of a higher uncertainty are omitted.", limits=(0.0, 1000.0), advanced=True),
)  # fmt: skip
_NAMES = Option("ID", "text", "--id", "Column with the names",
    "Unique for every feature. Empty: id or name, or the number of the feature.")  # fmt: skip
COMPOSITE = Form(
    options=(
        _PRODUCTS,
        Option("STATISTIC", "choice", "--statistic", "Statistic of each pixel over time",
            "weighted-mean: weighted by the uncertainties of the products.", default="median",
            choices=("median", "mean", "weighted-mean", "minimum", "maximum", "deviation", "percentile", "count")),
        Option("PERCENTILE", "number", "--percentile", "Percentile, if that is the statistic", limits=(0.0, 100.0)),
        *_DATES,
        Option("ALIGN", "switch", "--align", "Warp products whose pixels are not aligned",
            "Otherwise such products are an error.", default=False),
        Option("CRS", "crs", "--crs", "Coordinate reference system", "Empty: that of the products.", advanced=True),
        Option("GRID", "choice", "--grid", "Extent", "Union or intersection of all products.",
            choices=("union", "intersection"), default="union", advanced=True),
        *_PIXELS,
        Option("MIN_COUNT", "integer", "--min-count", "Minimum number of dates", default=1, limits=(1, 100000),
            advanced=True),
        _WORDS,
    )
)  # fmt: skip
ZONES = Form(
    options=(
        _PRODUCTS,
        Option("ZONES", "polygons", "", "Zones", "Polygons of a saved layer.", optional=False),
        _NAMES,
        Option("PERCENTILE", "list", "--percentile", "Percentiles, separated by ';'", "0 to 100."),
        Option("REFERENCE", "text", "--reference", "Name of the reference zone",
            "Every zone gets the difference of its mean from that of this zone, with uncertainty."),
        *_DATES, *_PIXELS, _WORDS,
    )
)  # fmt: skip
SERIES = Form(
    options=(
        _PRODUCTS,
        Option("POINTS", "points", "--points", "Points", "Points of a saved layer."),
        Option("TABLE", "file", "--points", "Table of points instead", "CSV with longitude and latitude in degrees."),
        Option("ZONES", "polygons", "--zones", "Zones instead", "Polygons of a saved layer: series of their means."),
        _NAMES, *_DATES, *_PIXELS, _WORDS,
    ),
    one_of=("POINTS", "TABLE", "ZONES"),
    not_together=(("POINTS", "TABLE", "ZONES"),),
)  # fmt: skip
