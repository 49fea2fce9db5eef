"""Complete product sets, written without a scene, and ways to damage them."""

import json

import numpy as np

from lst_raster import __version__
from lst_raster.product.cog import block_tables, new_cog
from lst_raster.product.layers import Layer
from lst_raster.product.paths import (
    ANGLES,
    COMPONENTS,
    COMPONENTS_TAG,
    OutputFormat,
    angle_layer,
    component_layer,
    file_names,
)
from lst_raster.product.quality_flags import flag
from lst_raster.product.stac import make_item, write_item
from lst_raster.retrieval.retrieve import EQUATION
from tests.support.cogs import cut, grid_of, windows_of

NAME = "LC08_L1TP_020039_20150719_20200908_02_T1_LST.tif"
FLOATS = {
    "lst": Layer(description="land surface temperature", units="K"),
    "uncertainty": Layer(description="uncertainty of the land surface temperature, one sigma", units="K"),
}
STEPS = {
    role: Layer(description=layer.description, units="K", dtype="uint16", scale=0.01, nodata=0)
    for role, layer in FLOATS.items()
}
QUALITY = Layer(description="quality", dtype="uint32", nodata=None, resampling="nearest")
TAGS = {
    "AREA_OR_POINT": "Point",
    "equation": EQUATION,
    "lst_raster_version": __version__,
    "input": "LC08_L1TP_020039_20150719_20200908_02_T1_B10.TIF",
    "sensor": "landsat8-b10",
    "acquisition_date": "2015-07-19",
    "acquisition_time": "16:19:21Z",
    "sun_elevation": "63.02",
    "sun_azimuth": "124.88",
    "angles": "LC08_L1TP_020039_20150719_20200908_02_T1_ANG.txt, band 10",
    "calibration": "gain 0.0003342, offset 0.1 (LC08_L1TP_020039_20150719_20200908_02_T1_MTL.txt)",
    "model": "landsat8-b10/surface",
    "model_version": "0.1.0",
    "model_sha256": "0c" * 32,
    "emissivity": "ndvi (B4, B5 of LC08_L1TP_020039_20150719_20200908_02_T1)",
    "water_vapour": "29 kg m-2 (era5.nc)",
    "surface_pressure": "1009 hPa (era5.nc)",
    "air_temperature": "301.2 K (era5.nc)",
    "mask": "cloud, dilated cloud, cloud shadow, cirrus, by QA_PIXEL.TIF (QA_PIXEL of Collection 2)",
    "masked_pixels": "100 of 4000 (cloud 80, cloud shadow 20)",
    "emissivity_pixels": "ndvi 3900",
    "air": "interpolated between 2x2 nodes; largest difference 0.0010 K, rms 0.0002 K, at 3900 pixels",
}
STYLES = '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM"><qgis version="3.22"></qgis>\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)  # enough for a checksum; it is not opened


def fields_of(shape, seed=0):
    """Temperature, uncertainty and quality bits that agree with each other, with gaps of every kind."""
    rng = np.random.default_rng(seed)
    lst, uncertainty = rng.uniform(280, 320, shape), rng.uniform(0.5, 3.0, shape)
    uncertainty[np.abs(uncertainty - 2.0) < 0.02] = 1.5
    bits = np.full(shape, (5 << flag("emissivity_source").offset) | (3 << flag("cloud_distance").offset), np.uint32)
    quarter = shape[0] // 4, shape[1] // 4
    for name, rows, columns in (
        ("fill", slice(0, quarter[0]), slice(0, quarter[1])),
        ("cloud", slice(quarter[0], 2 * quarter[0]), slice(0, quarter[1])),
        ("cloud_shadow", slice(2 * quarter[0], 3 * quarter[0]), slice(0, 3)),
        ("no_solution", slice(0, 2), slice(-2, None)),
        ("no_input", slice(3, 5), slice(-2, None)),
    ):
        bits[rows, columns] = flag(name).mask
        lst[rows, columns] = uncertainty[rows, columns] = np.nan
    bits[-1, -1] = flag("fill").mask | flag("saturated").mask
    lst[-1, -1] = uncertainty[-1, -1] = np.nan
    bits[-6:-3, -6:-3] |= np.uint32(flag("water").mask)
    bits[uncertainty > 2.0] |= np.uint32(flag("uncertain").mask)
    return {"lst": lst, "uncertainty": uncertainty, "quality": bits}


