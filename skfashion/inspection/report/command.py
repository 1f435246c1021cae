"""The command ``python -m skfashion report``."""

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skfashion.persistence import load
from skfashion.utils.command_line import checked_output, name_and_path, paths_by_name
from skfashion.utils.forms import COMPRESSED, PICKLE, form_of, refuse_other_forms
from skfashion.utils.streams import Forgiving
from skfashion.utils.tensors import looks_like_tensors
from skfashion.utils.values import read_arrays

DESCRIPTION = """\
Write one page of HTML about fitted classifiers: scores with intervals, a confusion matrix whose
cells show their images, examples, calibration, training curves. It needs no network and no other
file.

A MODEL is a file of net.save(path), FILE.safetensors, which may be anybody's; or one that
joblib.dump has written. Loading the latter runs code that is in it: open only files of people whom
you trust with your computer.
"""
# What the command opens.
EXPECTED = (
    "The command takes files of net.save and joblib.dump; open others in Python, and give the "
    "classifier to skfashion.inspection.make_report."
)
# MedMNIST's names of arrays, and ours; of its training images nothing is asked.
MEDMNIST = {"test_images": "X", "test_labels": "y", "train_labels": "y_train"}
# A limit of data that the command line does not describe.
UNSAID = "Nothing was said about where these images are from."


