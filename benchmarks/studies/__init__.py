"""One study a file, each with a ``STUDY``; ``benchmarks.registry`` lists them.

A study knows what it measures and how its table looks. Seeds, resuming and files are the runner's.
"""
