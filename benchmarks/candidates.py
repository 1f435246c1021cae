"""Settings that are compared on validation images, each scored by all views of an image."""

from collections import Counter

from benchmarks import results, votes
from benchmarks.data import validation_split
from benchmarks.formatting import grouped
from benchmarks.models import described
from benchmarks.recipes import build


def describe(unit, seed, asked):
    """Say by what a row is recognised; a unit is a name, a class and its parameters."""
    name, classifier, parameters = unit
    return {"unit": name, "settings": settings_of(classifier, parameters), "data": "full"}


def settings_of(classifier, parameters):
    """Return all parameters of a setting in JSON's types, without what a seed decides."""
    return results.without_seeds(described(build(classifier, parameters, 0)))


def measure(unit, seed, asked=None, split=None):
    """Fit a setting and score it; other views of an image cost no further training.

    A unit is a name and what ``benchmarks.recipes.build`` makes a classifier of. ``accuracy`` is
    by each ``tta`` that is scored, as a word, or "as it votes".
    """
    X, X_valid, y, y_valid = split or validation_split()
    net, seconds = votes.timed_fit(build(*unit[1:], seed), X, y)
    if not hasattr(net, "tta"):
        accuracy = {"as it votes": float(net.score(X_valid, y_valid))}
    else:
        # Nets that have seen mirror images may be asked about them, too.
        flips = getattr(net.augment, "flip", net.augment is not None)
        views = dict.fromkeys([net.tta, *((None, "flip", 10) if flips else ())])
        accuracy = {
            str(view): float(net.set_params(tta=view).score(X_valid, y_valid)) for view in views
        }
    return {"accuracy": accuracy, "seconds": round(seconds, 2)}


def by_setting(rows):
    """Return lists of rows by their unit and their setting in words."""
    return grouped(rows, "unit", lambda row: in_words(row["settings"]))


def in_words(settings):
    """Write a setting as a reader would: what differs from the defaults of today."""
    settings = results.compared(settings)
    name = settings.pop("class")
    if name == "VotingClassifier":
        members = [in_words(value) for value in settings.values() if isinstance(value, dict)]
        return "votes of " + ", ".join(f"{n} {words}" for words, n in Counter(members).items())
    return call_of(name, settings)


def call_of(name, parameters):
    """Write the call of a class with parameters as JSON has them."""

    def written(value):
        if isinstance(value, dict):
            return in_words(value)
        return repr(tuple(value) if isinstance(value, list) else value)

    return f"{name}({', '.join(f'{key}={written(its)}' for key, its in parameters.items())})"


def numbers_of_seeds(rows):
    """Say which seeds rows have."""
    return ", ".join(map(str, sorted({row["seed"] for row in rows})))
