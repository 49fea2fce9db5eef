"""Retrieval error from spectra of emissivity that are not grey within the band."""
