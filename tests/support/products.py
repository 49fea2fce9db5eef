"""Scenes of every sensor, collection and product format, with pixels from `make_scene`."""

import functools
import json
import shutil
import tarfile
import zipfile

import numpy as np

import lst_raster
from tests.support.factories import STATE, make_scene, write_raster

SENSORS = {  # satellite and sensor in product names, suffix of the band, its key in the metadata, dates, and type
    "landsat4-b6": ("LT04", "B6", "19880510", "uint8"),
    "landsat5-b6": ("LT05", "B6", "19980510", "uint8"),
    "landsat7-b6": ("LE07", "B6_VCID_1", "20010510", "uint8"),
    "landsat8-b10": ("LC08", "B10", "20150719", "uint16"),
    "landsat8-b11": ("LC08", "B11", "20150719", "uint16"),
    "landsat9-b10": ("LC09", "B10", "20220719", "uint16"),
    "landsat9-b11": ("LC09", "B11", "20220719", "uint16"),
}
COLLECTIONS = (1, 2)
FORMS = (
    "file", "folder", "txt", "json", "xml", "padded", "tar", "tar.gz", "tgz", "tar in a folder", "tar.bz2", "tar.xz",
    "zip", "stored.zip", "zip in a folder", "lzma.zip",
)  # fmt: skip
CLEAR, CLOUD = {1: 2720, 2: 21824}, {1: 2800, 2: 22280}  # values of the quality band

_COLLECTION_2 = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "{stem}"
    PROCESSING_LEVEL = "L1TP"
    COLLECTION_NUMBER = 02
    FILE_NAME_BAND_{band} = "{stem}_{suffix}.TIF"
    FILE_NAME_QUALITY_L1_PIXEL = "{stem}_QA_PIXEL.TIF"
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_{satellite}"
    DATE_ACQUIRED = {date}
    SCENE_CENTER_TIME = "16:19:21.7917421Z"
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    RADIANCE_MULT_BAND_{band} = {gain}
    RADIANCE_ADD_BAND_{band} = {offset}
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""
_COLLECTION_1 = """GROUP = L1_METADATA_FILE
  GROUP = METADATA_FILE_INFO
    LANDSAT_SCENE_ID = "{scene}"
    LANDSAT_PRODUCT_ID = "{stem}"
    COLLECTION_NUMBER = 01
  END_GROUP = METADATA_FILE_INFO
  GROUP = PRODUCT_METADATA
    DATA_TYPE = "L1TP"
    SPACECRAFT_ID = "LANDSAT_{satellite}"
    DATE_ACQUIRED = {date}
    SCENE_CENTER_TIME = "16:19:21.7917421Z"
    FILE_NAME_BAND_{band} = "{stem}_{suffix}.TIF"
    FILE_NAME_BAND_QUALITY = "{stem}_BQA.TIF"
  END_GROUP = PRODUCT_METADATA
  GROUP = RADIOMETRIC_RESCALING
    RADIANCE_MULT_BAND_{band} = {gain}
    RADIANCE_ADD_BAND_{band} = {offset}
  END_GROUP = RADIOMETRIC_RESCALING
END_GROUP = L1_METADATA_FILE
END
"""


@functools.cache
def planck_table(sensor):
    """Band-averaged black-body radiance from the integral over the packaged response, at temperatures."""
    response = np.loadtxt(
        f"{lst_raster.__path__[0]}/data/bands/{sensor}.csv", delimiter=",", comments=("#", "w"), unpack=True
    )
    wavelength, weight = response
    temperature = np.arange(200.0, 380.0, 0.2)
    spectrum = 1.191042972e8 / wavelength**5 / np.expm1(1.438776877e4 / np.outer(temperature, wavelength))
    weight = weight * np.gradient(wavelength)
    return temperature, spectrum @ weight / weight.sum()


def true_temperature(numbers, sensor, gain, offset, emissivity=0.97, state=STATE):
    """Surface temperature of digital numbers with the atmosphere of the test model, from the equation. [K]

    This excludes the quantization error: 8-bit products have steps of half a kelvin.
    """
    depth = 0.012 * state["water_vapour"] * 1e-3 * state["surface_pressure"]
    transmittance = np.exp(-depth)
    upwelling = (1.0 - transmittance) * (state["air_temperature"] - 281.0)
    leaving = (np.asarray(numbers) * gain + offset - upwelling) / transmittance
    temperature, radiance = planck_table(sensor)
    return np.interp((leaving - (1.0 - emissivity) * 1.5 * upwelling) / emissivity, radiance, temperature)


