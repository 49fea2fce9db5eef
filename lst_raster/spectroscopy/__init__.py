"""From line lists and continua to absorption coefficients."""
