"""Imports go one way, fitted attributes are set in one place, and private names have a home."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import skorch

import skfashion
from benchmarks import registry

PACKAGE = Path(skfashion.__file__).parent

# What each folder, and each module beside them, may import: parts of the package, and libraries
# that are refused. Whatever is not named here has no rule, and fails.
PARTS = {
    "nets": {
        "allowed": {"nets"},
        "libraries": {
            *("contextlib", "copy", "difflib", "functools", "inspect", "math", "re", "threading"),
            *("torch", "torchvision", "timm"),
        },
    },
    "utils": {"allowed": {"utils"}, "refused": {"torch", "skorch"}},
    "images": {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}},
    "exceptions": {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}},
    "pictures": {
        "allowed": set(),
        "libraries": {"contextlib", "dataclasses", "io", "numbers", "numpy", "PIL"},
    },
    "preprocessing": {
        "allowed": {"pictures", "preprocessing", "utils"},
        "refused": {"torch", "skorch"},
    },
    "layouts": {"allowed": {"images"}, "refused": {"torch", "skorch", "sklearn"}},
    "metrics": {"allowed": set(), "refused": {"torch", "skorch"}},
    "metadata": {
        "allowed": set(),
        "libraries": {"base64", "binascii", "json", "math", "numpy", "sys"},
    },
    "parallel": {
        "allowed": {
            *("parallel", "utils.callers", "utils.files", "utils.memory", "utils.streams"),
            "utils.values",
        },
        "refused": {"skorch"},
    },
    # A service without PyTorch uses it.
    "monitoring": {
        "allowed": {"monitoring", "utils.callers", "utils.names"},
        "libraries": {
            "collections",
            "dataclasses",
            "functools",
            "json",
            "math",
            "numbers",
            "numpy",
            "scipy",
            "typing",
        },
    },
    "parameters": {"allowed": {"parameters", "utils"}, "refused": {"torch", "skorch"}},
    "datasets": {
        "allowed": {
            *("datasets", "images", "parallel.progress", "pictures", "preprocessing", "utils"),
        },
        "refused": {"torch", "skorch"},
    },
    "training": {
        "allowed": {
            *("parallel", "training", "utils.callers", "utils.extras", "utils.files"),
            *("utils.streams", "utils.values"),
        },
        "refused": {"sklearn"},
    },
    "fitting": {
        "allowed": {
            *("exceptions", "fitting", "images", "layouts", "monitoring", "parameters"),
            *("training", "utils"),
        },
        "refused": {"skorch"},
    },
    "classifiers": {
        "allowed": {
            *("classifiers", "fitting", "images", "monitoring", "nets", "parameters", "training"),
            "utils",
        },
        "refused": {"torch", "skorch"},
    },
    # Reads them out of files.
    "persistence": {"allowed": {"classifiers", "fitting", "utils"}, "refused": {"torch", "skorch"}},
    # What is made of fitted classifiers.
    "adaptation": {
        "allowed": {"classifiers", "fitting", "images", "training", "utils"},
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
            "utils",
        },
        "refused": {"skorch"},
    },
    # Files of fitted classifiers: what they compute is read, and nothing is trained.
    "export": {
        "allowed": {
            *("classifiers", "ensemble", "export", "fitting", "images", "metadata", "monitoring"),
            *("preprocessing", "training", "utils"),
        },
        "refused": {"skorch"},
    },
    # Exported files answer questions where PyTorch need not be installed, nor scikit-learn. What is
    # imported within functions is counted, too: models are exported by another process.
    "serving": {
        "allowed": {
            *("images", "metadata", "monitoring", "pictures", "serving"),
            *("utils.command_line", "utils.extras", "utils.files", "utils.forms"),
            "utils.names",
        },
        "refused": {"torch", "skorch", "sklearn", "scipy", "pandas"},
    },
    "model_selection": {
        "allowed": {"model_selection", "parallel", "utils"},
        "refused": {"torch", "skorch"},
    },
    # Studies know what a user knows: public names only, and the rule of what rows are.
    "studies": {
        "allowed": {
            "datasets",
            "layouts",
            "metrics",
            "monitoring",
            "parallel",
            "parameters.augmentation",
            "studies",
            "utils",
        },
        "refused": {"torch", "skorch"},
    },
    # Pictures and reports are made of what is public, too; torch is for weights and gradients.
    "inspection": {
        "allowed": {
            *("datasets", "images", "inspection", "metrics", "parallel.kept", "persistence"),
            *("preprocessing", "utils"),
        },
        "refused": {"skorch"},
    },
    # It imports the module of a command, by name, when that is chosen.
    "__main__": {"allowed": set(), "refused": {"torch", "skorch"}},
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
                parts = {rest[0], ".".join(rest[:2])}
                assert parts & rule["allowed"], f"{path.name} imports {name}"
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


def test_every_part_has_a_rule():
    assert set(PARTS) == {part_of(path) for path in FILES}


def module_name(path):
    return ".".join(("skfashion", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


def modules_imported_by(path, modules):
    """Yield the modules of the package that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules else node.module


def test_no_import_closes_a_circle():
    modules = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    graph = {name: set(modules_imported_by(path, modules)) for name, path in modules.items()}
    list(TopologicalSorter(graph).static_order())  # raises, and names the circle
    parts = {part: set() for part in PARTS}
    for name, imported in graph.items():
        if name != "skfashion":
            part = name.split(".")[1]
            parts[part] |= {other.split(".")[1] for other in imported} - {part}
    list(TopologicalSorter(parts).static_order())


