"""How the defaults were chosen: neighbouring settings, compared on validation data only."""

import statistics
import time
import warnings

from benchmarks import environment, models, results
from benchmarks.environment import ROOT
from benchmarks.errors import BenchmarkError
from benchmarks.markdown import pipe_table
from benchmarks.validation import split_images

START = "<!-- defaults-table:start -->"
END = "<!-- defaults-table:end -->"
PAGE = ROOT / "docs" / "design.md"
PICTURES = ()
FILE = results.PUBLISHED / "defaults.jsonl"

TABLES = ("wine", "breast_cancer", "digits")
# Tables for skfashion, too: the 64 columns of "digits" are images.
STRIPS = ("wine", "breast_cancer")

# What is compared: the classifier, what is set differently from its defaults, and on what.
EVERYWHERE = ("fashion", "fashion-2000", *TABLES)
CANDIDATES = (
    ("LogisticRegression", {"C": 0.1, "max_iter": 200}, ("fashion-2000",)),
    ("LogisticRegression", {"max_iter": 1000}, TABLES),
    ("MLPNetClassifier", {}, EVERYWHERE),
    ("MLPNetClassifier", {"batch_norm": True, "lr": 5e-3}, EVERYWHERE),
    ("MLPNetClassifier", {"hidden_layer_sizes": (256, 128)}, EVERYWHERE),
    ("MLPNetClassifier", {"dropout": 0.2}, EVERYWHERE),
    ("ConvNetClassifier", {}, EVERYWHERE),
    ("ConvNetClassifier", {"lr": 1e-2}, EVERYWHERE),
    ("ConvNetClassifier", {"channels": (16, 32, 64), "max_epochs": 5}, ("fashion",)),
    ("ConvNetClassifier", {"batch_norm": False, "lr": 1e-3}, EVERYWHERE),
    ("ResNetClassifier", {}, EVERYWHERE),
    ("ResNetClassifier", {"optimizer": "adamw", "lr": 5e-3}, EVERYWHERE),
    ("AttentionNetClassifier", {}, EVERYWHERE),
    ("AttentionNetClassifier", {"optimizer": "adamw"}, EVERYWHERE),
)


def add_parser(subparsers):
    """Add the command ``defaults``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "defaults",
        help="compare the nets' defaults with neighbouring settings, on validation data",
        description=(
            "Fit each setting on 55,000 training images (and on 2,000 of them) and score it on "
            "the other 5,000, and cross-validate it on scikit-learn's small tables. Settings that "
            f"{FILE.relative_to(ROOT)} has already are skipped."
        ),
    )
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds; default 1")
    parser.add_argument(
        "--table", action="store_true", help="measure nothing, only write the table"
    )
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, and write the table into the page on design.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    if not options.table:
        _measure_missing(options.seeds)
    if not FILE.exists():
        raise BenchmarkError(f"{FILE} has no rows. Make them with: python -m benchmarks defaults")
    from benchmarks.tables import write_studies

    write_studies()
    return 0


def table():
    """Write the table of the published results."""
    return markdown(results.current(results.read(FILE)))


def _measure_missing(n_seeds):
    done = results.measured(FILE)
    for seed in range(n_seeds):
        for classifier, changes, data_names in CANDIDATES:
            for data_name in data_names:
                row = head(classifier, changes, data_name, seed)
                if results.identity(row) in done:
                    continue
                results.refuse_dirty(FILE)
                row |= measure(classifier, changes, data_name, seed)
                row |= environment.circumstances(f"python -m benchmarks defaults --seeds {n_seeds}")
                results.append(FILE, row)
                print(
                    _name(row["unit"]), data_name, f"{row['accuracy']:.4f}", f"{row['seconds']} s"
                )


def head(classifier, changes, data_name, seed):
    """Return what the row of a setting begins with."""
    unit = {"classifier": classifier, "changes": changes, "data": data_name}
    settings = models.described(_build(classifier, changes, 0))
    scope = "tables" if data_name in STRIPS else "images"
    return results.head(
        "defaults", models.described(unit), seed, settings, data=data_name, scope=scope
    )


def _build(classifier, changes, seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import skfashion

    if classifier == "LogisticRegression":
        return make_pipeline(StandardScaler(), LogisticRegression(**changes))
    return getattr(skfashion, classifier)(random_state=seed, **changes)


def _name(unit):
    changes = ", ".join(
        f"{name}={tuple(value) if isinstance(value, list) else value!r}"
        for name, value in unit["changes"].items()
    )
    return f"{unit['classifier']}({changes})"


def measure(classifier, changes, data_name, seed):
    """Score one setting on one set of validation data.

    Parameters
    ----------
    classifier : str
        Name of a class of skfashion, or "LogisticRegression".
    changes : dict
        Parameters that differ from the defaults.
    data_name : str
        "fashion" (55,000 training images), "fashion-2000" (2,000 of them), or one of ``TABLES``.
    seed : int
        Seed of the classifier and, on the tables, of the folds.

    Returns
    -------
    dict
        ``accuracy`` (0 to 1; on a table the mean of five folds) and ``seconds`` of all fits.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = _build(classifier, changes, seed)
    with warnings.catch_warnings():
        # Logistic regression stops at its number of iterations; its accuracy is what counts.
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        if data_name in TABLES:
            X, y = _load_table(data_name)
            folds = StratifiedKFold(5, shuffle=True, random_state=seed)
            accuracy = cross_val_score(make_pipeline(StandardScaler(), net), X, y, cv=folds).mean()
        else:
            X, X_valid, y, y_valid = split_images()
            if data_name == "fashion-2000":
                X, y = X[:2000], y[:2000]
            start = time.perf_counter()
            accuracy = net.fit(X, y).score(X_valid, y_valid)
    seconds = round(time.perf_counter() - start, 1)
    return {"accuracy": round(float(accuracy), 5), "seconds": seconds}


def _load_table(name):
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


def markdown(rows):
    """Write the table: a setting a line, a data set a column, accuracy in per cent.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    lines = []
    for name in dict.fromkeys(_name(row["unit"]) for row in rows):
        line = [f"`{name}`"]
        named = [row for row in rows if _name(row["unit"]) == name]
        for data_name in EVERYWHERE:
            group = [row for row in named if row["data"] == data_name]
            accuracies = [100 * row["accuracy"] for row in group]
            line.append(f"{statistics.fmean(accuracies):.2f}" if accuracies else "")
        seconds = [row["seconds"] for row in named if row["data"] == "fashion"]
        line.append(f"{statistics.median(seconds):.0f}" if seconds else "")
        lines.append(line)
    headings = ["setting, validation accuracy in %", *EVERYWHERE, "fit s (fashion)"]
    table = pipe_table(lines, headings)
    seeds = sorted({row["seed"] for row in rows})
    return f"{table}\n\nSeeds: {', '.join(map(str, seeds))}; `{rows[-1]['command']}`."


def verify(rows):
    """Yield the smallest data of each scope: images, and a table."""
    from benchmarks.verify import of_unit

    for data_name in ("fashion-2000", "wine"):
        row = of_unit(rows, head("MLPNetClassifier", {}, data_name, 0)["unit"])
        found = measure("MLPNetClassifier", {}, data_name, 0)
        yield row, {"accuracy": row["accuracy"]}, {"accuracy": found["accuracy"]}
