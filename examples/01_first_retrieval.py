# %% [markdown]
"""
# A first retrieval

Land surface temperature of the example scene: Landsat 8, band 10, southern Alabama in January 2015.
Products are written to the current folder.
"""

# %%
from pathlib import Path

import lst_raster

HERE = Path(__file__).parent if "__file__" in globals() else Path()  # the folder of a notebook
SCENE = HERE / "data" / "LC08_alabama_B10.tif"

# %% [markdown]
# Without inputs, emissivity and atmosphere are assumed, as recorded in the log and in the product.

# %%
assumed = lst_raster.retrieve(SCENE, output="assumed_LST.tif", overwrite=True)
for quantity in ("emissivity", "water_vapour", "air_temperature"):
    print(f"{quantity}: {assumed.tags[quantity]}")

# %% [markdown]
# With emissivity and atmospheric inputs. Water vapour is in kg m-2, temperature in kelvin, pressure in hPa; `"12mm"`
# and `"9C"` are accepted too.

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
# Mean temperature and uncertainty of both products:

# %%
for name in ("assumed", "known"):
    dataset = lst_raster.open_product(f"{name}_LST.tif")
    mean, uncertainty = float(dataset.lst.mean()), float(dataset.lst_uncertainty.mean())
    print(f"{name}: {mean:.2f} K on average, with an uncertainty of {uncertainty:.2f} K")
