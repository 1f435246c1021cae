"""From the arguments of ``fit`` to a trained net: checks, data, building, and what is watched.

The training itself is in ``training``.
"""
