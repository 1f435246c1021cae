"""What each part of a training is worth, one part changed at a time, on validation data."""

import argparse
import statistics
import sys
import time

from benchmarks import environment, results

START, END = "<!-- ablation-table:start -->", "<!-- ablation-table:end -->"
PAGE = environment.ROOT / "docs" / "frontier.md"
FILE = results.PUBLISHED / "ablation.jsonl"

# A small residual network, long enough in training for the parts to matter.
BASE = {"width": 32, "depth": 1, "stem_stride": 2, "max_epochs": 6}

DESCRIPTION = """\
Train a small residual network on 55,000 training images with one thing changed at a time, and score
it on the other 5,000. Runs that the result file has already, from the same sources, are skipped.
"""


def changes():
    """Return what is changed, by name."""
    from skfashion import Augmentation

    return {
        "nothing": {},
        "augment='flip'": {"augment": "flip"},
        "augment=Augmentation(flip='alternate')": {"augment": Augmentation(flip="alternate")},
        "augment='flip+shift'": {"augment": "flip+shift"},
        "augment='standard'": {"augment": "standard"},
        "augment='strong'": {"augment": "strong"},
        "erasing alone": {"augment": Augmentation(erase=0.5)},
        "mixup": {"augment": Augmentation(mixup=0.2)},
        "CutMix": {"augment": Augmentation(cutmix=1.0)},
        "tta='flip'": {"tta": "flip"},
        "augment='flip', tta='flip'": {"augment": "flip", "tta": "flip"},
        "ema_decay=0.99": {"ema_decay": 0.99},
        "label_smoothing=0.1": {"label_smoothing": 0.1},
        "max_grad_norm=1": {"max_grad_norm": 1.0},
        "sam_rho=0.05": {"sam_rho": 0.05},
        "optimizer='muon'": {"optimizer": "muon"},
        "optimizer='sgd', lr=0.1": {"optimizer": "sgd", "lr": 0.1, "weight_decay": 5e-4},
        "stochastic_depth=0.1": {"stochastic_depth": 0.1},
        "lr_schedule='cosine'": {"lr_schedule": "cosine"},
        "block='se'": {"block": "se"},
        "block='preact'": {"block": "preact"},
        "block='depthwise'": {"block": "depthwise"},
        "precision='fp32'": {"precision": "fp32"},
    }


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
    from benchmarks.defaults import _split_images
    from skfashion import ResNetClassifier

    code = environment.code_hash()
    done = {(r["change"], r["seed"], r["code"]) for r in results.read(FILE)}
    X, X_valid, y, y_valid = _split_images("fashion")
    for seed in range(options.seeds):
        command = f"python -m benchmarks ablation --seeds {options.seeds}"
        for name, change in changes().items():
            if (name, seed, code) in done:
                continue
            net = ResNetClassifier(random_state=seed, **(BASE | change))
            start = time.perf_counter()
            net.fit(X, y)
            seconds = time.perf_counter() - start
            row = {
                "benchmark": "ablation",
                "change": name,
                "seed": seed,
                "accuracy": float(net.score(X_valid, y_valid)),
                "seconds": round(seconds, 2),
                "code": code,
                **environment.circumstances(command),
            }
            results.append(FILE, row)
            print(f"{name}, seed {seed}: {row['accuracy']:.4f}, {seconds:.0f} s", file=sys.stderr)
    from benchmarks.tables import write_into

    write_into(PAGE, markdown(results.read(FILE)), START, END)
    return 0


def markdown(rows):
    """Write the table: a change a line, with its mean difference to nothing changed.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    from tabulate import tabulate

    rows = [row for row in rows if row["code"] == rows[-1]["code"]]
    found = {}
    for row in rows:
        found.setdefault(row["change"], {})[row["seed"]] = row
    base, lines = found["nothing"], []
    for name, by_seed in found.items():
        seeds = sorted(set(by_seed) & set(base))
        values = [100 * by_seed[seed]["accuracy"] for seed in seeds]
        differences = [100 * (by_seed[s]["accuracy"] - base[s]["accuracy"]) for s in seeds]
        deviation = f" ± {statistics.stdev(differences):.2f}" if len(seeds) > 1 else ""
        seconds = statistics.median(by_seed[s]["seconds"] / base[s]["seconds"] for s in seeds)
        difference = "" if name == "nothing" else f"{statistics.fmean(differences):+.2f}{deviation}"
        lines.append([f"`{name}`", f"{statistics.fmean(values):.2f}", difference, f"{seconds:.2f}"])
    headings = ["changed", "validation accuracy %", "difference, points", "time, ratio"]
    table = tabulate(lines, headings, tablefmt="pipe", disable_numparse=True)
    settings = ", ".join(f"{name}={value}" for name, value in BASE.items())
    seconds = statistics.median(row["seconds"] for row in base.values())
    return (
        f"{table}\n\n`ResNetClassifier({settings})`, {len(base)} seeds, {seconds:.0f} s a fit; "
        f"differences seed by seed. `{rows[-1]['command']}`, commit {rows[-1]['commit'][:10]}."
    )
