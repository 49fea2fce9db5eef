"""Published baselines, metrics, match-ups."""
