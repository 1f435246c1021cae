"""What was tried for the recipes, and what it gave: every candidate on validation data."""

import argparse
import statistics

from benchmarks import environment, results, validation
from benchmarks.errors import BenchmarkError

START, END = "<!-- tuning-table:start -->", "<!-- tuning-table:end -->"
PAGE = environment.ROOT / "docs" / "frontier.md"
FILE = results.PUBLISHED / "tuning.jsonl"

DESCRIPTION = """\
Fit every setting that was tried for a recipe on 55,000 training images, and score it on the other
5,000. Settings that the result file has already are skipped.
"""

MUON = {"optimizer": "muon", "lr": 1e-2}
FLIPS = {"augment": {"flip": "alternate"}}
SHIFTS = {"augment": {"flip": "alternate", "shift": 1}}
ERASING = {"augment": {"flip": "alternate", "shift": 1, "erase": 0.3, "erase_area": 0.15}}
DENSE = {"optimizer": "muon", "lr": 5e-3, "batch_size": 512}
DEEPER = {"depth": 2, "max_epochs": 6, **MUON, **SHIFTS}
SMALL_RESNET = {"width": 32, "depth": 1, "stem_stride": 2, "max_epochs": 6, **SHIFTS}
WITHOUT_NORM = {"batch_norm": False, "max_epochs": 10, **SHIFTS}


def _mlp(*hidden_layer_sizes, **parameters):
    return "MLPNetClassifier", {"hidden_layer_sizes": hidden_layer_sizes, **parameters}


def _conv(**parameters):
    return "ConvNetClassifier", parameters


def _resnet(**parameters):
    return "ResNetClassifier", parameters


def _attention(**parameters):
    return "AttentionNetClassifier", parameters


# Recipe -> what was tried for it: a class of skfashion's and its parameters.
CANDIDATES = {
    "mlp-89": [
        _mlp(128, max_epochs=2, batch_size=256, **MUON),
        _mlp(128, max_epochs=2, batch_size=512, **MUON),
        _mlp(128, max_epochs=1, batch_size=256, **MUON),
        _mlp(64, max_epochs=3, batch_size=256, **MUON),
        _mlp(96, max_epochs=2, batch_size=512, optimizer="muon", lr=2e-2),
        _mlp(128, 64, max_epochs=4, batch_size=256, lr=6e-3),
        _mlp(256, max_epochs=5, batch_size=256, lr=5e-3),
    ],
    "mlp-91, mlp-tuned": [
        _mlp(512, 256, max_epochs=14, **DENSE, **SHIFTS),
        _mlp(512, 256, max_epochs=14, **DENSE, **FLIPS),
        _mlp(512, 256, max_epochs=14, batch_size=512, lr=3e-3, **SHIFTS),
        _mlp(1024, 512, max_epochs=12, **DENSE, **SHIFTS),
        _mlp(512, max_epochs=14, **DENSE, **SHIFTS),
        _mlp(512, 256, max_epochs=6, **DENSE, **SHIFTS),
        _mlp(512, 256, max_epochs=14, dropout=0.1, **DENSE, **SHIFTS),
        _mlp(512, 256, max_epochs=14, batch_norm=True, **DENSE, **SHIFTS),
    ],
    "mlp-wider": [
        _mlp(512, 256, 128, max_epochs=8, **DENSE, **SHIFTS),
        _mlp(512, 256, 128, max_epochs=8, **DENSE, **FLIPS),
        _mlp(512, 256, 128, max_epochs=20, dropout=0.1, **FLIPS),
    ],
    "mlp-deeper": [
        _mlp(256, 128, 64, 32, max_epochs=14, **DENSE, **SHIFTS),
        _mlp(256, 128, 64, 32, max_epochs=14, **DENSE, **FLIPS),
        _mlp(256, 128, 64, 32, max_epochs=20, **FLIPS),
    ],
    "mlp-simple": [
        _mlp(128, 64, max_epochs=6, optimizer="muon", lr=5e-3, batch_size=256),
        _mlp(128, 64, max_epochs=12, optimizer="muon", lr=5e-3, batch_size=256, **FLIPS),
        _mlp(128, 64, max_epochs=20),
    ],
    "mlp-keras": [
        _mlp(128, max_epochs=5, optimizer="muon", lr=5e-3, batch_size=256),
        _mlp(128, max_epochs=5),
    ],
    "cnn-92": [
        _conv(max_epochs=1, **MUON),
        _conv(max_epochs=1, batch_size=256, optimizer="muon", lr=2e-2),
        _conv(max_epochs=1, hidden_layer_sizes=(64,), **MUON),
        _conv(max_epochs=1, channels=(24, 48), **MUON),
        _conv(max_epochs=1, depth=2, channels=(16, 48), **MUON),
        _conv(max_epochs=1),
        _conv(max_epochs=2),
        _conv(max_epochs=2, channels=(24, 48)),
        _conv(max_epochs=2, channels=(24, 48), **MUON),
        _conv(max_epochs=2, channels=(16, 48), batch_size=256, **MUON),
        _conv(max_epochs=2, batch_size=256, **MUON),
    ],
    "cnn-94": [
        _conv(**DEEPER),
        _conv(**(DEEPER | {"batch_size": 256})),
        _conv(**(DEEPER | {"max_epochs": 4})),
        _conv(**(DEEPER | {"depth": 1, "max_epochs": 8})),
        _conv(**(DEEPER | {"depth": 1, "max_epochs": 5, "channels": (64, 128)})),
        _conv(**(DEEPER | {"batch_size": 256, "lr": 2e-2})),
        _conv(**(DEEPER | {"batch_size": 256, "label_smoothing": 0.1})),
        _conv(**(DEEPER | {"batch_size": 256, "momentum": 0.95})),
        _conv(**(DEEPER | {"batch_size": 256, "hidden_layer_sizes": ()})),
        _conv(**(DEEPER | {"batch_size": 256, "channels": (32, 64, 128)})),
        _conv(**(DEEPER | {"optimizer": "adamw", "lr": 5e-3})),
        _conv(**(DEEPER | {"ema_decay": 0.99})),
        _resnet(**SMALL_RESNET, **MUON),
        _resnet(**SMALL_RESNET),
    ],
    "cnn-95": [
        _conv(**(DEEPER | {"max_epochs": 14, **ERASING})),
        _conv(**(DEEPER | {"max_epochs": 14, "dropout": 0.3})),
        _conv(**(DEEPER | {"max_epochs": 14, "weight_decay": 0.1})),
        _conv(**(DEEPER | {"max_epochs": 14, "weight_decay": 0.5})),
        _conv(**(DEEPER | {"max_epochs": 14, "channels": (32, 64, 128)})),
        _conv(**(DEEPER | {"max_epochs": 10, "channels": (32, 64, 128), "depth": 3})),
        ("VotingClassifier", {"estimators": [("ConvNetClassifier", DEEPER | {"tta": 10})] * 4}),
        _conv(**(DEEPER | {"max_epochs": 10, "channels": (48, 96), "dropout": 0.3})),
    ],
    "ResNetClassifier's defaults": [
        _resnet(stem_stride=2, max_epochs=5, **MUON),
        _resnet(stem_stride=2, max_epochs=5, batch_size=256, **MUON),
        _resnet(stem_stride=2, max_epochs=6, lr=5e-3),
        _resnet(stem_stride=2, max_epochs=5, block="preact", **MUON),
    ],
    "AttentionNetClassifier's defaults": [
        _attention(max_epochs=8, optimizer="muon", lr=5e-3),
        _attention(max_epochs=8, lr=2e-3),
        _attention(max_epochs=8, lr=5e-3),
    ],
    "fashionnet": [
        _conv(conv_dropout=0.25, dropout=0.5, **WITHOUT_NORM, **(MUON | {"lr": 5e-3})),
        _conv(conv_dropout=0.1, dropout=0.3, **WITHOUT_NORM, **(MUON | {"lr": 5e-3})),
        _conv(dropout=0.2, **WITHOUT_NORM, **(MUON | {"lr": 5e-3})),
        _conv(conv_dropout=0.05, dropout=0.3, **(WITHOUT_NORM | MUON | {"max_epochs": 14})),
    ],
    "fashioncnn": [
        _conv(**WITHOUT_NORM, **(MUON | {"lr": 5e-3})),
        _conv(**WITHOUT_NORM, lr=2e-3),
    ],
}


