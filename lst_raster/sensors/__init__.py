"""Sensor bands: one registry of shipped and custom bands, and their spectral responses."""
