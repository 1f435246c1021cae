"""What classifiers stand: accuracy on test images disturbed in known ways."""

import argparse
import statistics
import sys
import time

from benchmarks import data, environment, models, results, series
from benchmarks.errors import BenchmarkError
from benchmarks.markdown import pipe_table
from benchmarks.models import MODELS, NETS

START, END = "<!-- robustness-table:start -->", "<!-- robustness-table:end -->"
PAGE = environment.ROOT / "docs" / "robustness.md"
PICTURE = environment.ROOT / "docs" / "images" / "robustness.png"
PICTURES = (PICTURE,)
FILE = results.PUBLISHED / "robustness.jsonl"

DESCRIPTION = """\
Fit each classifier on the training images as they are, with and without augment="strong" where it
has that, and read its accuracy on the test images under every kind of disturbance of
skfashion.datasets.make_corrupted, at all five severities. Runs that the result file has already
are skipped.
"""


def _model(key):
    """Return a builder of a model of the benchmark."""
    return lambda seed: MODELS[key].build(seed, 2)


def _augmented(key):
    """Return a builder of a net of the benchmark that is trained on disturbed images."""
    return lambda seed: _model(key)(seed).set_params(augment="strong")


CLASSIFIERS = {
    "LogisticRegression": _model("logistic_regression"),
    "RandomForest": _model("random_forest"),
    **{name: _model(key) for key, name in NETS.items()},
    **{f"{name}, augmented": _augmented(key) for key, name in NETS.items()},
}


def add_parser(subparsers):
    """Add the command ``robustness``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "robustness",
        help="accuracy on disturbed test images, with and without augmentation",
        description=DESCRIPTION,
        epilog="Classifiers: " + "; ".join(CLASSIFIERS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", choices=data.NAMES, default="sample", help="bundled images (default) or all")
    add("--seeds", type=int, default=1, help="number of seeds; default 1")
    add(
        "--classifiers", type=_names, default=list(CLASSIFIERS), help="with semicolons; default all"
    )
    add("--publish", action="store_true", help="write the committed result file, table and picture")
    parser.set_defaults(command=main)


def _names(text):
    names = [name.strip() for name in text.split(";")]
    unknown = [name for name in names if name not in CLASSIFIERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown {unknown}; choose from {'; '.join(CLASSIFIERS)}")
    return names


def main(options):
    """Measure what is missing, then show the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    if options.publish and options.data != "full":
        raise BenchmarkError("--publish goes with --data full.", exit_code=2)
    path = FILE if options.publish else results.LOCAL / f"robustness-{options.data}.jsonl"
    results.refuse_dirty(path)
    done = results.measured(path)
    command = f"python -m benchmarks robustness --data {options.data} --seeds {options.seeds}"
    if options.classifiers != list(CLASSIFIERS):
        command += f' --classifiers "{"; ".join(options.classifiers)}"'
    split = data.load_split(options.data)
    disturbed = None
    for seed in range(options.seeds):
        for name in options.classifiers:
            build = CLASSIFIERS[name]
            settings = models.described(build(0))
            row = results.head("robustness", name, seed, settings, data=options.data)
            if results.identity(row) in done:
                continue
            # Made once: forty disturbances of the same images.
            disturbed = disturbed or _disturbed(split.X_test)
            row |= measure(build(seed), split, disturbed)
            row |= environment.circumstances(command)
            results.append(path, row)
            print(f"{name}, seed {seed}: {_mean(row):.4f}", file=sys.stderr)
    rows = current(results.read(path))
    print(markdown(rows))
    if options.publish:
        from benchmarks.tables import write_studies

        write_studies()
    draw(rows, PICTURE if options.publish else path.with_suffix(".png"))
    return 0


def table():
    """Write the table of the published results."""
    return markdown(current(results.read(FILE)))


def current(rows):
    """Return the rows that count, in the order of classifiers and seeds."""
    order = list(CLASSIFIERS)
    return sorted(results.current(rows), key=lambda row: (order.index(row["unit"]), row["seed"]))


