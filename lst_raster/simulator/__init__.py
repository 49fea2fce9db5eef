"""The line-by-line simulator: absorption, layers, radiative transfer and band averages."""
