"""Files for the names on the pages: small synthetic files, created when a command names a missing one."""

import datetime
import functools
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np

from lst_raster.retrieval.retrieve import retrieve
from lst_raster.sensors.bands import sensor_band
from tests.documented.pages import ROOT
from tests.support.areas import write_districts, write_stations
from tests.support.composites import season
from tests.support.emissivity_scenes import DEGREES, add_metadata, add_reflectance, make_tile
from tests.support.factories import make_model, make_scene, ramp, write_raster
from tests.support.level2_scenes import STEMS, make_level2
from tests.support.matchup_tables import HEADER, row, write_soundings, write_station_day, write_table
from tests.support.reanalysis_files import write_levels, write_reanalysis

SHAPE = 60, 70
STEM = "LC08_L1TP_020039_20150719_20200908_02_T1"
TIMES = ("2015-01-17T16", "2015-01-17T17", "2015-07-19T16", "2015-07-19T17", "2016-01-21T23", "2016-01-22T00")
PLACE = {"latitude": np.arange(32.0, 28.9, -0.25), "longitude": np.arange(-89.0, -85.9, 0.25)}
"""Grid that covers the example scene and the synthetic scenes."""
AIR = {"tcwv": 20.0, "t2m": 295.0, "sp": 1.0e5, "z": 500.0, "d2m": 288.0}
LEVELS = np.array([1000, 950, 900, 850, 800, 700, 600, 500, 400, 300, 250, 200, 150, 100.0])
CLEAR, CLOUD, WATER = 21824, 22280, 21952
OVERPASS = datetime.date(2016, 1, 1)


@functools.cache
def _scene(folder):
    """Scene with both thermal bands, red and near infrared, quality and metadata."""
    warm = ramp(285.0, 312.0, SHAPE)
    path = make_scene(folder, lst=warm, name=f"{STEM}_B10.TIF")
    eleven = sensor_band("landsat8-b11")
    make_scene(folder, lst=warm, name=f"{STEM}_B11.TIF", sensor="landsat8-b11", mtl=False)
    shutil.rmtree(folder / "air")
    add_reflectance(path, ramp(0.05, 0.2, SHAPE), ramp(0.4, 0.25, SHAPE))
    constants = [("MULT", eleven.gain), ("ADD", eleven.radiance_offset)]
    lines = [f"    RADIANCE_{kind}_BAND_11 = {value}" for kind, value in constants]
    add_metadata(path, ['    SCENE_CENTER_TIME = "16:19:21.7917421Z"', *lines])
    bits = np.full(SHAPE, CLEAR, "u2")
    bits[:6, :6], bits[-6:, -6:] = CLOUD, WATER
    write_raster(folder / f"{STEM}_QA_PIXEL.TIF", bits)
    return folder


def _renamed(source, target, old, new):
    """Copy files with another identifier in names and metadata."""
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        copy = target / file.name.replace(old, new)
        shutil.copy(file, copy)
        if copy.suffix == ".txt":
            copy.write_text(copy.read_text().replace(old, new))


