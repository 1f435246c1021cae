"""Measurements of skfashion and its competitors: ``python -m benchmarks --help``.

One subject a file: ``models`` (who competes, with which settings), ``data`` (on which rows),
``run`` (one measurement in this process), ``accuracy`` (all of them, each in a process of its
own), ``metrics``, ``environment``, ``results`` (JSON lines), ``tables`` and ``pictures`` (made
from result files alone). Nothing in ``skfashion`` imports this package.
"""
