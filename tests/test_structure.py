"""Imports go one way."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

import skfashion

PACKAGE = Path(skfashion.__file__).parent

# What each folder, and each module beside them, may import: parts of the package, and libraries
# that are refused. Whatever is not named here has no rule, and fails.
PARTS = {
    "nets": {"allowed": {"nets"}, "libraries": {"torch", "torchvision", "copy", "math", "re"}},
    "utils": {"allowed": {"utils"}, "refused": {"torch", "skorch"}},
    "images": {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}},
    "metrics": {"allowed": set(), "refused": {"torch", "skorch"}},
    "parallel": {"allowed": {"parallel"}, "refused": {"skorch"}},
    "parameters": {
        "allowed": {"fitting", "parameters", "training"},
        "refused": {"torch", "skorch"},
    },
    "datasets": {"allowed": {"datasets", "images"}, "refused": {"torch", "skorch"}},
    "training": {"allowed": {"parallel", "training"}, "refused": {"sklearn"}},
    "fitting": {
        "allowed": {"fitting", "images", "parallel", "parameters", "training"},
        "refused": {"skorch"},
    },
    "classifiers": {
        "allowed": {"classifiers", "fitting", "images", "nets", "parameters", "training"},
        "refused": {"torch", "skorch"},
    },
    # What is made of fitted classifiers.
    "adaptation": {
        "allowed": {"classifiers", "fitting", "images", "training"},
        "refused": {"torch", "skorch"},
    },
    "ensemble": {
        "allowed": {
            "adaptation",
            "classifiers",
            "ensemble",
            "fitting",
            "images",
            "parameters",
            "training",
        },
        "refused": {"skorch"},
    },
    "model_selection": {
        "allowed": {"model_selection", "parallel"},
        "refused": {"torch", "skorch"},
    },
    # Studies know what a user knows: public names only.
    "studies": {
        "allowed": {"datasets", "metrics", "parallel", "studies", "utils"},
        "refused": {"torch", "skorch"},
    },
    # Pictures and reports are made of what is public, too; torch is for weights and gradients.
    "inspection": {
        "allowed": {"datasets", "images", "inspection", "metrics"},
        "refused": {"skorch"},
    },
    "__main__": {"allowed": {"inspection"}, "refused": {"torch", "skorch"}},
}


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    """Yield the full names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    rule = PARTS[part_of(path)]
    for name in imports_of(path):
        top, *rest = name.split(".")
        assert top not in {"benchmarks", "docs", "tests"}
        if top == "skfashion":
            known = {p.stem for p in PACKAGE.glob("*")} - {"__init__"}
            if rest and rest[0] in known:
                assert rest[0] in rule["allowed"], f"{path.name} imports {name}"
            else:
                # The package itself imports everything: whoever imports from it closes a circle.
                assert not rest, f"{path.name} imports {name}"
        elif "libraries" in rule:
            assert top in rule["libraries"], f"{path.name} imports {name}"
        else:
            assert top not in rule.get("refused", ()), f"{path.name} imports {name}"


def test_only_training_imports_skorch():
    importers = {part_of(p) for p in FILES if any(n.startswith("skorch") for n in imports_of(p))}
    assert importers == {"training"}


# --- the benchmarks -----------------------------------------------------------------------------

BENCHMARKS = Path(__file__).absolute().parents[1] / "benchmarks"


def module_of(path):
    return ".".join(path.relative_to(BENCHMARKS.parent).with_suffix("").parts)


MODULES = {module_of(path).removesuffix(".__init__"): path for path in BENCHMARKS.rglob("*.py")}


def benchmarks_imported_by(path):
    """Return the modules of the benchmarks that a file imports, inside of functions too."""
    names = set(imports_of(path)) & set(MODULES)
    # Of "from benchmarks.studies import accuracy" the package before it is no import of its own.
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def test_benchmarks_have_no_import_circle():
    graph = {name: benchmarks_imported_by(path) for name, path in MODULES.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_studies_do_not_know_who_runs_them():
    above = {f"benchmarks.{name}" for name in ("__main__", "pages", "registry", "report", "runner")}
    for name, path in MODULES.items():
        if name.startswith("benchmarks.studies"):
            assert not benchmarks_imported_by(path) & above, name
    assert benchmarks_imported_by(MODULES["benchmarks.registry"]) == {
        name for name in MODULES if re.fullmatch(r"benchmarks\.studies\.\w+", name)
    }
