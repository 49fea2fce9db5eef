# %% [markdown]
"""
# A product in xarray

`open_product` opens temperature, uncertainty and quality of a product as one lazy dataset. The product of the example
scene is written to the current folder first.
"""

# %%
from pathlib import Path

import lst_raster

HERE = Path(__file__).parent if "__file__" in globals() else Path()  # the folder of a notebook
product = lst_raster.retrieve(
    HERE / "data" / "LC08_alabama_B10.tif",
    output="alabama_LST.tif",
    emissivity=0.97,
    water_vapour=12.0,
    air_temperature=282.0,
    surface_pressure=1015.0,
    overwrite=True,
)

# %%
dataset = lst_raster.open_product(product.path)
print(dict(dataset.sizes), dataset.rio.crs, dataset.lst.attrs["units"])
print(*sorted(str(name) for name in dataset.data_vars))

# %% [markdown]
# Each quality flag is a variable. This scene has no quality band, and thus no cloud flags.

# %%
certain = dataset.lst.where(~dataset.cloud & (dataset.lst_uncertainty < 0.75))
fraction = float(certain.notnull().sum() / dataset.lst.notnull().sum())
print(f"{100 * fraction:.0f} % of the pixels are certain within 0.75 K; their mean is {float(certain.mean()):.2f} K")

# %% [markdown]
# A pixel by coordinates, means over cells of 300 m, and a netCDF file of these.

# %%
here = dataset.lst.sel(x=464_000.0, y=3_402_000.0, method="nearest")
print(f"{float(here):.2f} K at x {float(here.x):.0f}, y {float(here.y):.0f}")
coarse = certain.coarsen(x=10, y=10, boundary="trim").mean()
print(f"{coarse.sizes['y']} x {coarse.sizes['x']} cells, {float(coarse.min()):.2f} to {float(coarse.max()):.2f} K")
coarse.drop_attrs().to_netcdf("alabama_300m.nc", engine="h5netcdf")
