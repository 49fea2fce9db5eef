"""Error budget of the retrieved temperature of a lake, compared with in-situ water temperature."""
