"""Run time and memory for a scene, compared with other software: ``python -m tests.benchmarks``."""