def product_stem(sensor, collection):
    """USGS identifier of a product."""
    satellite, _, date, _ = SENSORS[sensor]
    return f"{satellite}_L1TP_020039_{date}_20200908_{collection:02}_T1"


def make_product(folder, sensor, collection, *, lst, gain, offset, cloud=None, suffix=None, **options):
    """Write the folder of a product of any sensor and collection, with names and metadata of that collection.

    `cloud` is the cloud mask of the quality band. Other arguments as `make_scene`. Returns the path of the band.
    """
    satellite, usual, date, dtype = SENSORS[sensor]
    suffix, stem = suffix or usual, product_stem(sensor, collection)
    path = make_scene(
        folder, lst=lst, sensor=sensor, name=f"{stem}_{suffix}.TIF", gain=gain, offset=offset, dtype=dtype, mtl=False,
        **options,
    )  # fmt: skip
    shape = np.shape(lst)
    bits = np.where(np.zeros(shape, bool) if cloud is None else cloud, CLOUD[collection], CLEAR[collection])
    write_raster(folder / f"{stem}_{'BQA' if collection == 1 else 'QA_PIXEL'}.TIF", bits.astype("u2"))
    text = (_COLLECTION_1 if collection == 1 else _COLLECTION_2).format(
        stem=stem, suffix=suffix, band=suffix[1:], satellite=satellite[3], gain=gain, offset=offset,
        date=f"{date[:4]}-{date[4:6]}-{date[6:]}", scene=f"{satellite[:2]}{satellite[3]}0200391998130XXX00",
    )  # fmt: skip
    (folder / f"{stem}_MTL.txt").write_text(text)
    return path


def groups(text):
    """Metadata text as nested dictionaries, equal to its JSON format."""
    root = stack = None
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            stack = [*(stack or []), {}]
            (stack[-2] if len(stack) > 1 else (root := {}))[value] = stack[-1]
        elif key == "END_GROUP":
            stack.pop()
        elif value:
            stack[-1][key] = value.strip('"')
    return root


def as_xml(tree):
    """Nested dictionaries as XML."""
    return "".join(f"<{key}>{as_xml(v) if isinstance(v, dict) else v}</{key}>" for key, v in tree.items())


def in_form(path, form):
    """Convert the folder of a scene to another format; returns the path for the command line."""
    folder = path.parent
    shutil.rmtree(folder / "air", ignore_errors=True)
    (mtl,) = folder.glob("*_MTL.txt")
    if form in ("file", "folder", "txt"):
        return {"file": path, "folder": folder, "txt": mtl}[form]
    if form == "padded":
        mtl.write_bytes(mtl.read_bytes() + b"\0" * 5000)
        return mtl
    if form in ("json", "xml"):
        tree = groups(mtl.read_text())
        text = json.dumps(tree) if form == "json" else f'<?xml version="1.0" encoding="UTF-8"?>\n{as_xml(tree)}'
        mtl.unlink()
        mtl.with_suffix(f".{form}").write_text(text)
        return mtl.with_suffix(f".{form}")
    inside = f"./{path.stem}/" if form.endswith("in a folder") else ""
    ending = form.split()[0]
    archive = folder.parent / f"some product.{ending}"
    if ending.endswith("zip"):
        method = {"stored.zip": zipfile.ZIP_STORED, "lzma.zip": zipfile.ZIP_LZMA}.get(ending, zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(archive, "w", method) as packed:
            for file in sorted(folder.iterdir()):
                packed.write(file, inside.removeprefix("./") + file.name)
    else:
        compression = {"tar": "", "tgz": "gz"}.get(ending, ending.removeprefix("tar."))
        with tarfile.open(archive, f"w:{compression}") as tar:
            for file in sorted(folder.iterdir()):
                tar.add(file, inside + file.name)
    shutil.rmtree(folder)
    return archive
