"""Retrieval and products as xarray DataArrays, in memory or in dask chunks."""
