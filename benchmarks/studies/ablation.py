"""What each part of a training is worth, one part changed at a time, on validation data.

Train a convolutional network on 55,000 training images with one thing changed at a time, and score
it on the other 5,000.
"""

import statistics
from functools import partial

from benchmarks import candidates
from benchmarks.candidates import numbers_of_seeds
from benchmarks.formatting import caption, cell, pipe_table, values
from benchmarks.study import Study

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
    "optimizer='muon', lr=0.01": {"optimizer": "muon", "lr": 0.01},
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
    groups = zip(units, candidates.rows_of(rows, units), strict=True)
    found = {name: {row["seed"]: row for row in group} for (name, *_), group in groups if group}
    base, lines = found["nothing"], []

    def difference(by_seed, view):
        both = sorted(set(by_seed) & set(base))
        pairs = [(by_seed[seed]["accuracy"][view], base[seed]["accuracy"]["None"]) for seed in both]
        return cell([a - b for a, b in pairs], 100, signed=True)

    for name, by_seed in found.items():
        both = sorted(set(by_seed) & set(base))
        accuracy = statistics.fmean(100 * by_seed[seed]["accuracy"]["None"] for seed in both)
        seconds = statistics.median(by_seed[s]["seconds"] / base[s]["seconds"] for s in both)
        line = [f"`{name}`", f"{accuracy:.2f}"]
        line.append("" if name == "nothing" else difference(by_seed, "None"))
        views = next(iter(by_seed.values()))["accuracy"]
        line += [difference(by_seed, view) if view in views else "" for view in ("flip", "10")]
        lines.append([*line, f"{seconds:.2f}"])
    headings = ["changed", "validation accuracy %", "difference, points"]
    headings += ["the same with tta='flip'", "with tta=10", "time, ratio"]
    settings = ", ".join(f"{name}={value}" for name, value in BASE.items())
    seconds = statistics.median(values(base.values(), "seconds"))
    shown = [row for by_seed in found.values() for row in by_seed.values()]
    return (
        f"{pipe_table(lines, headings)}\n\n`ConvNetClassifier({settings})`, {seconds:.0f} s a fit; "
        f"differences seed by seed. Seeds: {numbers_of_seeds(shown)}.\n{caption(shown)}\n\n"
        "Command: `python -m benchmarks ablation`."
    )


STUDY = Study(
    name="ablation",
    help="what each part of a training is worth, on validation data",
    cost="45 min",
    units=lambda asked: UNITS,
    describe=candidates.describe,
    measure=candidates.measure,
    table=table,
    page="frontier.md",
    by=("unit", "settings"),
    verify=partial(candidates.verify, unit=UNITS[-2]),  # the fastest
)
