"""Whether a product is whole, and how it stands to CEOS-ARD."""
