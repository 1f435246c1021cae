"""What doubtful test images are worth: near-duplicates of training images, and wrong labels."""

import argparse
import statistics
import sys
import time

import numpy as np

from benchmarks import environment, models, results, series
from benchmarks.markdown import pipe_table

START, END = "<!-- sensitivity-table:start -->", "<!-- sensitivity-table:end -->"
PAGE = environment.ROOT / "docs" / "frontier.md"
PICTURES = ()
FILE = results.PUBLISHED / "sensitivity.jsonl"

# Pearson correlation with some training image above which a test image is a near-duplicate.
CORRELATION = 0.98

# Whose out-of-fold probabilities check the labels, and in how many folds.
CHECKER = {"max_epochs": 2}
N_FOLDS = 5

# What is found, and how: a row of a result file counts if it was found in the same way.
HOW = {
    "near-duplicates": {"correlation": CORRELATION},
    "labels": {"checker": CHECKER, "folds": N_FOLDS},
}

# How many of the frontier's recipes are looked at.
N_BEST = 3

DESCRIPTION = """\
Find the test images with a near-duplicate among the training images, and those whose label
cleanlab suspects by probabilities of networks that have not seen them; then state the accuracy of
the frontier's best recipes without the ones and without the others. What the result file has
already is not found again.
"""


def add_parser(subparsers):
    """Add the command ``sensitivity``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "sensitivity",
        help="accuracy without near-duplicates and without suspected labels",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the label check; default 3")
    parser.set_defaults(command=main)


def main(options):
    """Find what is missing, and write the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    from benchmarks.data import load_split
    from benchmarks.tables import write_studies

    command = f"python -m benchmarks sensitivity --seeds {options.seeds}"
    done = results.measured(FILE)
    split = load_split("full")
    tasks = [("near-duplicates", None, near_duplicates)]
    tasks += [("labels", seed, suspected_labels) for seed in range(options.seeds)]
    for what, seed, find in tasks:
        row = head(what, seed)
        if results.identity(row) in done:
            continue
        results.refuse_dirty(FILE)
        start = time.perf_counter()
        row |= find(split, seed)
        row["seconds"] = round(time.perf_counter() - start, 1)
        results.append(FILE, row | environment.circumstances(command))
        print(f"{what}: {len(row['test'])} test images, {row['seconds']} s", file=sys.stderr)
    write_studies()
    return 0


def head(what, seed):
    """Return what a row begins with."""
    from skfashion import ConvNetClassifier

    settings = dict(HOW[what])
    if "checker" in settings:
        settings["checker"] = models.described(ConvNetClassifier(**settings["checker"]))
    scope = "images" if "checker" in settings else None
    return results.head("sensitivity", what, seed, settings, data="full", scope=scope)


def table():
    """Write the table of the published results."""
    from benchmarks import frontier

    return markdown(results.current(results.read(FILE)), series.by_model(frontier.FILE))


def near_duplicates(split, seed=None, block=1000):
    """Find test images that are almost a training image.

    Parameters
    ----------
    split : benchmarks.data.Split
    seed : None
        Nothing is random.
    block : int
        Test images at a time.

    Returns
    -------
    dict
        ``test``, their numbers; ``same_label``, the share of them whose most similar training
        image has their label.
    """

    def directions(X):
        X = np.asarray(X, dtype=np.float32).reshape(len(X), -1)
        X = X - X.mean(1, keepdims=True)
        return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)

    train, test = directions(split.X_train), directions(split.X_test)
    found, same = [], 0
    for start in range(0, len(test), block):
        similarity = test[start : start + block] @ train.T
        nearest = similarity.argmax(1)
        for i in (similarity.max(1) > CORRELATION).nonzero()[0]:
            found.append(int(start + i))
            same += int(split.y_train[nearest[i]] == split.y_test[start + i])
    return {"test": found, "same_label": same / max(1, len(found))}