class Files:
    """Creates the files of a name; expensive ones are cached in `cache`."""

    def __init__(self, cache, store=None):
        self.cache, self.store = Path(cache), store

    def put(self, address, folder):
        """Upload the file of an address in the store, with the files next to it."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        prefix, _, name = key.rpartition("/")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.make(name, folder)
        self.store.upload(folder, bucket, f"{prefix}/" if prefix else "")

    def make(self, name, folder):
        """Create the file or folder of a name in a folder; returns whether a rule matches."""
        for pattern, rule in RULES.items():
            if found := re.fullmatch(pattern, name.rstrip("/")):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                rule(self, path, *found.groups())
                return True
        return False

    def scene(self, path, stem):
        """All files of a scene, in one folder."""
        _renamed(_scene(self.cache / "scene"), path.parent, STEM, stem)
        if path.suffix == ".tif":
            path.with_suffix(".TIF").rename(path)

    def scenes(self, path):
        """Folder with two scenes."""
        for day in ("19", "20"):
            self.scene(path / f"scene{day}" / "x", STEM.replace("20150719", f"201507{day}"))

    def archive(self, path, stem, ending):
        """Scene in an archive."""
        self.scene(self.cache / stem / "x", stem)
        with tarfile.open(path, "w" if ending == "tar" else "w:gz") as tar:
            for file in sorted((self.cache / stem).iterdir()):
                tar.add(file, file.name)

    def product(self, path, stem):
        """Complete product of a scene."""
        self.scene(self.cache / stem / "x", stem)
        band = self.cache / stem / f"{stem}_B10.TIF"
        retrieve(band, output=path, emissivity="ndvi", water_vapour=20.0, air_temperature=295.0)

    def products(self, path):
        """Folder with monthly products of one grid."""
        season(path, shape=(20, 30), number=9)

    def level_2(self, path, stem, rest):
        """Level-2 product: its folder, or its files in one folder if a file is named."""
        made = self.cache / "level2"
        if not made.exists():
            empty = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) >= 6 * SHAPE[1]  # the study uses every second pixel
            make_level2(made, lst=ramp(285.0, 312.0, SHAPE), fill=empty)
        _renamed(made, path.parent if rest else path, STEMS["landsat8-b10"], stem)

    def surface_fields(self, path, start):
        """Reanalysis at the surface; a file named after a variable has only that one."""
        names = [start] if start in AIR else list(AIR)
        shape = (len(TIMES), PLACE["latitude"].size, PLACE["longitude"].size)
        fields = {name: np.full(shape, AIR[name]) for name in names}
        write_reanalysis(path, fields, times=np.array(TIMES, "datetime64[s]"), **PLACE)

    def levels(self, path):
        """Temperature and humidity on pressure levels."""
        shape = (len(TIMES), LEVELS.size, PLACE["latitude"].size, PLACE["longitude"].size)
        column = (LEVELS / 1000.0)[:, None, None]
        fields = {"t": np.broadcast_to(295.0 * column**0.19, shape), "q": np.broadcast_to(0.011 * column**3, shape)}
        write_levels(path, fields, levels=LEVELS, times=np.array(TIMES, "datetime64[s]"), **PLACE)

    def kelvin(self, path):
        """Raster of surface temperature."""
        noise = np.random.default_rng(len(path.name)).normal(0.0, 0.3, SHAPE)
        write_raster(path, (ramp(285.0, 312.0, SHAPE) + noise).astype("f4"), units="K", nodata=np.nan)

    def matchups(self, path):
        """Table of match-ups; two rows have no station data."""
        kelvin = [("300.0", "303.1"), ("298.0", "300.2"), ("295.5", "297.0")]
        rows = [row(brightness_temperature_K=seen, insitu_lst_K=ground) for seen, ground in kelvin]
        write_table(path, *rows, row(brightness_temperature_K="299.0", insitu_lst_K=""))

    def custom_columns(self, path):
        """The same, with custom column names."""
        names = {"insitu_lst_K": "station_temperature", "emissivity": "emissivity_aster"}
        rows = [row(insitu_lst_K=ground) for ground in ("292.0", "292.5", "291.0")]
        write_table(path, *rows, header=[names.get(name, name) for name in HEADER])

    def lake(self, path):
        """Table without emissivity and pressure, and with USGS temperatures."""
        names = ("sensor", "time", "brightness_temperature_K", "water_vapour_kg_m2", "insitu_lst_K", "usgs_lst_K")
        day = "2001-07-{}T15:20:00Z"
        cells = [("290.0", "20.0", "293.0", "292.5"), ("288.0", "15.0", "290.4", "290.1"), ("285", "9", "287", "287.3")]
        rows = [("landsat7-b6", day.format(10 + number), *these) for number, these in enumerate(cells)]
        write_table(path, *rows, header=names)

    def tiles(self, path):
        """ASTER GED tiles of the scene."""
        path.mkdir()
        make_tile(path, 31, -88, mean=lambda latitude, longitude: (0.96 + 0 * latitude, 0.97 + 0 * latitude))

    def model(self, path, band):
        """Custom model."""
        make_model(path / "model.onnx", f"landsat8-b{band}")
        make_model(path / "atmosphere.onnx", f"landsat8-b{band}", graph="atmosphere")


def _raster(low, high, dtype="f4", grid=None):
    return lambda files, path: write_raster(path, ramp(low, high, SHAPE).astype(dtype), **(grid or {}))


RULES = {
    r"examples(?:/.*)?": lambda files, path: _checkout("examples", path),
    r"(?:.*/)?(\w+_L2SP_[\w.]*?)(_(?:ST|SR|QA|MTL)\w*\.\w+)?": Files.level_2,
    r"(?:.*/)?(L[CETO]\d\d_.+)_LST(?:_QA|_UNC)?\.tif": Files.product,
    r"(?:.*/)?(\w+)_LST(?:_QA|_UNC)?\.tif": Files.product,
    r"(?:.*/)?(L[CETO]\d\d_.+)\.(tar|tar\.gz|tgz)": Files.archive,
    r"(?:.*/)?(L[CETO]\d\d_.+)_(?:B\d+|MTL|QA_PIXEL)\.(?:TIF|tif|txt)": Files.scene,
    r"SCENE": lambda files, path: files.scene(path / "x", STEM),
    r"in|scenes": Files.scenes,
    r"products": Files.products,
    r"(?:.*/)?\w*levels\w*\.(?:nc|grib)": Files.levels,
    r"(?:.*/)?(era5|tcwv|t2m|sp|merra2|gfs|reanalysis)\w*\.(?:nc|nc4|grib|grb)": Files.surface_fields,
    r"[AB]\.tif": Files.kelvin,
    r"scene\.tif": lambda files, path: write_raster(
        path, ramp(7.0, 9.0, SHAPE).astype("f4"), nodata=np.nan, tags={"ACQUISITION_DATE": "2015-07-19T16:20"}
    ),
    r"QA_PIXEL\.TIF": _raster(CLEAR, CLEAR, "u2"),
    r"(?:.*/)?\w*emissivity\w*\.tif|lake\.tif": _raster(0.95, 0.99),
    r"dem\w*\.tif": _raster(20.0, 90.0),
    r"(wv\.tif)\+-\d+%": lambda files, path, name: _raster(18.0, 22.0)(files, path.with_name(name)),
    r"worldcover\.tif|landcover\.tif": _raster(30.0, 30.0, "u1", DEGREES),
    r"GED": Files.tiles,
    r"districts\.gpkg": lambda files, path: write_districts(path),
    r"stations\.csv": lambda files, path: write_stations(path),
    r"MATCHUPS\.csv": Files.matchups,
    r"PROFILES\.nc": lambda files, path: write_soundings(path, 4),  # as many as rows of the match-ups
    r"overpasses\.csv": Files.custom_columns,
    r"lake_sunapee_l7\.csv": Files.lake,
    r"DIR": lambda files, path: write_station_day(path, OVERPASS),
    r"my-b(\d\d)-model": Files.model,
}
"""Patterns of names with their rules; the first full match applies."""


def _checkout(name, path):
    """Copy of a folder of the checkout, as commands write to it."""
    folder = next(parent for parent in (path, *path.parents) if parent.name == name)
    shutil.copytree(ROOT / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
