"""Reanalysis files in the wild, read into one normal form and interpolated to the scene."""
