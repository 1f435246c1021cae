"""How often a net warns of images that it was not trained for, rightly and wrongly.

Fit a net to training images, as they are and divided by the largest value, and ask it for batches
of test images: such as it was trained on, on the other scale, and inverted. Batches are drawn with
replacement, from all test images and from those of one class, each class in turn.
"""

import warnings

import numpy as np

from benchmarks.formatting import table_above
from benchmarks.study import study_of

UNITS = ("Fashion-MNIST", "digits")
SIZES = {"full": {"batches": 1000, "images": [1, 30, 100, 1000]}}
# Kinds of test images, with a word of the warning that is right; none is right of clean ones.
KINDS = {"clean": "", "other scale": "scale", "inverted": "inverted"}
DRAWN = ("all classes", "one class")


def classifiers(unit, settings):
    """Return the net, one that is quick: the rule looks at the images alone."""
    from skfashion import MLPNetClassifier

    return {"net": MLPNetClassifier(hidden_layer_sizes=(), max_epochs=1, random_state=0)}


def measure(unit, seed, asked):
    """Count the batches of which a net has warned, by number of images and kind."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if unit == "digits":
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
    else:
        X, y, X_test, y_test = asked.images[:4]
    X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    largest, found = X.max(), {}
    sizes = asked.settings["images"][: 1 if asked.brief else None]
    for scale in (1, largest):
        own, other = X_test / scale, X_test * scale / largest
        given = dict(zip(KINDS, (own, other, largest / scale - own), strict=True))
        (net,) = classifiers(unit, asked.settings).values()
        net.fit(X / scale, y)
        for n in sizes:
            rng = np.random.RandomState(seed)
            counts = found.setdefault(f"{n}", {kind: dict.fromkeys(DRAWN, 0) for kind in KINDS})
            for i in range(asked.settings["batches"]):
                of_class = np.flatnonzero(y_test == i % 10)
                for drawn, rows in zip(DRAWN, (np.arange(len(y_test)), of_class), strict=True):
                    batch = rng.choice(rows, n)
                    for kind, word in KINDS.items():
                        counts[kind][drawn] += _warns(net, given[kind][batch], word)
    return found


def _warns(net, X, word):
    """Tell whether a net warns of images, with a word in what it says."""
    from skfashion.exceptions import DataShiftWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.predict(X)
    return any(word in str(w.message) for w in caught if w.category is DataShiftWarning)


def table(rows):
    """Write the table: a line a data set and kind."""
    sizes, n_batches = rows[0]["settings"]["images"], 2 * rows[0]["settings"]["batches"]
    lines = []
    for row in rows:
        for kind in KINDS:
            counts = (row[f"{n}"][kind].values() for n in sizes)
            shares = (" / ".join(f"{100 * n / n_batches:.2f}" for n in its) for its in counts)
            lines.append([row["unit"], kind, *shares])
    headings = ["batches with a warning, %", "images", *(f"{n:,} of them" for n in sizes)]
    words = (
        f"Of {n_batches:,} batches each, all classes / one class; half are asked of a net that was "
        "trained on whole numbers, half of one that was trained on 0 to 1."
    )
    return table_above(lines, headings, words, rows)


STUDY = study_of(
    __name__, cost="2 min", page="pitfalls.md", sizes=SIZES, seeds=1, cheap=("digits",)
)
