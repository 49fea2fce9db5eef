"""Arrays in, arrays out: temperatures of radiances in memory or in chunks, and products as datasets."""
