"""Profile libraries, the sampling design and the simulated set."""
