"""Products: COG writer, STAC item, styles, quicklook, preview and checks."""
