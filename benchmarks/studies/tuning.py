"""What was tried for the recipes, on validation data.

Fit every setting that was tried for a recipe on 55,000 training images, and score it on the other
5,000.
"""

import statistics

from benchmarks import candidates
from benchmarks.candidates import in_words, numbers_of_seeds
from benchmarks.errors import names_option
from benchmarks.formatting import mark, marks_of, median, table_above
from benchmarks.recipes import FASTEST, FLIPS, LONGER, REFERENCES, SHIFTS, STRONG_ERASING, VOTERS
from benchmarks.study import study_of

ADAMW = {"channels": (32, 64), "batch_size": "auto", "optimizer": "adamw", "lr": 5e-3}


def _around(recipe, *changes):
    """Return a chosen recipe and what differs from it; all views of an image are scored of each."""
    entry = (FASTEST | REFERENCES)[recipe]
    plain = {k: v for k, v in entry.parameters.items() if k != "tta"}
    return [(entry.classifier, plain | change) for change in ({}, *changes)]


# What was tried for a network that votes.
MEMBERS = (
    {"channels": (32, 64)},
    {"channels": (32, 64), "augment": SHIFTS, "dropout": 0.3},
    {"channels": (48, 96), "augment": SHIFTS, "dropout": 0.3, "max_epochs": 10},
    {"channels": (32, 64), "augment": SHIFTS | {"cutmix": 0.5}},
    {},
    {"depth": 3},
    {"weight_decay": 0.1},
    {"label_smoothing": 0.1},
    {"max_epochs": 20, "augment": STRONG_ERASING | {"shift": 2}},
    {"channels": (64, 128, 256), "max_epochs": 10, "augment": STRONG_ERASING},
    {"channels": (64, 128, 256), "max_epochs": 20, "augment": STRONG_ERASING},
)
# Recipe -> what was tried for it: a class of skfashion's and its parameters.
CANDIDATES = {
    "mlp-89": _around(
        "mlp-89",
        {"batch_size": 512},
        {"max_epochs": 1},
        {"hidden_layer_sizes": (64,), "max_epochs": 3},
        {"hidden_layer_sizes": (96,), "batch_size": 512, "lr": 2e-2},
        {"hidden_layer_sizes": (128, 64), "max_epochs": 4, "optimizer": "adamw", "lr": 6e-3},
        {"hidden_layer_sizes": (256,), "max_epochs": 5, "optimizer": "adamw", "lr": 5e-3},
    ),
    "mlp-91, mlp-tuned": _around("mlp-91")
    + _around(
        "mlp-tuned",
        {"max_epochs": 14},
        {"max_epochs": 14, "augment": FLIPS},
        {"max_epochs": 14, "optimizer": "adamw", "lr": 3e-3},
        {"max_epochs": 12, "hidden_layer_sizes": (1024, 512)},
        {"max_epochs": 14, "hidden_layer_sizes": (512,)},
        {"max_epochs": 14, "batch_norm": True},
        {"dropout": 0.1},
    ),
    "mlp-wider": _around(
        "mlp-wider",
        {"augment": FLIPS},
        {"max_epochs": 20, "augment": FLIPS, "optimizer": "adamw", "dropout": 0.1},
    ),
    "mlp-deeper": _around(
        "mlp-deeper", {"augment": FLIPS}, {"max_epochs": 20, "augment": FLIPS, "optimizer": "adamw"}
    ),
    "mlp-simple": _around(
        "mlp-simple",
        {"max_epochs": 6, "augment": None},
        {"max_epochs": 20, "augment": None, "optimizer": "adamw"},
    ),
    "mlp-keras": _around("mlp-keras", {"batch_size": 256, "optimizer": "muon", "lr": 5e-3}),
    "cnn-92": _around(
        "cnn-92",
        {"max_epochs": 1, "channels": (32, 64), "batch_size": "auto"},
        {"max_epochs": 1, "channels": (32, 64), "lr": 2e-2},
        {"max_epochs": 1, "channels": (32, 64), "batch_size": "auto", "hidden_layer_sizes": (64,)},
        {"max_epochs": 1, "channels": (24, 48), "batch_size": "auto"},
        {"max_epochs": 1, "depth": 2, "batch_size": "auto"},
        {"max_epochs": 2, "channels": (24, 48), "batch_size": "auto"},
        {"max_epochs": 2, "channels": (32, 64)},
        {"max_epochs": 1, **ADAMW},
        {"max_epochs": 2, **ADAMW},
        {"max_epochs": 2, **ADAMW, "channels": (24, 48)},
    ),
    "cnn-94": _around(
        "cnn-94",
        {"batch_size": 256},
        {"max_epochs": 4},
        {"depth": 1, "max_epochs": 8},
        {"depth": 1, "max_epochs": 5, "channels": (64, 128)},
        {"batch_size": 256, "lr": 2e-2},
        {"batch_size": 256, "label_smoothing": 0.1},
        {"batch_size": 256, "hidden_layer_sizes": ()},
        {"batch_size": 256, "channels": (32, 64, 128)},
        {"optimizer": "adamw", "lr": 5e-3},
        {"ema_decay": 0.99},
    ),
    "cnn-95": [
        *_around("cnn-95", {"estimators": [*VOTERS, ("ConvNetClassifier", LONGER | {"depth": 3})]}),
        *(
            ("ConvNetClassifier", {k: v for k, v in LONGER.items() if k != "tta"} | change)
            for change in MEMBERS
        ),
    ],
    "fashionnet": _around(
        "fashionnet",
        {"conv_dropout": 0.25, "dropout": 0.5},
        {"conv_dropout": 0.1, "dropout": 0.3},
        {"conv_dropout": 0.05, "dropout": 0.3, "max_epochs": 14, "lr": 1e-2},
    ),
    "fashioncnn": _around("fashioncnn", {"optimizer": "adamw", "lr": 2e-3}),
}


