"""Imports go one way."""

import ast
from pathlib import Path

import pytest

import skfashion

PACKAGE = Path(skfashion.__file__).parent

# What the modules of each part may import: parts of the package, and libraries that are refused.
PARTS = {
    "nets": {"allowed": {"nets"}, "libraries": {"torch", "torchvision", "copy", "math", "re"}},
    "progress": {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}},
    "training": {"allowed": {"progress", "training"}, "refused": {"sklearn"}},
    "datasets": {"allowed": {"datasets", "images"}, "refused": {"torch", "skorch"}},
    "parameters": {"allowed": set(), "refused": {"torch", "skorch"}},
    "images": {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}},
    "inputs": {"allowed": set(), "refused": {"skorch"}},
    "resuming": {"allowed": {"inputs", "training"}, "refused": {"skorch"}},
    "tasks": {"allowed": set(), "refused": {"torch", "skorch"}},
    "training_data": {
        "allowed": {"images", "inputs", "priors", "resuming", "training", "transfer"},
        "refused": {"skorch"},
    },
    "losses": {"allowed": {"parameters"}, "refused": {"torch", "skorch"}},
    "priors": {"allowed": {"losses"}, "refused": {"skorch"}},
    "augmentation": {"allowed": {"parameters", "training"}, "refused": {"torch", "skorch"}},
    "transfer": {"allowed": set(), "refused": {"skorch"}},
    "lineage": {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}},
    "fitting": {
        "allowed": {
            "augmentation",
            "images",
            "inputs",
            "lineage",
            "losses",
            "priors",
            "training",
            "transfer",
        },
        "refused": {"skorch"},
    },
    "base": {
        "allowed": {
            "augmentation",
            "fitting",
            "images",
            "inputs",
            "options",
            "parameters",
            "priors",
            "resuming",
            "tasks",
            "training",
            "training_data",
        },
        "refused": {"skorch"},
    },
    "options": {
        "allowed": {"augmentation", "fitting", "losses", "parameters"},
        "refused": {"torch", "skorch"},
    },
}
# Many runs through joblib, of whatever kind.
PARTS["cluster"] = {"allowed": set(), "refused": {"torch", "skorch", "sklearn"}}
PARTS["runs"] = {"allowed": {"cluster", "progress"}, "refused": {"torch", "skorch"}}
PARTS["model_selection"] = {
    "allowed": {"cluster", "model_selection", "runs"},
    "refused": {"torch", "skorch"},
}
# What is made of fitted classifiers.
PARTS["adaptation"] = {
    "allowed": {"base", "fitting", "images", "inputs", "training"},
    "refused": {"torch", "skorch"},
}
PARTS["ensemble"] = {
    "allowed": {"adaptation", "base", "ensemble", "images", "inputs", "lineage", "options"}
    | {"training"},
    "refused": {"skorch"},
}
# Studies know what a user knows: public names only.
PARTS["studies"] = {"allowed": {"datasets", "runs", "studies"}, "refused": {"torch", "skorch"}}
# Pictures and reports are made of what is public, too; torch is for weights and gradients.
PARTS["inspection"] = {
    "allowed": {"datasets", "images", "inspection", "studies"},
    "refused": {"skorch"},
}
PARTS["__main__"] = {"allowed": {"inspection"}, "refused": {"torch", "skorch"}}
# The final classifiers.
CLASSIFIER = {
    "allowed": {"base", "nets", "parameters", "transfer"},
    "refused": {"torch", "skorch"},
}
PARTS |= dict.fromkeys(("mlp", "conv", "resnet", "attention", "backbones"), CLASSIFIER)


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
