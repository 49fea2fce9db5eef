"""Retrieval error from emissivity that varies within the band."""
