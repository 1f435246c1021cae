"""All studies by name: each module of ``benchmarks.studies`` has one."""

import importlib
import pkgutil

from benchmarks import studies

MODULES = [
    importlib.import_module(f"{studies.__name__}.{module.name}")
    for module in pkgutil.iter_modules(studies.__path__)
]
STUDIES = {module.STUDY.name: module.STUDY for module in MODULES}