def components_of(fields):
    """Components of the uncertainty that add up to it."""
    shares = dict(zip(COMPONENTS, (0.28, 0.8, 0.53, 0.4), strict=True))  # the squares of three add up to 1
    return {role: np.asarray(fields["uncertainty"]) * share for role, share in shares.items()}


def angles_of(fields):
    """Angles of all pixels with a radiance."""
    measured = (np.asarray(fields["quality"]) & flag("fill").mask) == 0
    angles = dict(zip(ANGLES, (5.0, 280.0, 27.0, 125.0), strict=True))
    return {role: np.where(measured, angle, np.nan) for role, angle in angles.items()}


def write_raster_of(target, values, layer, *, crs="EPSG:32616", grid=None, tags=None, **options):
    """Write one of a set's rasters."""
    with new_cog(target, grid or grid_of(values.shape, crs), layer, **options) as cog:
        for window in windows_of(values.shape, 512):
            cog.write(cut(values, window), window)
        cog.tags.update(TAGS if tags is None else tags)
    return target


def make_set(
    folder, shape=(80, 90), *, dtype="float32", crs="EPSG:32616", grid=None, tags=None, fields=None, compress="deflate",
    name=NAME, item=True, components=True, angles=True,
):  # fmt: skip
    """Write a complete product, by default with components of the uncertainty and angles; returns the LST's path."""
    folder.mkdir(exist_ok=True)
    fields = fields_of(shape) | (fields or {})
    if components:
        fields = components_of(fields) | fields
    if angles:
        fields = angles_of(fields) | fields
    tags = {key: value for key, value in (TAGS | (tags or {})).items() if value is not None}
    if components:
        tags[COMPONENTS_TAG] = "random, atmosphere, surface, systematic"
    layers = {**(FLOATS if dtype == "float32" else STEPS), "quality": QUALITY}
    layers |= {role: component_layer(role, OutputFormat()) for role in COMPONENTS if role in fields}
    layers |= {role: angle_layer(role, OutputFormat()) for role in ANGLES if role in fields}
    names = file_names(name)
    for role, layer in layers.items():
        own = "deflate" if role in ("quality", *COMPONENTS, *ANGLES) else compress
        write_raster_of(folder / names[role], fields[role], layer, crs=crs, grid=grid, tags=tags, compress=own)
    (folder / names["quicklook"]).write_bytes(PNG)
    for role in ("style", "quality_style"):
        (folder / names[role]).write_text(STYLES)
    if item:
        write_item(item_of(folder, name), folder / names["item"])
    return folder / name


def item_of(folder, name=NAME):
    """The item of a set as its files are."""
    files = {role: (folder / own, own) for role, own in file_names(name).items() if role != "item"}
    return make_item(
        {role: file for role, file in files.items() if role not in (*COMPONENTS, *ANGLES) or file[0].is_file()}
    )


def edit_item(path, change):
    """Change the item of a product by a function of it."""
    item_path = path.with_suffix(".json")
    item = json.loads(item_path.read_text())
    change(item)
    item_path.write_text(json.dumps(item))


def swap_overviews(file, donor):
    """Give a COG the full resolution of another one, and let it keep its own overviews."""
    blocks = {}
    for name, content in (("own", bytes(file)), ("donor", donor)):
        blocks[name] = [
            [content[at : at + size] for at, size in zip(positions.read(content), sizes.read(content), strict=True)]
            for positions, sizes in block_tables(content)
        ]
    levels = [blocks["donor"][0], *blocks["own"][1:]]
    head = min(position for positions, _ in block_tables(file) for position in positions.read(file)) - 4
    result = file[:head]
    for (positions, sizes), level in reversed(list(zip(block_tables(file), levels, strict=True))):
        starts = []
        for data in level:
            result += len(data).to_bytes(4, "little")
            starts.append(len(result))
            result += data + data[-4:]
        positions.write(result, starts)
        sizes.write(result, [len(data) for data in level])
    return result
