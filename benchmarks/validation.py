"""What is chosen, is chosen here: settings compared on a split of the training images."""

import sys

from benchmarks import environment, models, results, votes
from benchmarks.recipes import build

# The split of the 60,000 training images; the 10,000 test images are never read.
N_VALIDATION, SPLIT_SEED = 5000, 0


def split_images():
    """Return ``X, X_valid, y, y_valid``: 55,000 and 5,000 training images, and their labels."""
    from sklearn.model_selection import train_test_split

    from skfashion.datasets import fetch_fashion_mnist

    X, y = fetch_fashion_mnist(subset="train", return_X_y=True)
    return train_test_split(X, y, test_size=N_VALIDATION, stratify=y, random_state=SPLIT_SEED)


def measure_missing(study, settings, n_seeds, path, command):
    """Fit settings and score them, unless the result file has them.

    Parameters
    ----------
    study : str
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
        done = results.measured(path)
        for name, classifier, parameters in settings:
            row = results.head(study, name, seed, described(classifier, parameters), data="full")
            if results.identity(row) in done:
                continue
            results.refuse_dirty(path)
            data = data or split_images()
            row |= _measure(build(classifier, parameters, seed), *data)
            row |= environment.circumstances(command)
            results.append(path, row)
            found = ", ".join(f"{100 * value:.2f}" for value in row["accuracy"].values())
            print(f"{name}, seed {seed}: {found} %, {row['seconds']:.0f} s", file=sys.stderr)


def rows_of(rows, settings):
    """Return the rows of each setting, a list each; rows of what a setting was before are none."""
    found = {}
    for row in rows:
        found.setdefault((row["unit"], words_of(row)), []).append(row)
    return [
        found.get((name, in_words(described(classifier, parameters))), [])
        for name, classifier, parameters in settings
    ]


def words_of(row):
    """Return the setting of a row as a reader would write it."""
    return in_words(row["settings"])


def in_words(settings):
    """Write a setting as a reader would: what differs from the defaults of today.

    Parameters
    ----------
    settings : dict
        As ``benchmarks.models.described`` returns it.

    Returns
    -------
    str
    """
    return _written(results.compared(settings))


def _written(settings):
    name = settings["class"]
    if name == "VotingClassifier":
        members = [_written(value) for value in settings.values() if isinstance(value, dict)]
        kinds = dict.fromkeys(members)
        return "votes of " + ", ".join(f"{members.count(kind)} {kind}" for kind in kinds)
    words = []
    for key, value in settings.items():
        if key == "class":
            continue
        if isinstance(value, dict):
            words.append(f"{key}={_written(value)}")
        else:
            words.append(f"{key}={tuple(value) if isinstance(value, list) else value!r}")
    return f"{name}({', '.join(words)})"


def described(classifier, parameters):
    """Return all of a setting in JSON's types, without what a seed decides."""
    return results.without_seeds(models.described(build(classifier, parameters, 0)))


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


def verify(rows, name, classifier, parameters):
    """Yield the first seed of a setting as it is, and as it is when it is measured again."""
    settings = results.compared(described(classifier, parameters))
    row = next(
        row
        for row in rows
        if (row["unit"], row["seed"]) == (name, 0) and results.compared(row["settings"]) == settings
    )
    accuracy = _measure(build(classifier, parameters, 0), *split_images())["accuracy"]
    yield row, row["accuracy"], accuracy