def _disturbed(X, kinds=None):
    """Return the disturbed images by kind, of all kinds unless they are named, and severity."""
    from skfashion.datasets import SEVERITIES, make_corrupted

    return {
        kind: [make_corrupted(X, kind, severity) for severity in range(1, 6)]
        for kind in kinds or SEVERITIES
    }


def measure(estimator, split, disturbed):
    """Fit a classifier and read its accuracies.

    Parameters
    ----------
    estimator : classifier
    split : benchmarks.data.Split
    disturbed : dict of str to list of ndarray
        Test images by kind, one array a severity.

    Returns
    -------
    dict
        ``clean`` (0 to 1), ``accuracy`` (by kind, a list over severities) and ``seconds``.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # logistic regression stops before it has converged
        start = time.perf_counter()
        estimator.fit(split.X_train, split.y_train)
        seconds = round(time.perf_counter() - start, 1)
    return {
        "clean": float(estimator.score(split.X_test, split.y_test)),
        "accuracy": {
            kind: [float(estimator.score(X, split.y_test)) for X in images]
            for kind, images in disturbed.items()
        },
        "seconds": seconds,
    }


def _mean(row):
    """Return the mean corruption accuracy: over severities, then over kinds."""
    return statistics.fmean(statistics.fmean(values) for values in row["accuracy"].values())


def _groups(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row["unit"], []).append(row)
    return groups


def markdown(rows):
    """Write the table: a classifier a line, mean accuracy over severities by kind.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    kinds = list(rows[0]["accuracy"])
    lines = []
    for name, group in _groups(rows).items():
        line = [name, _cell([row["clean"] for row in group]), _cell([_mean(row) for row in group])]
        for kind in kinds:
            line.append(f"{100 * statistics.fmean(_over_severities(group, kind)):.1f}")
        lines.append([*line, f"{statistics.median(row['seconds'] for row in group):.0f}"])
    headings = ["accuracy %", "clean", "mean of all kinds", *kinds, "fit s"]
    table = pipe_table(lines, headings)
    seeds = len({row["seed"] for row in rows})
    return (
        f"{table}\n\nMeans over five severities and {seeds} seed{'s' * (seeds > 1)}.\n"
        f"{series.caption(rows)}\n\nCommand: `{rows[-1]['command']}`."
    )


def _over_severities(group, kind):
    return [statistics.fmean(row["accuracy"][kind]) for row in group]


def _cell(values):
    cell = f"{100 * statistics.fmean(values):.2f}"
    return cell + (f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else "")


def draw(rows, path):
    """Draw a heat map, classifiers by kinds.

    Parameters
    ----------
    rows : list of dict
    path : pathlib.Path
        PNG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds, groups = list(rows[0]["accuracy"]), _groups(rows)
    values = [
        [100 * statistics.fmean(_over_severities(group, kind)) for kind in kinds]
        for group in groups.values()
    ]
    figure, axes = pyplot.subplots(figsize=(10, 1.2 + 0.45 * len(groups)), layout="constrained")
    image = axes.imshow(values, cmap="viridis", vmin=10, vmax=100, aspect="auto")
    axes.set_xticks(range(len(kinds)), kinds, rotation=30, ha="right")
    axes.set_yticks(range(len(groups)), groups)
    for i, line in enumerate(values):
        for j, value in enumerate(line):
            color = "black" if value > 60 else "white"
            axes.text(j, i, f"{value:.0f}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, label="accuracy %, mean over five severities")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def verify(rows):
    """Yield the fastest net, on test images as they are and under one kind of disturbance."""
    from benchmarks.verify import of_unit

    row, split = of_unit(rows, "MLPNetClassifier"), data.load_split("full")
    found = measure(CLASSIFIERS["MLPNetClassifier"](0), split, _disturbed(split.X_test, ["noise"]))

    def numbers(of):
        return {"clean": of["clean"], "noise": of["accuracy"]["noise"]}

    yield row, numbers(row), numbers(found)
