"""Do the stated uncertainties of means over areas and dates hold? Draws of correlated errors over simulated scenes."""
