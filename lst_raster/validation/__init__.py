"""Comparison with other rasters, match-ups and simulated sets."""
