"""Why retrieved temperatures of a lake differ from those of its buoy: one cause after the other, none fitted away."""
