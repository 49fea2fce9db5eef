"""How long a scene takes and how much memory, ours and those of other software: ``python -m tests.benchmarks``."""
