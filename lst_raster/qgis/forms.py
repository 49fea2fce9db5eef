"""The forms of the algorithms: what each asks for. A test holds them against the command line."""

from __future__ import annotations

from .options import Form, Option

_SCENE = (
    Option(
        name="LAYER", kind="layer", label="Thermal band",
        help="GeoTIFF of one thermal band of Landsat 4 to 9; metadata (MTL) and quality bands beside it are used.",
    ),
    Option(
        name="SCENE", kind="file", label="Whole product instead: archive, metadata file, folder or address",
        help="A .zip, .tar or .tar.gz archive, an *_MTL.txt, .xml or .json file; a folder, or an https or s3 address, "
        "can be typed in.",
    ),
)  # fmt: skip
_EMISSIVITY = (
    Option(
        name="EMISSIVITY", kind="list", flag="--emissivity", label="Emissivity: number or sources",
        help="A number in (0, 1], or sources parted by ';', of which the first that has a value counts: ndvi, quality, "
        "aster-ged:FOLDER, landcover:MAP, st-emis:PRODUCT, a raster. Empty: 0.97, or that of the Level-2 product.",
    ),
    Option(
        name="EMISSIVITY_RASTER", kind="layer", flag="--emissivity", label="Emissivity: raster",
        help="Where it has no value, the sources above count.", advanced=True,
    ),
)  # fmt: skip
_AIR = (
    Option(
        name="WATER_VAPOUR", kind="number", flag="--water-vapour", label="Water vapour of the air column [kg m-2]",
        help="1 kg m-2 is 1 mm of water. Empty: from the reanalysis, or else a standard atmosphere, with a warning.",
        limits=(0.0, 100.0),
    ),
    Option(
        name="AIR_TEMPERATURE", kind="number", flag="--air-temperature", label="Air temperature at 2 m [K]",
        help="Kelvin: degrees Celsius and 273.15. Empty: from the reanalysis, or else a standard atmosphere.",
        limits=(180.0, 340.0),
    ),
    Option(
        name="REANALYSIS", kind="files", flag="--reanalysis", label="Reanalysis files",
        help="netCDF, GRIB or ZIP of a reanalysis for the scene's time: water vapour, or better temperature "
        "and humidity on levels of pressure.",
    ),
    Option(
        name="SURFACE_PRESSURE", kind="number", flag="--surface-pressure", label="Air pressure at the ground [hPa]",
        help="Not reduced to sea level. Empty: from the reanalysis, or else a standard atmosphere.",
        limits=(300.0, 1100.0), advanced=True,
    ),
    Option(
        name="WATER_VAPOUR_RASTER", kind="layer", flag="--water-vapour", label="Water vapour: raster [kg m-2]",
        help="Instead of a number.", advanced=True,
    ),
    Option(
        name="AIR_TEMPERATURE_RASTER", kind="layer", flag="--air-temperature", label="Air temperature: raster [K]",
        help="Instead of a number.", advanced=True,
    ),
    Option(
        name="DEM", kind="layer", flag="--dem", label="Elevation: raster [m]",
        help="Reanalysis and standard atmosphere are brought to the elevation of the ground.", advanced=True,
    ),
    Option(
        name="ELEVATION", kind="number", flag="--dem", label="Elevation: number [m]",
        help="Instead of a raster.", limits=(-500.0, 9000.0), advanced=True,
    ),
    Option(
        name="ALIGN", kind="switch", flag="--align", label="Warp rasters on another grid onto the scene's",
        help="Without it a raster on another grid is refused.", default=False, advanced=True,
    ),
)  # fmt: skip
_CLOUDS = (
    Option(
        name="KEEP_CLOUDS", kind="switch", flag="--keep-clouds", label="Keep clouds", default=False,
        help="Otherwise clouds, their shadows and cirrus get no temperature, where there is a quality band.",
    ),
    Option(
        name="MASK_DILATION", kind="number", flag="--mask-dilation", label="Distance to clouds that is masked too [m]",
        default=0.0, limits=(0.0, 5000.0), advanced=True,
    ),
)  # fmt: skip
_ABOUT_THE_SCENE = (
    Option(
        name="BAND", kind="text", flag="--band", label="Band, where a product has several",
        help="10 (default) or 11; 6_VCID_1 (low gain, default) or 6_VCID_2.", advanced=True,
    ),
    Option(
        name="DATE", kind="text", flag="--date", label="Date, where nothing else tells it",
        help="2015-01-17T16:20 (UTC), 2015-01-17 or 2015-01.", advanced=True,
    ),
    Option(
        name="SENSOR", kind="text", flag="--sensor", label="Sensor band, where nothing else tells it",
        help="Such as landsat8-b10.", advanced=True,
    ),
    Option(
        name="QUANTITY", kind="choice", flag="--quantity", label="Any raster: what it holds at the sensor",
        choices=("radiance", "brightness-temperature", "digital-numbers"), advanced=True,
        help="Radiance [W m-2 sr-1 um-1] or brightness temperature [K] of the sensor band above, your own or not.",
    ),
    Option(
        name="LEVEL_2", kind="switch", flag="--level-2", label="Level-2 product: solve it again", default=False,
        help="From its own terms, by default with its own emissivity.", advanced=True,
    ),
    Option(
        name="DOWNWELLING", kind="choice", flag="--downwelling", label="Level-2: downwelling radiance",
        choices=("corrected", "usgs"), advanced=True,
        help="ST_DRAD times pi (corrected, default), or as it stands (usgs), which gives the product's temperature.",
    ),
    Option(
        name="MODEL", kind="text", flag="--model", label="Model", advanced=True,
        help="Name of a shipped model, such as landsat8-b10/surface, or a path. Empty: the best for what is given.",
    ),
)  # fmt: skip
_PRODUCT = (
    Option(
        name="LST_ONLY", kind="switch", flag="--lst-only", label="Write the temperature alone", default=False,
        help="No uncertainty, quality band, style, picture and STAC item.", advanced=True,
    ),
    Option(
        name="DTYPE", kind="choice", flag="--dtype", label="Numbers in the file", default="float32",
        choices=("float32", "uint16"), help="uint16: hundredths of a kelvin, half the size.", advanced=True,
    ),
    Option(
        name="COMPRESS", kind="choice", flag="--compress", label="Compression", default="deflate",
        choices=("deflate", "zstd", "lzw", "lerc_zstd", "none"), help="lerc_zstd rounds to 0.01 K.", advanced=True,
    ),
    Option(
        name="EXACT", kind="switch", flag="--exact", label="Run the model at every pixel", default=False,
        help="Not on a coarse grid.", advanced=True,
    ),
    Option(
        name="THREADS", kind="integer", flag="--threads", label="Tiles at the same time", limits=(1, 1024),
        help="Empty: as many as there are cores.", advanced=True,
    ),
)  # fmt: skip
_WORDS = Option(
    name="OPTIONS", kind="words", label="Further options of the command line", advanced=True,
    help="As they would be typed, for example --reanalysis era5.zarr.",
)  # fmt: skip
_EITHER = (
    ("WATER_VAPOUR", "WATER_VAPOUR_RASTER"),
    ("AIR_TEMPERATURE", "AIR_TEMPERATURE_RASTER"),
    ("DEM", "ELEVATION"),
)
_RETRIEVAL = (*_EMISSIVITY, *_AIR, *_CLOUDS, *_ABOUT_THE_SCENE, *_PRODUCT, _WORDS)

