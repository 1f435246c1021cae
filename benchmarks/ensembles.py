"""What ensembles gain over their members, and over one net that is trained as long."""

import argparse
import statistics
import sys
import time
from functools import partial

from benchmarks import environment, results, series, units
from benchmarks.markdown import pipe_table
from benchmarks.studies import means, plus_minus

NAME = "ensembles"
START, END = "<!-- ensembles-table:start -->", "<!-- ensembles-table:end -->"
PAGE = environment.ROOT / "docs" / "ensembles.md"
PICTURES = ()
FILE = results.PUBLISHED / "ensembles.jsonl"

DESCRIPTION = """\
Train ensembles and their members on some of the training images, and measure both on others. All
that is made of convolutional nets alone has the same number of epochs in total. Each seed draws
rows and initial weights anew. What the result file has already, from the same sources, is skipped.
"""

# A member has so many epochs; weights are averaged at a lower learning rate, whose share of the
# default this is (Izmailov et al. train on at a low constant one).
FULL = {"train_rows": 20_000, "valid_rows": 10_000, "epochs": 3, "members": 4}
FULL |= {"trees": 100, "folds": 3, "lr_share": 0.1}
QUICK = FULL | {"train_rows": 1_000, "valid_rows": 1_000, "members": 3, "trees": 20, "folds": 2}


