"""Where the emissivity of every pixel comes from: sources in the user's order of priority, merged."""
