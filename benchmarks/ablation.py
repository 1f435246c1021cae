"""What each part of a training is worth, one part changed at a time, on validation data."""

import argparse
import statistics

from benchmarks import environment, results, series, validation
from benchmarks.markdown import pipe_table

START, END = "<!-- ablation-table:start -->", "<!-- ablation-table:end -->"
PAGE = environment.ROOT / "docs" / "frontier.md"
PICTURES = ()
FILE = results.PUBLISHED / "ablation.jsonl"

# The default network, long enough in training for the parts to matter.
BASE = {"max_epochs": 4}

DESCRIPTION = """\
Train a convolutional network on 55,000 training images with one thing changed at a time, and score
it on the other 5,000. Runs that the result file has already are skipped.
"""


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
SETTINGS = [(name, "ConvNetClassifier", BASE | change) for name, change in CHANGES.items()]


def add_parser(subparsers):
    """Add the command ``ablation``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "ablation",
        help="what each part of a training is worth, on validation data",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds; default 3")
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
    command = f"python -m benchmarks ablation --seeds {options.seeds}"
    validation.measure_missing("ablation", SETTINGS, options.seeds, FILE, command)
    from benchmarks.tables import write_studies

    write_studies()
    return 0


def table():
    """Write the table of the published results."""
    return markdown(results.current(results.read(FILE), by=("unit", "settings")))


def markdown(rows):
    """Write the table: a change a line, with its mean difference to nothing changed.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    groups = dict(zip(CHANGES, validation.rows_of(rows, SETTINGS), strict=True))
    found = {name: {row["seed"]: row for row in group} for name, group in groups.items() if group}
    base, lines = found["nothing"], []

    def difference(by_seed, view, other):
        values = [
            100 * (by_seed[seed]["accuracy"][view] - base[seed]["accuracy"][other])
            for seed in sorted(set(by_seed) & set(base))
        ]
        deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        return f"{statistics.fmean(values):+.2f}{deviation}"

    for name, by_seed in found.items():
        seeds = sorted(set(by_seed) & set(base))
        accuracy = statistics.fmean(100 * by_seed[seed]["accuracy"]["None"] for seed in seeds)
        seconds = statistics.median(by_seed[s]["seconds"] / base[s]["seconds"] for s in seeds)
        line = [f"`{name}`", f"{accuracy:.2f}"]
        line.append("" if name == "nothing" else difference(by_seed, "None", "None"))
        views = next(iter(by_seed.values()))["accuracy"]
        line += [
            difference(by_seed, view, "None") if view in views else "" for view in ("flip", "10")
        ]
        lines.append([*line, f"{seconds:.2f}"])
    headings = ["changed", "validation accuracy %", "difference, points"]
    headings += ["the same with tta='flip'", "with tta=10", "time, ratio"]
    table = pipe_table(lines, headings)
    settings = ", ".join(f"{name}={value}" for name, value in BASE.items())
    seconds = statistics.median(row["seconds"] for row in base.values())
    shown = [row for by_seed in found.values() for row in by_seed.values()]
    return (
        f"{table}\n\n`ConvNetClassifier({settings})`, {seconds:.0f} s a fit; differences seed by "
        f"seed. Seeds: {validation.seeds_of(shown)}.\n{series.caption(shown)}\n\n"
        "Command: `python -m benchmarks ablation`."
    )


def verify(rows):
    """Yield the change that takes the least time."""
    setting = next(setting for setting in SETTINGS if setting[0] == "batch_norm=False")
    yield from validation.verify(rows, *setting)
