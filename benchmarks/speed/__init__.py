"""Speed and memory, side by side with those who do the same: ``python -m benchmarks speed``."""
