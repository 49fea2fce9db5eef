"""Emissivity sources, one module each, and their merging in order."""