def units(asked):
    """Return what was tried for the recipes that are asked for, named by them."""
    recipes = asked.options.recipes
    return [(name, *candidate) for name in recipes for candidate in CANDIDATES[name]]


def table(rows, known=CANDIDATES):
    """Write the table: a setting a line, also those that are candidates no longer."""
    names = list(dict.fromkeys([*known, *(row["unit"] for row in rows)]))
    recipes = [setting for recipe in FASTEST | REFERENCES for setting in _around(recipe)]
    chosen = {in_words(candidates.settings_of(*setting)) for setting in recipes}
    lines, marks = [], marks_of(rows)
    ordered = sorted(rows, key=lambda row: names.index(row["unit"]))
    for (recipe, setting), group in candidates.by_setting(ordered).items():
        recipe += mark(group, marks)
        line = [recipe, f"**`{setting}`**" if setting in chosen else f"`{setting}`"]
        pairs = [pair for row in group for pair in row["accuracy"].items()]
        for views in (("None",), ("flip",), ("10", "as it votes")):
            found = [100 * accuracy for view, accuracy in pairs if view in views]
            line.append(f"{statistics.fmean(found):.2f}" if found else "")
        lines.append([*line, median(group, "seconds", form=".1f")])
    headings = ["for", "setting", "validation accuracy %", "tta='flip'", "tta=10", "s"]
    words = "In bold: recipes, without their `tta`, whose columns it is."
    words += f" Seeds: {numbers_of_seeds(rows)}."
    return table_above(lines, headings, words, rows, "python -m benchmarks tuning")


STUDY = study_of(
    __name__,
    cost="1.7 h",
    page="frontier.md",
    seeds=1,
    describe=candidates.describe,
    measure=candidates.measure,
    cheap=(("mlp-keras", *CANDIDATES["mlp-keras"][-1]),),
    by=("unit", "settings"),
    options={"--recipes": names_option(CANDIDATES, ";")},
)
