"""What is chosen, is chosen here: settings compared on a split of the training images."""

import sys
from functools import cache

from benchmarks import environment, results, votes
from benchmarks.recipes import build

# The split of the 60,000 training images; the 10,000 test images are never read.
N_VALIDATION, SPLIT_SEED = 5000, 0


def split_images():
    """Return ``X, X_valid, y, y_valid``: 55,000 and 5,000 training images, and their labels."""
    from sklearn.model_selection import train_test_split

    from skfashion.datasets import fetch_fashion_mnist

    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    return train_test_split(X, y, test_size=N_VALIDATION, stratify=y, random_state=SPLIT_SEED)


def measure_missing(benchmark, settings, n_seeds, path, command):
    """Fit settings and score them, unless the result file has them, whatever the sources then.

    Parameters
    ----------
    benchmark : str
        Name of the series.
    settings : list of (str, str, dict)
        A name, and what ``benchmarks.recipes.build`` makes a classifier of.
    n_seeds : int
    path : pathlib.Path
        Result file. The ``accuracy`` of a row holds one for each ``tta`` that is scored, as a
        word, or "as it votes".
    command : str
        What the user typed.
    """
    data = None
    for seed in range(n_seeds):
        groups = rows_of(results.read(path), settings)
        for (name, classifier, parameters), group in zip(settings, groups, strict=True):
            if any(row["seed"] == seed for row in group):
                continue
            data = data or split_images()
            row = {
                "benchmark": benchmark,
                "name": name,
                "classifier": classifier,
                "parameters": described(classifier, parameters),
                "seed": seed,
                **_measure(build(classifier, parameters, seed), *data),
                **environment.circumstances(command),
            }
            results.append(path, row)
            found = ", ".join(f"{100 * value:.2f}" for value in row["accuracy"].values())
            print(f"{name}, seed {seed}: {found} %, {row['seconds']:.0f} s", file=sys.stderr)


def rows_of(rows, settings):
    """Return the rows of each setting, a list each; rows of what a setting was before are none."""
    found = {}
    for row in rows:
        found.setdefault((row["name"], words_of(row)), []).append(row)
    return [
        found.get((name, in_words(classifier, described(classifier, parameters))), [])
        for name, classifier, parameters in settings
    ]


def words_of(row):
    """Return the setting of a row as a reader would write it."""
    return in_words(row["classifier"], row["parameters"])


def in_words(classifier, parameters):
    """Write a setting as a reader would: what differs from the defaults of today.

    A parameter that a class got after a row was written thus changes nothing about that row.

    Parameters
    ----------
    classifier : str
    parameters : dict
        All of them, as `described` returns them.

    Returns
    -------
    str
    """
    if classifier == "VotingClassifier":
        members = [
            in_words(value["class"], value)
            for name, value in parameters.items()
            if isinstance(value, dict) and "__" not in name
        ]
        kinds = dict.fromkeys(members)
        return "votes of " + ", ".join(f"{members.count(kind)} {kind}" for kind in kinds)
    words = []
    for name, value in parameters.items():
        if name == "class" or "__" in name or value == _defaults(classifier).get(name, ...):
            continue
        if isinstance(value, dict):
            words.append(f"{name}={in_words(value['class'], value)}")
        else:
            words.append(f"{name}={tuple(value) if isinstance(value, list) else value!r}")
    return f"{classifier}({', '.join(words)})"


@cache
def _defaults(name):
    """Return all parameters of a class of skfashion's, none of them set."""
    import skfashion
    from benchmarks import models

    return models.parameters(getattr(skfashion, name)())


def described(classifier, parameters):
    """Return all parameters of a setting in JSON's types, without what a seed decides."""
    from benchmarks import models

    return results.without_seeds(models.parameters(build(classifier, parameters, 0)))


def seeds_of(rows):
    """Say which seeds rows have."""
    return ", ".join(str(seed) for seed in sorted({row["seed"] for row in rows}))


def _measure(net, X, X_valid, y, y_valid):
    """Fit and score; views of a net that has seen mirror images cost no further training."""
    net, seconds = votes.timed_fit(net, X, y)
    if not hasattr(net, "tta"):
        accuracy = {"as it votes": float(net.score(X_valid, y_valid))}
    else:
        flips = getattr(net.augment, "flip", net.augment is not None)
        views = dict.fromkeys([net.tta, *((None, "flip", 10) if flips else ())])
        accuracy = {
            str(view): float(net.set_params(tta=view).score(X_valid, y_valid)) for view in views
        }
    return {"accuracy": accuracy, "seconds": round(seconds, 2)}
