"""The command ``python -m skfashion report``."""

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

DESCRIPTION = """\
Write one page of HTML about fitted classifiers: scores with intervals, a confusion matrix whose
cells show their images, examples, calibration, training curves. It needs no network and no other
file.

A MODEL is a file that joblib.dump has written. Loading one runs code that is in it: open only files
of people whom you trust with your computer.
"""


class _Data(NamedTuple):
    X: object
    y: object
    y_train: object
    class_names: object
    name: str
    limits: tuple
    card: dict


def add_parser(subparsers):
    """Add the command ``report``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "report",
        help="one page about fitted classifiers, to send on",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="file of joblib.dump; NAME=FILE names it")
    add(
        "--data",
        default="sample",
        help="sample (the bundled test images), fashion-mnist (all 10,000), or an .npz file with "
        "X and y, perhaps class_names and y_train; default sample",
    )
    add(
        "--table",
        action="append",
        default=[],
        metavar="HEADING=FILE.csv",
        help="one more table, such as scores of groups; may be given several times",
    )
    add("--title", default="Report")
    add("--resamples", type=int, default=1000, help="for the intervals; default 1000")
    add("-o", "--output", default="report.html", help="default report.html")
    parser.set_defaults(command=main)


def main(options):
    """Read models and data, write the page.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    import pandas as pd

    from skfashion.inspection.report.page import make_report

    paths = dict(_named(model) for model in options.models)
    if len(paths) < len(options.models):
        raise ValueError(f"Got models of equal names, expected NAME=FILE of each: {options.models}")
    tables = dict(_named(table) for table in options.table)
    data = _read(options.data)
    report = make_report(
        {name: _load(path) for name, path in paths.items()},
        data.X,
        data.y,
        class_names=data.class_names,
        y_train=data.y_train,
        data_name=data.name,
        data_limits=data.limits,
        data_card=data.card,
        tables={heading: pd.read_csv(path) for heading, path in tables.items()},
        title=options.title,
        n_resamples=options.resamples,
    )
    path = report.save(options.output)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return 0


def _named(text):
    """Return the name and the path in ``NAME=FILE``, or ``FILE``, whose name is its own."""
    if Path(text).exists():  # whatever signs are in its name
        return Path(text).stem, Path(text)
    name, sign, path = text.partition("=")
    return (name, Path(path)) if sign else (Path(text).stem, Path(text))


def _load(path):
    import joblib

    try:
        return joblib.load(path)
    except OSError:
        raise
    except Exception as error:  # whatever a file of another kind makes pickle do
        raise ValueError(
            f"{path} cannot be read as a file of joblib.dump ({type(error).__name__}: {error})."
        ) from error


def _described(text):
    """Return the facts and the limits in a description of ``skfashion.datasets``."""
    facts = re.findall(r"^:([^:]+): (.+(?:\n    .+)*)", text, re.MULTILINE)
    limits = text.partition("**Limits**")[2].strip().split("\n\n")
    card = {key.lower(): " ".join(value.split()) for key, value in facts}
    return card, tuple(" ".join(limit.replace("*", "").split()) for limit in limits)


def _read(name):
    from skfashion.datasets import data_hash, fetch_fashion_mnist, load_fashion_sample

    if name in ("sample", "fashion-mnist"):
        load = load_fashion_sample if name == "sample" else fetch_fashion_mnist
        test, y_train = load(subset="test"), load(return_X_y=True)[1]
        what = "test images of Fashion-MNIST" + (", bundled" if name == "sample" else "")
        card, limits = _described(test.DESCR)
        kept = ("values", "source", "licence")
        card = {key: card[key] for key in kept if key in card}
        card |= {"fingerprint": data_hash(test.data, test.target)}
        return _Data(test.data, test.target, y_train, test.target_names, what, limits, card)
    if not name.endswith(".npz"):
        raise ValueError(f"Got --data {name}, expected sample, fashion-mnist or an .npz file.")
    with np.load(name, allow_pickle=False) as file:
        missing = {"X", "y"} - set(file)
        if missing:
            raise ValueError(f"Got {name} without {' and '.join(sorted(missing))}.")
        optional = (file.get(key) for key in ("y_train", "class_names"))
        card = {"fingerprint": data_hash(file["X"], file["y"])}
        return _Data(file["X"], file["y"], *optional, f"images of {Path(name).name}", (), card)