RETRIEVE = Form(
    options=(*_SCENE, *_RETRIEVAL),
    one_of=("LAYER", "SCENE"),
    not_together=(("LAYER", "SCENE"), *_EITHER),
)
"""`lst-raster retrieve`."""

BATCH = Form(
    options=(
        Option(
            name="SCENES", kind="files", label="Scenes",
            help="Thermal bands, archives, metadata files; lists of scenes: tables (.csv), texts (.txt), STAC (.json).",
        ),
        Option(name="FOLDER", kind="folder", label="Folder of scenes"),
        *_RETRIEVAL,
        Option(
            name="WORKERS", kind="integer", flag="--workers", label="Scenes at the same time", limits=(1, 256),
            help="Each takes one core. Empty: one after the other, on all cores.",
        ),
        Option(
            name="OVERWRITE", kind="switch", flag="--overwrite", label="Replace products that exist", default=False,
            help="Otherwise a whole product of the same inputs is kept, and any other is an error.",
        ),
    ),
    one_of=("SCENES", "FOLDER"),
    not_together=_EITHER,
)  # fmt: skip
"""`lst-raster batch`."""

COMPARE = Form(
    options=(
        Option(name="A", kind="layer", label="Surface temperature A", optional=False),
        Option(
            name="B", kind="layer", label="Surface temperature B", optional=False,
            help="Told is A less B, over the pixels that have a value in both. A USGS ST_B10 or ST_B6 will do as well.",
        ),
        Option(
            name="MASK", kind="layer", flag="--mask", label="Quality band",
            help="Leaves out clouds, shadows and fill: QA_PIXEL, BQA, or a product's *_LST_QA.tif.",
        ),
        Option(
            name="ALIGN", kind="switch", flag="--align", label="Warp B and the quality band onto the grid of A",
            help="Without it another grid is refused.", default=False,
        ),
    ),
)  # fmt: skip
"""`lst-raster compare`."""

