"""Land surface temperature from single-band Landsat thermal scenes."""

__version__ = "0.1.0"
