"""What each part of a training is worth, on validation data.

Train a convolutional network on 55,000 training images with one thing changed at a time, and score
it on the other 5,000.
"""

import statistics

from benchmarks import candidates
from benchmarks.candidates import numbers_of_seeds
from benchmarks.formatting import cell, table_above, values
from benchmarks.study import study_of

# The default network, long enough in training for the parts to matter.
BASE = {"max_epochs": 4}
# What is changed, by name.
CHANGES = {
    "nothing": {},
    "augment='flip'": {"augment": "flip"},
    "alternating flips": {"augment": {"flip": "alternate"}},
    "shifts of one pixel": {"augment": {"shift": 1}},
    "augment='flip+shift'": {"augment": "flip+shift"},
    "augment='standard'": {"augment": "standard"},
    "augment='strong'": {"augment": "strong"},
    "erasing": {"augment": {"erase": 0.5}},
    "mixup": {"augment": {"mixup": 0.2}},
    "CutMix": {"augment": {"cutmix": 1.0}},
    "ema_decay=0.99": {"ema_decay": 0.99},
    "label_smoothing=0.1": {"label_smoothing": 0.1},
    "max_grad_norm=1": {"max_grad_norm": 1.0},
    "sam_rho=0.05": {"sam_rho": 0.05},
    "optimizer='adamw', lr=0.005": {"optimizer": "adamw", "lr": 5e-3, "weight_decay": 0.01},
    "optimizer='sgd', lr=0.1": {"optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4},
    "lr_schedule='cosine'": {"lr_schedule": "cosine"},
    "dropout=0.3": {"dropout": 0.3},
    "depth=2": {"depth": 2},
    "batch_norm=False": {"batch_norm": False},
    "precision='fp32'": {"precision": "fp32"},
}
UNITS = [(name, "ConvNetClassifier", BASE | change) for name, change in CHANGES.items()]


def table(rows, units=UNITS):
    """Write the table: a change a line, with its mean difference to nothing changed."""
    groups, found, lines = candidates.by_setting(rows), {}, []
    for name, *setting in units:
        known_by = name, candidates.in_words(candidates.settings_of(*setting))
        if known_by in groups:  # rows of what a setting was before are not shown
            found[name] = {row["seed"]: row for row in groups[known_by]}
    base = found["nothing"]
    for name, by_seed in found.items():
        pairs = [(by_seed[seed], base[seed]) for seed in sorted(set(by_seed) & set(base))]
        accuracy = statistics.fmean(100 * row["accuracy"]["None"] for row, _ in pairs)
        line = [f"`{name}`", f"{accuracy:.2f}"]
        for view in ("None", "flip", "10"):
            if view not in pairs[0][0]["accuracy"] or (name, view) == ("nothing", "None"):
                line.append("")
                continue
            gains = [row["accuracy"][view] - plain["accuracy"]["None"] for row, plain in pairs]
            line.append(cell(gains, 100, signed=True))
        seconds = statistics.median(row["seconds"] / plain["seconds"] for row, plain in pairs)
        lines.append([*line, f"{seconds:.2f}"])
    headings = ["changed", "validation accuracy %", "difference, points"]
    headings += ["the same with tta='flip'", "with tta=10", "time, ratio"]
    settings = ", ".join(f"{name}={value}" for name, value in BASE.items())
    seconds = statistics.median(values(base.values(), "seconds"))
    shown = [row for by_seed in found.values() for row in by_seed.values()]
    words = (
        f"`ConvNetClassifier({settings})`, {seconds:.0f} s a fit; differences seed by seed. "
        f"Seeds: {numbers_of_seeds(shown)}."
    )
    return table_above(lines, headings, words, shown, "python -m benchmarks ablation")


STUDY = study_of(
    __name__,
    cost="45 min",
    page="frontier.md",
    describe=candidates.describe,
    measure=candidates.measure,
    cheap=(UNITS[-2],),
    by=("unit", "settings"),
)
