"""Retrieval over the Great Salt Lake compared with the surface temperature of the USGS."""
