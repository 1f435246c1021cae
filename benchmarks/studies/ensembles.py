"""What ensembles gain over their members, and over one net that is trained as long."""

import statistics
import time

from benchmarks.data import held_out, load_split
from benchmarks.formatting import caption, cell, grouped, interval, median, pipe_table, seeds
from benchmarks.results import of_unit
from benchmarks.study import Study

# A member has so many epochs; weights are averaged at a lower learning rate, whose share of the
# default this is (Izmailov et al. train on at a low constant one).
FULL = {"train_rows": 20_000, "valid_rows": 10_000, "epochs": 3, "members": 4}
FULL |= {"trees": 100, "folds": 3, "lr_share": 0.1}
QUICK = FULL | {"train_rows": 1_000, "valid_rows": 1_000, "members": 3, "trees": 20, "folds": 2}
QUICK |= {"cnn": {"channels": [8, 16]}}


def _cnn(seed, settings, **parameters):
    """Return the convolutional net that all is made of; a quick look has a smaller one."""
    from skfashion import ConvNetClassifier

    own = {"max_epochs": settings["epochs"]} | settings.get("cnn", {}) | parameters
    return ConvNetClassifier(random_state=seed, **own)


def _kinds(seed, settings):
    """Return a net of each kind, and a forest, by name."""
    from sklearn.ensemble import RandomForestClassifier

    from skfashion import MLPNetClassifier

    return [
        ("cnn", _cnn(seed, settings)),
        ("mlp", MLPNetClassifier(random_state=seed)),
        ("forest", RandomForestClassifier(settings["trees"], n_jobs=2, random_state=seed)),
    ]


# --- each function returns (name, fitted ensemble, its members), once or twice --------------------


def _one(name, number):
    """Train one of the three kinds."""
    return lambda seed, settings, X, y: [(name, _kinds(seed, settings)[number][1].fit(X, y), [])]


def _long(seed, settings, X, y):
    """Train one net as long as all members together."""
    n_epochs = settings["epochs"] * settings["members"]
    net = _cnn(seed, settings, max_epochs=n_epochs).fit(X, y)
    return [("one CNN, as many epochs as all", net, [])]


def _vote(seed, settings, X, y):
    """Let nets vote that differ by their seed."""
    from sklearn.ensemble import VotingClassifier

    n = settings["members"]
    members = [(f"cnn{i}", _cnn(n * seed + i, settings)) for i in range(n)]
    vote = VotingClassifier(members, voting="soft").fit(X, y)
    return [("vote of CNNs", vote, vote.estimators_)]


def _bagging(seed, settings, X, y):
    """Let nets vote that are trained on rows drawn with replacement."""
    from sklearn.ensemble import BaggingClassifier

    net = _cnn(seed, settings)
    bagging = BaggingClassifier(net, settings["members"], random_state=seed).fit(X, y)
    return [("bagging of CNNs", bagging, bagging.estimators_)]


def _votes_of_kinds(seed, settings, X, y):
    """Let different kinds vote, softly and hard."""
    from sklearn.ensemble import VotingClassifier

    soft = VotingClassifier(_kinds(seed, settings), voting="soft").fit(X, y)
    # The members are the same: they need not be trained again to vote in another way.
    hard = VotingClassifier(_kinds(seed, settings), voting="hard")
    hard.estimators_, hard.le_, hard.classes_ = soft.estimators_, soft.le_, soft.classes_
    name = "of CNN, MLP and forest"
    return [(f"soft vote {name}", soft, soft.estimators_), (f"hard vote {name}", hard, [])]


def _stack(seed, settings, X, y):
    """Fit a logistic regression to the probabilities of different kinds."""
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
    """Let snapshots of one training vote."""
    from skfashion.ensemble import SnapshotEnsembleClassifier

    n_epochs = settings["epochs"] * settings["members"]
    net = _cnn(seed, settings, max_epochs=n_epochs, lr_schedule="cosine")
    ensemble = SnapshotEnsembleClassifier(net, n_snapshots=settings["members"]).fit(X, y)
    return [("snapshots of one CNN", ensemble, ensemble.estimators_)]


def _along_the_way(seed, settings, X, y):
    """Average the weights of the last epochs, at a low constant learning rate."""
    import copy

    from skfashion.ensemble import average_weights

    n = settings["members"]
    net = _cnn(seed, settings, max_epochs=settings["epochs"] * n - n).fit(X, y)
    net.set_params(lr=settings["lr_share"] * net.lr)
    nets = [copy.deepcopy(net.partial_fit(X, y)) for _ in range(n)]
    return [("average of the last weights of one CNN", average_weights(nets, X), nets)]


