# %% [markdown]
"""
# A first retrieval

Land surface temperature of the example scene: Landsat 8, band 10, southern Alabama in January 2015.
The products are written into the current folder.
"""

# %%
from pathlib import Path

import lst_raster

HERE = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook runs where it lies
SCENE = HERE / "data" / "LC08_alabama_B10.tif"

# %% [markdown]
# Nothing is told but the scene: emissivity and air are assumed. The log says so, and so does the product.

# %%
assumed = lst_raster.retrieve(SCENE, output="assumed_LST.tif", overwrite=True)
for quantity in ("emissivity", "water_vapour", "air_temperature"):
    print(f"{quantity}: {assumed.tags[quantity]}")

# %% [markdown]
# Now ground and air are told. Water vapour is in kg m-2, temperature in kelvin, pressure in hPa; `"12mm"` and `"9C"`
# do as well.

# %%
known = lst_raster.retrieve(
    SCENE,
    output="known_LST.tif",
    emissivity=0.97,
    water_vapour=12.0,
    air_temperature=282.0,
    surface_pressure=1015.0,
    overwrite=True,
)
print(f"{known.retrieved} pixels, by {known.tags['model']}, written to {known.path}")

# %% [markdown]
# How warm is it, and how sure is that?

# %%
for name in ("assumed", "known"):
    dataset = lst_raster.open_product(f"{name}_LST.tif")
    mean, unsure = float(dataset.lst.mean()), float(dataset.lst_uncertainty.mean())
    print(f"{name}: {mean:.2f} K on average, with an uncertainty of {unsure:.2f} K")