# Places that may set what a fit has learned, by file and function: one of each class, and those
# that change an object of their own. What ends with an underscore in `training` is a net's, and in
# `plot` a display's.
SETTERS = {
    ("classifiers/base.py", "_remember"),
    ("ensemble/snapshots.py", "_remember"),
    ("studies/thresholds.py", "_remember"),
    # A copy of a fitted estimator with another net.
    ("classifiers/base.py", "_with_net"),
    # Of what only carries the names of the columns through scikit-learn's checks.
    ("fitting/data.py", "read"),
    # A search, as scikit-learn's, and estimators of studies that are fitted once and then used.
    ("model_selection/epoch_halving.py", "_plan"),
    ("model_selection/epoch_halving.py", "_refit"),
    ("model_selection/epoch_halving.py", "fit"),
    ("model_selection/stepping.py", "fit"),
    ("preprocessing/reader.py", "fit"),
    ("studies/treatments.py", "fit"),
    ("studies/treatments.py", "fit_resample"),
    # How attributes are replaced and copied.
    ("utils/fitted.py", "replace_fitted"),
    ("utils/fitted.py", "snapshot"),
    ("utils/fitted.py", "unfitted"),
    # A copy of what is exported, with plain estimators inside.
    ("export/plain.py", "_with"),
    # A record of a log, made at once.
    ("serving/logs.py", "__init__"),
    # Layers of a network.
    ("nets/adopting.py", "_use_own_layers"),
    ("nets/backbone.py", "_without_last_layer"),
    ("nets/module.py", "_replaced"),
    ("nets/own_layers.py", "use_own_layers"),
}
WRITES = {"update", "pop", "popitem", "clear", "setdefault", "__setitem__", "__delitem__"}


def is_dict_of_attributes(node):
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "vars"
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def sets_fitted_attributes(node):
    """Tell whether a piece of code sets or deletes fitted attributes of an estimator."""
    changes = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
    if isinstance(node, ast.Attribute) and changes:
        is_fitted = node.attr.endswith("_") and not node.attr.startswith("__")
        return node.attr == "__dict__" or is_fitted
    if isinstance(node, ast.Subscript) and changes:
        return is_dict_of_attributes(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "snapshot":
            return any(k.arg is None or k.arg.endswith("_") for k in node.keywords)
        return node.func.id in {"setattr", "delattr", "replace_fitted"}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"__setattr__", "__delattr__"}:
            return True
        return node.func.attr in WRITES and is_dict_of_attributes(node.func.value)
    return False


def test_one_function_of_each_class_sets_fitted_attributes():
    places = set()
    for path in FILES:
        tree = ast.parse(path.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        inside = {id(node): f.name for f in functions for node in ast.walk(f)}
        name = path.relative_to(PACKAGE).as_posix()
        places |= {
            (name, inside.get(id(node))) for node in ast.walk(tree) if sets_fitted_attributes(node)
        }
    assert SETTERS == {
        (name, function)
        for name, function in places
        if not name.startswith("training/")
        and not (name.startswith("inspection/displays/") and function == "plot")
    }


def test_one_function_warns():
    """It names the line of the user's code, and costs nothing where it cannot be shown."""
    for path in FILES:
        warns = {f"warnings.{name}" for name in ("warn", "warn_explicit")}
        calls = {n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)}
        found = warns & ({ast.unparse(called) for called in calls} | set(imports_of(path)))
        assert not found or path == PACKAGE / "utils" / "callers.py", f"{path.name}: {found}"


# The only modules that may use private names of scikit-learn, torch, and of what runs in parallel.
HOMES = {"utils/_sklearn.py", "training/_torch.py", "parallel/_private.py"}
PRIVATE = re.compile(r"_[a-zA-Z]\w*")


def names_defined_in(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def attributes_in(tree):
    """Yield the names of attributes that are read, by a dot or by ``getattr``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"getattr", "hasattr"}:
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def test_private_names_of_other_packages_are_used_in_their_homes_only():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    ours = {name for tree in trees.values() for name in names_defined_in(tree)}
    ours |= {"_replace"}  # of named tuples, and documented
    for path, tree in trees.items():
        if path.relative_to(PACKAGE).as_posix() in HOMES:
            continue
        others = (name for name in imports_of(path) if not name.startswith("skfashion"))
        imported = {part for name in others for part in name.split(".")}
        private = filter(PRIVATE.fullmatch, (str(name) for name in attributes_in(tree)))
        # skorch has no such home: all of the training knows what is inside of its nets.
        theirs = {name for name in set(private) - ours if not hasattr(skorch.NeuralNet, name)}
        theirs |= set(filter(PRIVATE.fullmatch, imported))
        assert not theirs, f"{path.name} uses private names: {theirs}"


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
    assert list(TopologicalSorter(graph).static_order())


def test_studies_do_not_know_who_runs_them():
    above = {f"benchmarks.{name}" for name in ("__main__", "pages", "registry", "report", "runner")}
    for name, path in MODULES.items():
        if name.startswith("benchmarks.studies"):
            assert not benchmarks_imported_by(path) & above, name
    studies = {name for name in MODULES if re.fullmatch(r"benchmarks\.studies\.\w+", name)}
    assert {module.__name__ for module in registry.MODULES} == studies
