"""What is chosen, is chosen here: settings compared on a split of the training images."""

import json
import sys
import time

from benchmarks import environment, results

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
    settings : list of (str, function)
        Names, and functions that take a seed and return a classifier.
    n_seeds : int
    path : pathlib.Path
        Result file. Each row has the accuracy of the images as they are (``accuracy``), and
        with views averaged, if it was trained on mirror images.
    command : str
        What the user typed.
    """
    from benchmarks.models import parameters

    def identity(row):
        return json.dumps([row["name"], row["parameters"], row["seed"]])

    done = {identity(row) for row in results.read(path)}
    data = None
    for seed in range(n_seeds):
        for name, build in settings:
            net = build(seed)
            described = without_seeds(parameters(net))
            row = {
                "benchmark": benchmark,
                "name": name,
                "classifier": type(net).__name__,
                "parameters": described,
                "seed": seed,
            }
            if identity(row) in done:
                continue
            data = data or split_images()
            row |= _measure(net, *data) | environment.circumstances(command)
            results.append(path, row)
            found = ", ".join(f"{100 * value:.2f}" for value in row["accuracy"].values())
            print(f"{name}, seed {seed}: {found} %, {row['seconds']:.0f} s", file=sys.stderr)


def without_seeds(described):
    """Leave out of described parameters what differs from one seed to another."""
    return {
        name: without_seeds(value) if isinstance(value, dict) else value
        for name, value in described.items()
        if not name.endswith("random_state")
    }


def _measure(net, X, X_valid, y, y_valid):
    """Fit and score; views of a net that has seen mirror images cost no further training."""
    start = time.perf_counter()
    net.fit(X, y)
    seconds = time.perf_counter() - start
    if not hasattr(net, "tta"):
        accuracy = {"as it votes": float(net.score(X_valid, y_valid))}
    else:
        flips = getattr(net.augment, "flip", net.augment is not None)
        views = dict.fromkeys([net.tta, *((None, "flip", 10) if flips else ())])
        accuracy = {
            str(view): float(net.set_params(tta=view).score(X_valid, y_valid)) for view in views
        }
    return {"accuracy": accuracy, "seconds": round(seconds, 2)}
