# %% [markdown]
"""
# An urban heat island with its uncertainty

A simulated city with known temperatures, seen by Landsat 8 on five summer days: how much warmer is the city than its
surroundings, and how uncertain is that? Needs `pip install 'lst-raster[zones,plot]'`.
"""

# %%
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import rasterio
from matplotlib.patches import Circle
from rasterio import Affine

import lst_raster
from lst_raster.inference.model import Model
from lst_raster.io.open_scene import open_scene
from lst_raster.physics.radiative_transfer import sensor_radiance
from lst_raster.product.paths import OutputFormat
from lst_raster.sensors.bands import sensor_band

SIDE, PIXEL, X, Y = 600, 30.0, 399_885.0, 5_400_015.0  # 18 x 18 km in UTM zone 16
TRANSFORM = Affine(PIXEL, 0, X, 0, -PIXEL, Y)
CENTRE = X + 9000.0, Y - 9000.0
STRENGTHS = (0.9, 1.0, 1.2, 1.1, 0.95)  # of the heat island, relative
DAYS = ("20190604", "20190620", "20190706", "20190722", "20190823")
VAPOUR = (18.0, 24.0, 31.0, 27.0, 21.0)  # as given [kg m-2]
AIR = (293.0, 297.0, 301.0, 299.0, 295.0)  # [K]
band = sensor_band("landsat8-b10")

# %% [markdown]
# ## The city
# Buildings within 4 km of the centre, 4 K warmer than the fields around, and a cool park. What the retrieval is given
# is not quite true: the emissivities of the three surfaces have independent errors, and so has the water vapour of each
# day.

# %%
rng = np.random.default_rng(3)
row, column = np.mgrid[0:SIDE, 0:SIDE] + 0.5
distance = np.hypot(X + PIXEL * column - CENTRE[0], Y - PIXEL * row - CENTRE[1])
in_park = np.hypot(X + PIXEL * column - CENTRE[0] - 1800.0, Y - PIXEL * row - CENTRE[1] - 900.0) < 700.0
city = (distance < 4000.0) & ~in_park
surface = np.where(city, 0, np.where(in_park, 1, 2))  # city, park, fields
stated_emissivity = np.array([0.955, 0.980, 0.975])[surface]
true_emissivity = stated_emissivity + 0.01 * rng.standard_normal(3)[surface]
excess = np.array([4.0, -1.0, 0.0])[surface] + rng.normal(0.0, 0.8, surface.shape)  # [K]

profile = {
    "driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "crs": "EPSG:32616", "transform": TRANSFORM,
    "tiled": True, "blockxsize": 256, "blockysize": 256,
}  # fmt: skip


def write(name: str, values: np.ndarray, **more: object) -> str:
    """Write a raster of the city."""
    with rasterio.open(name, "w", **profile, dtype=values.dtype, **more) as dataset:
        dataset.write(values, 1)
    return name


emissivity = write("city_emissivity.tif", stated_emissivity.astype("float32"), nodata=np.nan)

# %% [markdown]
# ## Five scenes
# The radiance follows from the true values, by the radiative transfer equation; then comes noise.

# %%
model = Model.load("landsat8-b10/surface")
scenes, truths = [], []
for day, vapour, air, strength in zip(DAYS, VAPOUR, AIR, STRENGTHS, strict=True):
    ground = air + 5.0 + strength * excess
    truths.append(ground)
    inputs = {
        "water_vapour": vapour * (1.0 + 0.05 * rng.standard_normal()), "air_temperature": air + rng.standard_normal(),
        "surface_pressure": 1000.0, "aerosol_optical_depth": 0.02, "gas_year": 2019.5,
        "brightness_temperature": air + 3.0, "water_vapour_uncertainty": 0.0, "air_temperature_uncertainty": 0.0,
        "aerosol_optical_depth_uncertainty": 0.0,
    }  # fmt: skip
    air_terms = model.atmosphere(**{name: np.array([value], np.float32) for name, value in inputs.items()}).terms
    radiance = sensor_radiance(ground, true_emissivity, *(float(term[0]) for term in air_terms), band.planck)
    radiance = radiance + 0.007 * rng.standard_normal(ground.shape)  # 0.05 K
    path = write(f"city_{day}.tif", radiance.astype("float32"), nodata=np.nan)
    time = f"{day[:4]}-{day[4:6]}-{day[6:]}T16:20"
    scenes.append(open_scene(path, sensor=band.name, quantity="radiance", date=time))

# %% [markdown]
# ## Temperatures and their uncertainty
# `uncertainty="components"` adds four rasters: what the errors of neighbouring pixels, of dates and of scenes have in
# common.

# %%
products = [
    lst_raster.retrieve(
        scene,
        output=".",
        emissivity=emissivity,
        water_vapour=vapour,
        air_temperature=air,
        surface_pressure=1000.0,
        form=OutputFormat(uncertainty="components"),
        overwrite=True,
    ).path
    for scene, vapour, air in zip(scenes, VAPOUR, AIR, strict=True)
]


def ring(radius: float, points: int = 90, centre: tuple[float, float] = CENTRE) -> list[tuple[float, float]]:
    """Circle around a place."""
    angles = np.linspace(0.0, 2.0 * np.pi, points)
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles]


