"""Accuracy benchmark: reproduces all stated accuracy figures."""
