"""Preview of a product: a map sheet (PNG) or an interactive page (HTML)."""
