"""In-situ temperatures from the longwave irradiances of stations: SURFRAD, BSRN, ARM, and FLUXNET, ICOS, AmeriFlux."""