def suspected_labels(split, seed, n_folds=N_FOLDS, checker=None):
    """Find images whose label is probably wrong.

    Parameters
    ----------
    split : benchmarks.data.Split
    seed : int
        Decides the folds and the networks.
    n_folds : int
    checker : dict or None
        Parameters of the ``ConvNetClassifier``; None means those that are published.

    Returns
    -------
    dict
        ``test``, numbers of suspected test images; ``train_share`` and ``test_share``, the
        shares of all that are suspected.

    References
    ----------
    Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
    Journal of Artificial Intelligence Research 70, 2021.
    """
    from cleanlab.filter import find_label_issues
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    from skfashion import ConvNetClassifier

    X = np.concatenate([split.X_train, split.X_test])
    y = np.concatenate([split.y_train, split.y_test])
    net = ConvNetClassifier(random_state=seed, **(CHECKER if checker is None else checker))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    proba = cross_val_predict(net, X, y, cv=folds, method="predict_proba")
    is_suspected = find_label_issues(labels=y, pred_probs=proba, n_jobs=1)
    n_train = len(split.y_train)
    return {
        "test": is_suspected[n_train:].nonzero()[0].tolist(),
        "train_share": float(is_suspected[:n_train].mean()),
        "test_share": float(is_suspected[n_train:].mean()),
    }


def markdown(rows, groups):
    """Write the table: a recipe a line.

    Parameters
    ----------
    rows : list of dict
        Of this command.
    groups : dict
        Rows of the frontier, by model.

    Returns
    -------
    str
    """
    now = {what: results.compared(head(what, 0)["settings"]) for what in HOW}
    rows = [row for row in rows if results.compared(row["settings"]) == now[row["unit"]]]
    duplicates = next(row for row in rows if row["unit"] == "near-duplicates")
    checks = [row for row in rows if row["unit"] == "labels"]
    # Suspected by most of the seeds.
    votes = np.bincount(np.concatenate([row["test"] for row in checks]).astype(int))
    suspected = (votes > len(checks) / 2).nonzero()[0]
    ours = {name: group for name, group in groups.items() if name.startswith("fast:")}

    def mean_accuracy(group):
        return statistics.fmean(row["metrics"]["accuracy"] for row in group)

    lines = []
    for name in sorted(ours, key=lambda name: -mean_accuracy(ours[name]))[:N_BEST]:
        line = [f"`{name.removeprefix('fast:')}`", series.accuracy_cell(ours[name])]
        for left_out in (duplicates["test"], suspected):
            values = [_accuracy_without(row, left_out) for row in ours[name]]
            deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            line.append(f"{statistics.fmean(values):.2f}{deviation}")
        lines.append([*line, str(len(ours[name]))])
    headings = ["recipe", "test accuracy %"]
    headings += ["without near-duplicates", "without suspected labels", "seeds"]
    table = pipe_table(lines, headings)

    def share(key):
        values = [100 * row[key] for row in checks]
        deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        return f"{statistics.fmean(values):.2f}{deviation} %"

    return (
        f"{table}\n\n{len(duplicates['test'])} of the test images are near-duplicates (correlation "
        f"above {CORRELATION} with a training image, which has their label in "
        f"{100 * duplicates['same_label']:.1f} % of these cases). cleanlab suspects "
        f"{share('train_share')} of the training labels and {share('test_share')} of the test "
        f"labels ({len(checks)} seeds); left out are the {len(suspected)} test images that most "
        f"seeds suspect.\n{series.caption(rows)}\n\nCommand: `{rows[-1]['command']}`."
    )


def _accuracy_without(row, left_out):
    """Return the accuracy in per cent on the test images that are not left out."""
    n_rows = row["data"]["test_rows"]
    wrong = set(row["wrong"]) - set(map(int, left_out))
    return 100 * (1 - len(wrong) / (n_rows - len(left_out)))


def verify(rows):
    """Yield the share of near-duplicates in the first test images; labels need minutes."""
    from benchmarks.data import load_split
    from benchmarks.verify import of_unit

    row, split, n = of_unit(rows, "near-duplicates", None), load_split("full"), 1000
    parts = {"X_test": split.X_test[:n], "y_test": split.y_test[:n]}
    then, now = [i for i in row["test"] if i < n], near_duplicates(split._replace(**parts))["test"]
    yield row, {"share": len(then) / n, "test": then}, {"share": len(now) / n, "test": now}
