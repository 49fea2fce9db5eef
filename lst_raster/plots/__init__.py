"""Pictures: quicklooks drawn with Pillow, charts and map sheets with matplotlib."""
