"""Inputs of a retrieval: emissivity, atmosphere and elevation, from numbers, rasters and reanalyses."""
