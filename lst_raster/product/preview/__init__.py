"""Preview of a product as a picture or a page for a browser."""