def add_parser(subparsers):
    """Add the command ``tuning``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "tuning",
        help="what was tried for the recipes, on validation data",
        description=DESCRIPTION,
        epilog="Recipes: " + "; ".join(CANDIDATES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--recipes", default=";".join(CANDIDATES), help="names with semicolons; default all"
    )
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds; default 1")
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, and write the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    names = options.recipes.split(";")
    unknown = [name for name in names if name not in CANDIDATES]
    if unknown:
        raise BenchmarkError(
            f"unknown recipe {', '.join(unknown)}; choose from {'; '.join(CANDIDATES)}", exit_code=2
        )
    command = f"python -m benchmarks tuning --recipes '{options.recipes}' --seeds {options.seeds}"
    validation.measure_missing("tuning", _settings(names), options.seeds, FILE, command)
    from benchmarks.tables import write_into

    write_into(PAGE, markdown(results.read(FILE)), START, END)
    return 0


def markdown(rows):
    """Write the table: a candidate a line.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    from tabulate import tabulate

    settings, lines, shown = _settings(CANDIDATES), [], []
    for (recipe, *candidate), group in zip(
        settings, validation.rows_of(rows, settings), strict=True
    ):
        if group:
            shown += group
            line = [recipe, f"`{in_words(*candidate)}`"]
            for views in (("None",), ("flip",), ("10", "as it votes")):
                values = [
                    100 * value
                    for row in group
                    for view, value in row["accuracy"].items()
                    if view in views
                ]
                line.append(f"{statistics.fmean(values):.2f}" if values else "")
            line.append(f"{statistics.median(row['seconds'] for row in group):.1f}")
            lines.append(line)
    headings = ["for", "setting", "validation accuracy %", "tta='flip'", "tta=10", "s"]
    table = tabulate(lines, headings, tablefmt="pipe", disable_numparse=True)
    return f"{table}\n\n`python -m benchmarks tuning`. {validation.sources(shown)}"


def _settings(names):
    """Return what was tried for some recipes, named by them."""
    return [(name, *candidate) for name in names for candidate in CANDIDATES[name]]


def in_words(classifier, parameters):
    """Return a candidate as a reader would write it."""
    if classifier == "VotingClassifier":
        members = [in_words(*member) for member in parameters["estimators"]]
        kinds = dict.fromkeys(members)
        return "votes of " + ", ".join(f"{members.count(kind)} {kind}" for kind in kinds)
    words = []
    for name, value in parameters.items():
        if isinstance(value, dict):
            inside = ", ".join(f"{key}={amount!r}" for key, amount in value.items())
            words.append(f"{name}=Augmentation({inside})")
        else:
            words.append(f"{name}={value!r}")
    return f"{classifier}({', '.join(words)})"
