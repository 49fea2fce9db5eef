"""How long a scene takes and how much memory, ours beside what others use: ``python -m tests.benchmarks``."""
