"""Memory of this process: ``skfashion.studies.memory`` alone, without the package around it.

Importing the package imports PyTorch, which would be counted as memory of every competitor.
"""

import importlib.util
from pathlib import Path

# Finding a package imports nothing; finding what is inside of it would.
_package = importlib.util.find_spec("skfashion").submodule_search_locations[0]
_spec = importlib.util.spec_from_file_location(
    "benchmarks._memory", Path(_package, "studies", "memory.py")
)
_memory = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_memory)

forget_peak = _memory.forget_peak
peak_mb = _memory.peak_mb
resident_mb = _memory.resident_mb