def _soup(seed, settings, X, y):
    """Average nets that have gone on from the same weights in their own ways."""
    from sklearn.frozen import FrozenEstimator

    from skfashion.ensemble import average_weights

    n = settings["members"]
    base = _cnn(seed, settings).fit(X, y)
    begun = {"init_from": FrozenEstimator(base), "lr": settings["lr_share"] * base.lr}
    nets = [_cnn(n * seed + i, settings, **begun).fit(X, y) for i in range(1, n)]
    return [("average of CNNs that began alike", average_weights(nets, X), nets)]


ENSEMBLES = {
    "one CNN": _one("one CNN", 0),
    "one MLP": _one("one MLP", 1),
    "one forest": _one("one forest", 2),
    "long": _long,
    "vote": _vote,
    "bagging": _bagging,
    "snapshots": _snapshots,
    "last weights": _along_the_way,
    "soup": _soup,
    "votes of kinds": _votes_of_kinds,
    "stack of kinds": _stack,
}


def classifiers(unit, asked):
    """Return what all ensembles are made of, by name."""
    return dict(_kinds(0, asked.settings))


def measure(unit, seed, asked):
    """Train one ensemble, or two of the same members, and measure it and them.

    Parameters
    ----------
    unit : str
        A key of ``ENSEMBLES``.
    seed : int
    asked : benchmarks.study.Asked

    Returns
    -------
    list of dict
        ``name``, ``accuracy`` (0 to 1), ``log_loss`` (None for hard votes), ``members`` (their
        accuracies) and ``seconds`` (of the training, that of the members included).
    """
    return _measured(unit, seed, asked.settings, asked.images)


def _measured(unit, seed, settings, images):
    """Return what `measure` does."""
    from sklearn.metrics import log_loss

    sizes = {key: settings[key] for key in ("train_rows", "valid_rows")}
    X, X_valid, y, y_valid = held_out(images, seed, **sizes)
    start = time.perf_counter()
    fitted = ENSEMBLES[unit](seed, settings, X, y)
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


def table(rows):
    """Write an ensemble a line."""
    headings = ["", "members", "accuracy %", "log-loss", "members' accuracy %"]
    headings += ["gain over the best member", "fit s"]
    lines = [[name, *_cells(group)] for name, group in grouped(rows, "name").items()]
    settings = rows[-1]["settings"]
    return (
        f"{pipe_table(lines, headings)}\n\nMean ± deviation over {seeds(rows)}, gains in points "
        f"with their 95 % intervals, medians of seconds; {settings['train_rows']:,} of the "
        f"training images, measured on {settings['valid_rows']:,} others of them. A CNN has "
        f"{settings['epochs']} epochs; all that is made of {settings['members']} of them, or of "
        f"one alone, has {settings['epochs'] * settings['members']}.\n"
        f"{caption(rows)}\n\nCommand: `{rows[-1]['command']}`."
    )


def _cells(group):
    """Write what all seeds of an ensemble say."""
    n_members = len(group[0]["members"])
    losses = [row["log_loss"] for row in group if row["log_loss"] is not None]
    cells = [str(n_members or "")]
    cells.append(cell([row["accuracy"] for row in group], 100, 2))
    cells.append(cell(losses, 1, 3) if losses else "")
    if n_members:
        each = [row["members"] for row in group]
        lowest, highest = (statistics.fmean(map(f, each)) for f in (min, max))
        gains = [row["accuracy"] - max(row["members"]) for row in group]
        cells.append(f"{100 * lowest:.2f} to {100 * highest:.2f}")
        cells.append(interval(gains, 100, 2, signed=True))
    else:
        cells += ["", ""]
    return [*cells, median(group, "seconds")]


def verify(rows):
    """Yield the member that is fitted in the least time."""
    row = of_unit(rows, "one MLP")
    (found,) = _measured("one MLP", 0, row["settings"], load_split("full"))
    yield row, *({key: of[key] for key in ("accuracy", "log_loss")} for of in (row, found))


STUDY = Study(
    name="ensembles",
    help="what votes, stacks, bags, snapshots and averages of weights gain",
    cost="25 min",
    page="ensembles.md",
    sizes={"full": FULL, "quick": QUICK},
    units=lambda asked: ENSEMBLES,
    classifiers=classifiers,
    measure=measure,
    table=table,
    verify=verify,
    description="""\
Train ensembles and their members on some of the training images, and measure both on others. All
that is made of convolutional nets alone has the same number of epochs in total. Each seed draws
rows and initial weights anew. What the result file has already, with the same settings, is skipped.
""",
)
