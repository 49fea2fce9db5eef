"""Error budget of the temperature of a lake against measurements in the water."""