park_centre = CENTRE[0] + 1800.0, CENTRE[1] + 900.0
shapes = {
    "city": [ring(3900.0), ring(750.0, centre=park_centre)[::-1]],  # without the park
    "park": [ring(650.0, centre=park_centre)],
    "fields": [ring(8500.0), ring(5500.0)[::-1]],
}
zones = Path("city_zones.geojson")
zones.write_text(json.dumps({
    "type": "FeatureCollection",
    "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32616"}},
    "features": [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": rings}}
        for name, rings in shapes.items()
    ],
}))  # fmt: skip
table = lst_raster.zones(products, zones, reference="fields").table
print(table[["zone", "date", "mean", "uncertainty", "difference", "difference_uncertainty"]].round(2).to_string())

# %% [markdown]
# ## How warm is the city?
# In the difference of two zones errors of the atmosphere and of the calibration partly cancel. Errors of the emissivity
# do not: city and fields are different surfaces, whose emissivities have been determined independently. That is what
# `difference_uncertainty` assumes.

# %%
by_zone = {name: part.set_index("date") for name, part in table.groupby("zone")}
island = by_zone["city"]
found, uncertainty = island["difference"].to_numpy(), island["difference_uncertainty"].to_numpy()
around = (distance > 5500.0) & (distance < 8500.0)
truth = np.array([ground[city].mean() - ground[around].mean() for ground in truths])
for date, one, sigma, true in zip(island.index, found, uncertainty, truth, strict=True):
    print(f"{date}: {one:.2f} +- {sigma:.2f} K, in truth {true:.2f} K")

# %% [markdown]
# Over the dates noise and atmosphere are independent, and become smaller in the mean. The error of the emissivity is
# the same on all of them: five days are hardly better than one.

# %%
dates = len(island)
parts = {name: island[f"difference_uncertainty_{name}"] for name in ("random", "atmosphere", "surface", "systematic")}
variance = sum(float((parts[name] ** 2).sum()) / dates**2 for name in ("random", "atmosphere"))
variance += sum(float(parts[name].mean()) ** 2 for name in ("surface", "systematic"))
mean_uncertainty = math.sqrt(variance)
pixel = float(np.hypot(*(by_zone[name]["uncertainty"].mean() for name in ("city", "fields"))))
naive = pixel / math.sqrt(island["count"].iloc[0])
print(f"mean of the dates: {found.mean():.2f} +- {mean_uncertainty:.2f} K, in truth {truth.mean():.2f} K")
print(f"as if pixels were independent: +- {naive:.4f} K; as if the means of the zones were: +- {pixel:.2f} K")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
with rasterio.open(products[2]) as dataset:
    values = dataset.read(1) - 273.15
x0, y1 = (X - CENTRE[0]) / 1000, (Y - CENTRE[1]) / 1000
extent = (x0, x0 + SIDE * PIXEL / 1000, y1 - SIDE * PIXEL / 1000, y1)
picture = left.imshow(
    values, extent=extent, cmap="inferno", vmin=np.nanpercentile(values, 1), vmax=np.nanpercentile(values, 99)
)
for radius, style in ((3.9, "-"), (5.5, "--"), (8.5, "--")):
    left.add_patch(Circle((0, 0), radius, fill=False, color="white", linestyle=style, linewidth=1.2))
left.add_patch(Circle((1.8, 0.9), 0.65, fill=False, color="white", linewidth=1.2))
left.set(
    title=f"land surface temperature, {DAYS[2][:4]}-{DAYS[2][4:6]}-{DAYS[2][6:]}",
    xlabel="east [km]",
    ylabel="north [km]",
)
left.text(0, -3.2, "city", color="black", ha="center")
left.text(0, -7.3, "fields", color="white", ha="center")
left.text(1.8, 1.7, "park", color="white", ha="center")
figure.colorbar(picture, ax=left, label="temperature [°C]", shrink=0.85)
place = np.arange(dates)
right.errorbar(
    place,
    found,
    uncertainty,
    fmt="o",
    capsize=4,
    color="#0072b2",
    label="retrieved, one standard uncertainty",
)
right.plot(place, truth, "D", color="#d55e00", markersize=6, label="truth")
right.fill_between(
    [-0.5, dates - 0.5], *(found.mean() + sign * mean_uncertainty for sign in (-1, 1)),
    color="#0072b2", alpha=0.15, linewidth=0, label="mean of the dates",
)  # fmt: skip
right.set_xticks(place, [date[5:] for date in island.index])
right.set(
    title="heat island: city minus fields",
    xlabel="day in 2019",
    ylabel="temperature difference [K]",
    xlim=(-0.5, dates - 0.5),
)
right.set_ylim(0.0, None)
right.legend(loc="lower left", frameon=False)
figure.savefig("urban_heat_island.png", dpi=120)

# %% [markdown]
# The truth is within three standard uncertainties on every date. The uncertainty of independent pixels is wrong by a
# factor of nearly a hundred, and that of independent zones twice as large as it has to be.

# %%
error = found - truth
assert (np.abs(error) <= 3.0 * uncertainty).all()
assert abs(error.mean()) <= 3.0 * mean_uncertainty
assert abs(error.mean()) > 10.0 * naive
assert (uncertainty < 0.7 * pixel).all()
