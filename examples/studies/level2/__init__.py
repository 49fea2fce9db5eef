"""Radiative terms of USGS Level-2 products compared with those of the models."""
