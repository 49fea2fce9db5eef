"""The retrieval: tiles, the atmosphere on a coarse grid, inversion, quality bits and the run."""
