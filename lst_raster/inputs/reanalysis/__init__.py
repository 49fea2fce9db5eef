"""Reanalyses: readers of netCDF, GRIB and zarr, and the values over a scene."""
