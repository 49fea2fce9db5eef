"""Many scenes: scene lists, plans, backends and reports."""