class _Data(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    y_train: np.ndarray | None
    class_names: np.ndarray | None
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
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        metavar="MODEL",
        help="file of net.save or joblib.dump; NAME=FILE names it",
    )
    add(
        "--data",
        default="sample",
        help="sample (the bundled test images), fashion-mnist (all 10,000), or an .npz file with "
        "X and y, perhaps class_names and y_train, or MedMNIST's; default sample",
    )
    add(
        "--table",
        action="append",
        default=[],
        metavar="HEADING=FILE.csv",
        help="one more table, such as scores of groups; may be given several times",
    )
    add("--data-name", metavar="TEXT", help="what the images are, such as: photographs of our shop")
    add(
        "--limit",
        action="append",
        default=[],
        metavar="TEXT",
        help="what a reader must know about the data; may be given several times",
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
    from skfashion.inspection.report.report import make_report

    paths = paths_by_name(options.models)
    checked_output(options.output)
    tables = {heading: _read_table(path) for heading, path in map(name_and_path, options.table)}
    data = _read_data(options.data)
    models = {name: _load_model(path) for name, path in paths.items()}
    data = _with_labels_of(data, next(iter(models.values())))
    _check_labels(data, models, options.data)
    limits = [*data.limits, *options.limit]
    if not (limits or options.data_name):
        limits = [UNSAID]
    report = make_report(
        models,
        data.X,
        data.y,
        class_names=data.class_names,
        y_train=data.y_train,
        data_name=options.data_name or data.name,
        data_limits=limits,
        data_card=data.card,
        tables=tables,
        title=options.title,
        n_resamples=options.resamples,
    )
    path = report.save(options.output)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", file=Forgiving(sys.stderr))
    return 0


def _read_table(path):
    import pandas as pd

    try:
        return pd.read_csv(path)
    except ValueError as error:
        raise ValueError(
            f"Got {path}, which cannot be read as a table of CSV ({error})."
        ) from error


def _load_model(path):
    import joblib

    if path.suffix == ".safetensors" or (path.is_file() and looks_like_tensors(path)):
        return load(path)
    if path.is_file():  # others are joblib's to refuse, by name
        refuse_other_forms(path, f"Got {path}", EXPECTED, but=[PICKLE, COMPRESSED])
        if form_of(path) is None:
            raise ValueError(
                f"Got {path}, which cannot be read as a file of joblib.dump. {EXPECTED}"
            )
    try:
        model = joblib.load(path)
    except OSError:
        raise
    except (AttributeError, ImportError) as error:
        raise ValueError(
            f"Got {path}, which needs code that is not found here ({error}). Put a class that was "
            "defined in a script or a notebook into a module that can be imported, then train and "
            "write the model again."
        ) from error
    except Exception as error:  # whatever a file of another kind makes pickle do
        raise ValueError(
            f"Got {path}, which cannot be read as a file of joblib.dump "
            f"({type(error).__name__}: {error})."
        ) from error
    if isinstance(model, type) or not hasattr(model, "fit"):
        what = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise ValueError(f"Got {path}, which holds {what}, expected a fitted classifier.")
    return model


def _with_labels_of(data, model):
    """Return the data with names as labels, if it is names that the model has learned."""
    classes = np.asarray(getattr(model, "classes_", []))
    if data.class_names is None or classes.dtype.kind not in "OSU":
        return data
    names = np.asarray(data.class_names)
    if set(classes) != set(names) or not np.issubdtype(np.asarray(data.y).dtype, np.integer):
        return data
    y_train = None if data.y_train is None else names[data.y_train]
    return data._replace(y=names[data.y], y_train=y_train, class_names=None)


def _check_labels(data, models, name):
    """Raise a ValueError if a model has learned none of the data's labels."""
    labels = np.unique(data.y)
    for model, classifier in models.items():
        classes = getattr(classifier, "classes_", labels)
        if not np.isin(np.asarray(labels).astype(str), np.asarray(classes).astype(str)).any():
            raise ValueError(
                f"Got {model}, which has learned {classes.tolist()!s:.100}, and --data {name}, "
                f"whose labels are {labels.tolist()!s:.100}; expected the model's labels. Give "
                "--data FILE.npz with X and y of its own task."
            )


def _facts_and_limits(text):
    """Return the facts and the limits in a description of ``skfashion.datasets``."""
    facts = re.findall(r"^:([^:]+): (.+(?:\n    .+)*)", text, re.MULTILINE)
    limits = text.partition("**Limits**")[2].strip().split("\n\n")
    card = {key.lower(): " ".join(value.split()) for key, value in facts}
    return card, tuple(" ".join(limit.replace("*", "").split()) for limit in limits)


def _read_data(name):
    from skfashion.datasets import data_hash, fetch_fashion_mnist, load_fashion_sample

    if name in ("sample", "fashion-mnist"):
        load = load_fashion_sample if name == "sample" else fetch_fashion_mnist
        test, y_train = load(subset="test"), load(return_X_y=True)[1]
        what = "test images of Fashion-MNIST" + (", bundled" if name == "sample" else "")
        card, limits = _facts_and_limits(test.DESCR)
        kept = ("values", "source", "licence")
        card = {key: card[key] for key in kept if key in card}
        card |= {"fingerprint": data_hash(test.data, test.target)}
        return _Data(test.data, test.target, y_train, test.target_names, what, limits, card)
    if not name.endswith(".npz"):
        raise ValueError(f"Got --data {name}, expected sample, fashion-mnist or an .npz file.")
    arrays = read_arrays(name, ("X", "y", "y_train", "class_names", *MEDMNIST))
    for given, own in MEDMNIST.items():
        if given in arrays:
            arrays.setdefault(own, _column(arrays[given], given))
    missing = {"X", "y"} - set(arrays)
    if missing:
        raise ValueError(f"Got {name} without {' and '.join(sorted(missing))}.")
    card = {"fingerprint": data_hash(arrays["X"], arrays["y"])}
    optional = (arrays.get(key) for key in ("y_train", "class_names"))
    return _Data(arrays["X"], arrays["y"], *optional, f"images of {Path(name).name}", (), card)


def _column(array, name):
    """Return an array of MedMNIST's, of which labels stand in a column, as ours are."""
    if not name.endswith("labels") or array.ndim == 1:
        return array
    if array.ndim != 2 or array.shape[1] != 1:
        raise ValueError(
            f"Got {name} of shape {array.shape}, expected one label an image, (n,) or (n, 1)."
        )
    return array[:, 0]
