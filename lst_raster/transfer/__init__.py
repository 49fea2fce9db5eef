"""Radiative transfer through an atmosphere: layers, optical depth, radiances, band averages."""
