"""Published baselines, metrics, comparisons of rasters, match-ups with the ground."""
