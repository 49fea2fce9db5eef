"""Rasters, grids, Landsat products and their metadata, on disk, in archives and on servers."""
