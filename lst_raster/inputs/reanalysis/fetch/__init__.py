"""Downloads of the reanalysis that a scene needs."""
