# %% [markdown]
"""
# A product in xarray

`open_product` opens temperature, uncertainty and quality of a product as one dataset. Nothing is read before it is
needed. The product is made of the example scene first, in the current folder.
"""

# %%
from pathlib import Path

import lst_raster

HERE = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook runs where it lies
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
# Every quality flag is a variable of its own. This scene has no quality band, so that nothing tells of clouds.

# %%
certain = dataset.lst.where(~dataset.cloud & (dataset.lst_uncertainty < 0.75))
share = float(certain.notnull().sum() / dataset.lst.notnull().sum())
print(f"{100 * share:.0f} % of the pixels are known within 0.75 K; their mean is {float(certain.mean()):.2f} K")

# %% [markdown]
# A pixel by its coordinates, a mean over cells of 300 m, and a file of these for other programs.

# %%
here = dataset.lst.sel(x=464_000.0, y=3_402_000.0, method="nearest")
print(f"{float(here):.2f} K at x {float(here.x):.0f}, y {float(here.y):.0f}")
coarse = certain.coarsen(x=10, y=10, boundary="trim").mean()
print(f"{coarse.sizes['y']} x {coarse.sizes['x']} cells, {float(coarse.min()):.2f} to {float(coarse.max()):.2f} K")
coarse.drop_attrs().to_netcdf("alabama_300m.nc", engine="h5netcdf")
