"""Seconds and memory of searches: ``python -m benchmarks search``."""
