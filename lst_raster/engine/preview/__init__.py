"""Previews of products: a picture, or a page for a browser that holds all that it shows."""
