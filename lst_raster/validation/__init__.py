"""Comparison of products with other rasters and in-situ temperatures, and of models with simulated sets."""
