"""Print the lowest versions that pyproject.toml allows, as requirements: `make test-oldest`.

The names that are given are of the extra `dev`; all dependencies of the package come before them.
"""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def floors(*tools):
    """Return "name==lowest version" of each dependency, and of those of `dev` that are named."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    named = {re.match(r"[\w.-]+", one)[0]: one for one in project["optional-dependencies"]["dev"]}
    return [
        _floor(requirement)
        for requirement in [*project["dependencies"], *(named[tool] for tool in tools)]
    ]


def _floor(requirement):
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement)
    if found is None:
        raise ValueError(f"Got the requirement {requirement!r}, expected NAME>=VERSION.")
    return f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print("\n".join(floors(*sys.argv[1:])))
