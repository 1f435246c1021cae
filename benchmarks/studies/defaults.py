"""The nets' defaults beside neighbouring settings, on validation data.

Fit each setting on 55,000 training images (and on 2,000 of them) and score it on the other 5,000,
and cross-validate it on scikit-learn's small tables.
"""

import statistics
import time
import warnings
from operator import itemgetter

from benchmarks import results
from benchmarks.candidates import call_of, numbers_of_seeds
from benchmarks.data import validation_split
from benchmarks.formatting import grouped, median, pipe_table
from benchmarks.models import described
from benchmarks.study import study_of

TABLES = ("wine", "breast_cancer", "digits")
# Tables for all of skfashion's: the 64 columns of "digits" are images for nets of convolutions.
STRIPS = ("wine", "breast_cancer")

# What is compared: the classifier, what is set differently from its defaults, and on what.
EVERYWHERE = ("fashion", "fashion-2000", *TABLES)
CANDIDATES = (
    ("LogisticRegression", {"C": 0.1, "max_iter": 1000}, ("fashion-2000",)),
    ("LogisticRegression", {"max_iter": 1000}, TABLES),
    ("MLPNetClassifier", {}, EVERYWHERE),
    ("MLPNetClassifier", {"batch_norm": True, "lr": 5e-3}, EVERYWHERE),
    ("MLPNetClassifier", {"hidden_layer_sizes": (256, 128)}, EVERYWHERE),
    ("MLPNetClassifier", {"dropout": 0.2}, EVERYWHERE),
    ("ConvNetClassifier", {}, EVERYWHERE),
    ("ConvNetClassifier", {"optimizer": "adamw", "lr": 5e-3}, EVERYWHERE),
    ("ConvNetClassifier", {"depth": 2}, EVERYWHERE),
    ("ConvNetClassifier", {"weight_decay": 0.01}, EVERYWHERE),
    ("ConvNetClassifier", {"channels": (16, 32, 64), "depth": 2}, ("fashion",)),
    ("ConvNetClassifier", {"batch_norm": False, "lr": 1e-3}, EVERYWHERE),
    ("ResNetClassifier", {}, EVERYWHERE),
    ("ResNetClassifier", {"stem_pool": False}, EVERYWHERE),
    ("ResNetClassifier", {"weight_decay": 0.01}, EVERYWHERE),
    ("ResNetClassifier", {"optimizer": "adamw", "lr": 5e-3}, EVERYWHERE),
    ("AttentionNetClassifier", {}, EVERYWHERE),
    ("AttentionNetClassifier", {"optimizer": "adamw"}, EVERYWHERE),
)
UNITS = [
    {"classifier": classifier, "changes": changes, "data": data_name}
    for classifier, changes, data_names in CANDIDATES
    for data_name in data_names
]


def describe(unit, seed, asked):
    """Say by what a row is recognised."""
    # Standardised, as they are here, the digits are a table for a net of dense layers.
    is_table = (unit["classifier"], unit["data"]) == ("MLPNetClassifier", "digits")
    scope = "tables" if is_table or unit["data"] in STRIPS else "images"
    settings = described(_build(unit, 0))
    return {"unit": described(unit), "settings": settings, "data": unit["data"], "scope": scope}


def _build(unit, seed):
    """Return the classifier of a unit."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import skfashion

    if unit["classifier"] == LogisticRegression.__name__:
        return make_pipeline(StandardScaler(), LogisticRegression(**unit["changes"]))
    return getattr(skfashion, unit["classifier"])(random_state=seed, **unit["changes"])


def measure(unit, seed, asked=None):
    """Score one setting on one set of validation data.

    "fashion" are 55,000 training images, "fashion-2000" 2,000 of them, scored on 5,000 others; on
    ``TABLES`` the accuracy is the mean of five folds, which the seed draws, too.
    """
    from sklearn import datasets
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net, data_name = _build(unit, seed), unit["data"]
    if data_name in TABLES:
        X, y = getattr(datasets, f"load_{data_name}")(return_X_y=True)
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Got rows of .* columns")  # tables are meant
            accuracy = cross_val_score(make_pipeline(StandardScaler(), net), X, y, cv=folds).mean()
    else:
        X, X_valid, y, y_valid = validation_split()
        if data_name == "fashion-2000":
            X, y = X[:2000], y[:2000]
        start = time.perf_counter()
        accuracy = net.fit(X, y).score(X_valid, y_valid)
    seconds = round(time.perf_counter() - start, 1)
    return {"accuracy": round(float(accuracy), 5), "seconds": seconds}


def table(rows):
    """Write the table: a setting a line, a data set a column, accuracy in per cent."""
    lines, setting = [], itemgetter("classifier", "changes")
    today = list(filter(_is_of_today, rows))
    for name, its in grouped(today, lambda row: call_of(*setting(row["unit"]))).items():
        by_data = grouped(its, "data")
        line = [f"`{name}`"]
        for data_name in EVERYWHERE:
            found = [100 * row["accuracy"] for row in by_data.get(data_name, ())]
            line.append(f"{statistics.fmean(found):.2f}" if found else "")
        lines.append([*line, median(by_data["fashion"], "seconds") if "fashion" in by_data else ""])
    headings = ["setting, validation accuracy in %", *EVERYWHERE, "fit s (fashion)"]
    seeds = numbers_of_seeds(rows)
    return f"{pipe_table(lines, headings)}\n\nSeeds: {seeds}; `{rows[-1]['command']}`."


def _is_of_today(row):
    """Tell whether a call means what it meant when the row was measured."""
    now = described(_build(row["unit"], 0))
    return results.compared(now) == results.compared(row["settings"])


# The smallest data of each scope: images, and a table.
DEFAULT = {"classifier": "MLPNetClassifier", "changes": {}}
CHEAP = [DEFAULT | {"data": name} for name in ("fashion-2000", "wine")]
STUDY = study_of(__name__, cost="20 min a seed", page="design.md", seeds=1, cheap=CHEAP)