def add_parser(subparsers):
    """Add the command ``ensembles``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        NAME,
        help="what votes, stacks, bags, snapshots and averages of weights gain",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    units.add_arguments(parser)
    parser.set_defaults(command=partial(units.run, sys.modules[__name__]))


def table():
    """Write the table of the published results."""
    return markdown(results.current(results.read(FILE)))


# --- what is measured ---------------------------------------------------------------------------


def _cnn(seed, settings, **parameters):
    from skfashion import ConvNetClassifier

    return ConvNetClassifier(random_state=seed, **({"max_epochs": settings["epochs"]} | parameters))


def _kinds(seed, settings):
    from sklearn.ensemble import RandomForestClassifier

    from skfashion import MLPNetClassifier

    return [
        ("cnn", _cnn(seed, settings)),
        ("mlp", MLPNetClassifier(random_state=seed)),
        ("forest", RandomForestClassifier(settings["trees"], n_jobs=2, random_state=seed)),
    ]


def classifiers(unit, settings):
    """Return what all ensembles are made of, by name."""
    return dict(_kinds(0, settings))


def _one(number):
    def train(seed, settings, X, y):
        names = ("one CNN", "one MLP", "one forest")
        return [(names[number], _kinds(seed, settings)[number][1].fit(X, y), [])]

    return train


def _long(seed, settings, X, y):
    n_epochs = settings["epochs"] * settings["members"]
    net = _cnn(seed, settings, max_epochs=n_epochs).fit(X, y)
    return [("one CNN, as many epochs as all", net, [])]


def _members(seed, settings):
    n = settings["members"]
    return [(f"cnn{i}", _cnn(n * seed + i, settings)) for i in range(n)]


def _vote(seed, settings, X, y):
    from sklearn.ensemble import VotingClassifier

    vote = VotingClassifier(_members(seed, settings), voting="soft").fit(X, y)
    return [("vote of CNNs", vote, vote.estimators_)]


def _bagging(seed, settings, X, y):
    from sklearn.ensemble import BaggingClassifier

    net = _cnn(seed, settings)
    bagging = BaggingClassifier(net, settings["members"], random_state=seed).fit(X, y)
    return [("bagging of CNNs", bagging, bagging.estimators_)]


def _votes_of_kinds(seed, settings, X, y):
    from sklearn.ensemble import VotingClassifier

    soft = VotingClassifier(_kinds(seed, settings), voting="soft").fit(X, y)
    # The members are the same: they need not be trained again to vote in another way.
    hard = VotingClassifier(_kinds(seed, settings), voting="hard")
    hard.estimators_, hard.le_, hard.classes_ = soft.estimators_, soft.le_, soft.classes_
    name = "of CNN, MLP and forest"
    return [(f"soft vote {name}", soft, soft.estimators_), (f"hard vote {name}", hard, [])]


def _stack(seed, settings, X, y):
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression

    stack = StackingClassifier(
        _kinds(seed, settings),
        LogisticRegression(max_iter=1000),
        cv=settings["folds"],
        stack_method="predict_proba",
    ).fit(X, y)
    return [("stack of CNN, MLP and forest", stack, stack.estimators_)]


def _snapshots(seed, settings, X, y):
    from skfashion.ensemble import SnapshotEnsembleClassifier

    n_epochs = settings["epochs"] * settings["members"]
    net = _cnn(seed, settings, max_epochs=n_epochs, lr_schedule="cosine")
    ensemble = SnapshotEnsembleClassifier(net, n_snapshots=settings["members"]).fit(X, y)
    return [("snapshots of one CNN", ensemble, ensemble.estimators_)]


def _averaged(name, nets, X):
    from skfashion.ensemble import average_weights

    return name, average_weights(nets, X), nets


def _along_the_way(seed, settings, X, y):
    """Average the weights of the last epochs, at a low constant learning rate."""
    import copy

    n = settings["members"]
    net = _cnn(seed, settings, max_epochs=settings["epochs"] * n - n).fit(X, y)
    net.set_params(lr=settings["lr_share"] * net.lr)
    nets = [copy.deepcopy(net.partial_fit(X, y)) for _ in range(n)]
    return [_averaged("average of the last weights of one CNN", nets, X)]


def _soup(seed, settings, X, y):
    """Average nets that have gone on from the same weights in their own ways."""
    from sklearn.frozen import FrozenEstimator

    n = settings["members"]
    base = _cnn(seed, settings).fit(X, y)
    begun = {"init_from": FrozenEstimator(base), "lr": settings["lr_share"] * base.lr}
    nets = [_cnn(n * seed + i, settings, **begun).fit(X, y) for i in range(1, n)]
    return [_averaged("average of CNNs that began alike", nets, X)]


FUNCTIONS = {
    "one CNN": _one(0),
    "one MLP": _one(1),
    "one forest": _one(2),
    "long": _long,
    "vote": _vote,
    "bagging": _bagging,
    "snapshots": _snapshots,
    "last weights": _along_the_way,
    "soup": _soup,
    "votes of kinds": _votes_of_kinds,
    "stack of kinds": _stack,
}
UNITS = tuple(FUNCTIONS)


def measure(unit, seed, settings, images):
    """Train one ensemble, or two of the same members, and measure it and them.

    Parameters
    ----------
    unit : str
        Of ``UNITS``.
    seed : int
    settings : dict
        ``FULL`` or ``QUICK``.
    images : benchmarks.data.Split

    Returns
    -------
    list of dict
        ``name``, ``accuracy`` (0 to 1), ``log_loss`` (None for hard votes), ``members`` (their
        accuracies) and ``seconds`` (of the training, that of the members included).
    """
    from sklearn.metrics import log_loss

    sizes = {key: settings[key] for key in ("train_rows", "valid_rows")}
    X, X_valid, y, y_valid = units.held_out(images, seed, **sizes)
    start = time.perf_counter()
    fitted = FUNCTIONS[unit](seed, settings, X, y)
    seconds = round(time.perf_counter() - start, 2)
    rows = []
    for name, ensemble, members in fitted:
        proba = ensemble.predict_proba(X_valid) if hasattr(ensemble, "predict_proba") else None
        rows.append(
            {
                "name": name,
                "accuracy": round(float(ensemble.score(X_valid, y_valid)), 6),
                "log_loss": None if proba is None else round(float(log_loss(y_valid, proba)), 6),
                "members": [round(float(net.score(X_valid, y_valid)), 6) for net in members],
                "seconds": seconds,
            }
        )
    for row in rows:  # those of a second vote are the first one's
        row["members"] = row["members"] or rows[0]["members"]
    return rows


# --- the table ----------------------------------------------------------------------------------


def markdown(rows):
    """Write the table: an ensemble a line.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    groups = {}
    for row in rows:
        groups.setdefault(row["name"], []).append(row)
    lines = [[name, *_cells(group)] for name, group in groups.items()]
    headings = ["", "members", "accuracy %", "log-loss", "members' accuracy %"]
    headings += ["gain over the best member", "fit s"]
    text = pipe_table(lines, headings)
    settings, n_seeds = rows[-1]["settings"], len({row["seed"] for row in rows})
    return (
        f"{text}\n\nMean ± deviation over {n_seeds} seed{'s' * (n_seeds > 1)}, gains in points "
        f"with their 95 % intervals, medians of seconds; {settings['train_rows']:,} of the "
        f"training images, measured on {settings['valid_rows']:,} others of them. A CNN has "
        f"{settings['epochs']} epochs; all that is made of {settings['members']} of them, or of "
        f"one alone, has {settings['epochs'] * settings['members']}.\n{series.caption(rows)}\n\n"
        f"Command: `{rows[-1]['command']}`."
    )


def _cells(group):
    n_members = len(group[0]["members"])
    losses = [row["log_loss"] for row in group if row["log_loss"] is not None]
    cells = [str(n_members or "")]
    cells.append(means([row["accuracy"] for row in group], 100, 2))
    cells.append(means(losses, 1, 3) if losses else "")
    if n_members:
        each = [row["members"] for row in group]
        lowest, highest = (statistics.fmean(map(f, each)) for f in (min, max))
        cells.append(f"{100 * lowest:.2f} to {100 * highest:.2f}")
        gains = [row["accuracy"] - max(row["members"]) for row in group]
        cells.append(plus_minus(gains, 100, 2, signed=True))
    else:
        cells += ["", ""]
    return [*cells, f"{statistics.median(row['seconds'] for row in group):.0f}"]


def verify(rows):
    """Yield the member that is fitted in the least time."""
    from benchmarks.data import load_split
    from benchmarks.verify import of_unit

    row = of_unit(rows, "one MLP")
    (found,) = measure("one MLP", 0, row["settings"], load_split("full"))
    keys = ("accuracy", "log_loss")
    yield row, {key: row[key] for key in keys}, {key: found[key] for key in keys}
