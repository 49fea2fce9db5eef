"""Statistics of products over time and area."""
