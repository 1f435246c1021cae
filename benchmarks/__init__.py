"""Measurements of skfashion and its competitors: ``python -m benchmarks --help``.

A file of ``studies`` has what is measured and its table, ``study`` says what belongs to it,
``runner`` runs it, ``results`` keeps its rows, and ``pages`` and ``report`` show them. Nothing in
``skfashion`` imports this package.
"""