COMPOSITE = Form(
    options=(
        Option(
            name="PRODUCTS", kind="layers", label="Products", optional=False,
            help="Surface temperatures (*_LST.tif) that lst-raster has made.",
        ),
        Option(
            name="STATISTIC", kind="choice", flag="--statistic", label="Statistic of each pixel over time",
            choices=("median", "mean", "weighted-mean", "minimum", "maximum", "deviation", "percentile", "count"),
            default="median", help="weighted-mean: by the uncertainties of the products.",
        ),
        Option(
            name="PERCENTILE", kind="number", flag="--percentile", label="Percentile, where that is the statistic",
            limits=(0.0, 100.0),
        ),
        Option(name="FROM", kind="text", flag="--from", label="First day", help="2015-06-01, 2015-06 or 2015."),
        Option(name="TO", kind="text", flag="--to", label="Last day", help="Likewise."),
        Option(name="MONTHS", kind="text", flag="--months", label="Months of the year", help="6,7,8 or 6-8 or 12-2."),
        Option(
            name="ALIGN", kind="switch", flag="--align", label="Warp products whose pixels do not lie upon each other",
            help="Without it such products are refused.", default=False,
        ),
        Option(
            name="CRS", kind="crs", flag="--crs", label="Coordinate reference system", advanced=True,
            help="Empty: that of the products.",
        ),
        Option(
            name="GRID", kind="choice", flag="--grid", label="Extent", choices=("union", "intersection"),
            default="union", help="Of all products, or what they have in common.", advanced=True,
        ),
        Option(
            name="EXCLUDE", kind="list", flag="--exclude", label="Pixels to leave out", advanced=True,
            help="By their quality bits, parted by ';': water; cloud_distance=near.",
        ),
        Option(
            name="MAX_UNCERTAINTY", kind="number", flag="--max-uncertainty", label="Highest uncertainty [K]",
            help="Leave out more uncertain temperatures.", limits=(0.0, 1000.0), advanced=True,
        ),
        Option(
            name="MIN_COUNT", kind="integer", flag="--min-count", label="Dates that a pixel needs", default=1,
            limits=(1, 100000), advanced=True,
        ),
        _WORDS,
    ),
)  # fmt: skip
"""`lst-raster composite`."""
