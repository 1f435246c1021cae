"""What votes, stacks, bags, snapshots and averages of weights gain.

Train ensembles and their members on some of the training images, and measure both on others. All
that is made of convolutional nets alone has the same number of epochs in total. Each seed draws
rows and initial weights anew.
"""

import copy
import statistics
import time

from benchmarks.data import held_out
from benchmarks.formatting import cell, grouped, interval, median, seeds, table_above, values
from benchmarks.recipes import CNN, MLP, build
from benchmarks.study import study_of

# A member has so many epochs; weights are averaged at a lower learning rate, whose share of the
# default this is (Izmailov et al. train on at a low constant one).
FULL = {"train_rows": 20_000, "valid_rows": 10_000, "epochs": 3, "members": 4}
FULL |= {"trees": 100, "folds": 3, "lr_share": 0.1}
QUICK = FULL | {"train_rows": 1_000, "valid_rows": 1_000, "members": 3, "trees": 20, "folds": 2}
QUICK |= {"cnn": {"channels": [8, 16]}}
UNITS = ("one CNN", "one MLP", "one forest", "long", "vote", "bagging", "snapshots")
UNITS += ("last weights", "soup", "votes of kinds", "stack of kinds")
LONG = "one CNN, as many epochs as all"
# What ensembles are compared with, seed by seed.
AGAINST = {"over one CNN": "one CNN", "over one of as many epochs": LONG}


def _cnn(seed, settings, **parameters):
    """Return the convolutional net that all is made of; a quick look has a smaller one."""
    own = {"max_epochs": settings["epochs"]} | settings.get("cnn", {}) | parameters
    return build(CNN, own, seed)


def classifiers(unit, settings, seed=0):
    """Return a net of each kind, and a forest, by name."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(settings["trees"], n_jobs=2, random_state=seed)
    return {"cnn": _cnn(seed, settings), "mlp": build(MLP, {}, seed), "forest": forest}


def _fitted(unit, seed, settings, X, y):
    """Return (name, fitted ensemble, its members), or two of them of the same members."""
    from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    from skfashion.ensemble import SnapshotEnsembleClassifier, average_weights

    n, kinds, cnn = settings["members"], classifiers(unit, settings, seed), _cnn(seed, settings)
    n_epochs = n * settings["epochs"]
    if unit.startswith("one "):
        return [(unit, kinds[unit.removeprefix("one ").lower()].fit(X, y), [])]
    if unit == "last weights":  # of one training, which ends at a low constant learning rate
        net = _cnn(seed, settings, max_epochs=n_epochs - n).fit(X, y)
        net.set_params(lr=settings["lr_share"] * net.lr)
        nets = [copy.deepcopy(net.partial_fit(X, y)) for _ in range(n)]
        return [("average of the last weights of one CNN", average_weights(nets, X), nets)]
    if unit == "soup":  # of nets that have gone on from the same weights in their own ways
        begun = {"init_from": FrozenEstimator(cnn.fit(X, y)), "lr": settings["lr_share"] * cnn.lr}
        nets = [_cnn(n * seed + i, settings, **begun).fit(X, y) for i in range(1, n)]
        return [("average of CNNs that began alike", average_weights(nets, X), nets)]
    members = [(f"cnn{i}", _cnn(n * seed + i, settings)) for i in range(n)]
    cosine = _cnn(seed, settings, max_epochs=n_epochs, lr_schedule="cosine")
    vote = VotingClassifier([*kinds.items()], voting="soft")
    last = {"cv": settings["folds"], "stack_method": "predict_proba"}
    stack = StackingClassifier([*kinds.items()], LogisticRegression(max_iter=1000), **last)
    name, model = {
        "long": (LONG, _cnn(seed, settings, max_epochs=n_epochs)),
        "vote": ("vote of CNNs", VotingClassifier(members, voting="soft")),
        "bagging": ("bagging of CNNs", BaggingClassifier(cnn, n, random_state=seed)),
        "snapshots": ("snapshots of one CNN", SnapshotEnsembleClassifier(cosine, n_snapshots=n)),
        "votes of kinds": ("soft vote of CNN, MLP and forest", vote),
        "stack of kinds": ("stack of CNN, MLP and forest", stack),
    }[unit]
    found = [(name, model.fit(X, y), getattr(model, "estimators_", []))]
    if unit == "votes of kinds":
        # The members are the same: they need not be trained again to vote in another way.
        hard = copy.copy(model).set_params(voting="hard")
        found.append((name.replace("soft", "hard"), hard, model.estimators_))
    return found


def measure(unit, seed, asked):
    """Yield what one ensemble says, or two of the same members, and how accurate these are."""
    from sklearn.metrics import log_loss

    settings = asked.settings
    sizes = settings["train_rows"], settings["valid_rows"]
    X, X_valid, y, y_valid = held_out(asked.images, *sizes, seed)
    start = time.perf_counter()
    fitted = _fitted(unit, seed, settings, X, y)
    seconds = round(time.perf_counter() - start, 2)
    for name, ensemble, members in fitted:
        loss = None  # of hard votes
        if hasattr(ensemble, "predict_proba"):
            loss = round(float(log_loss(y_valid, ensemble.predict_proba(X_valid))), 6)
        scores = [round(float(net.score(X_valid, y_valid)), 6) for net in (ensemble, *members)]
        row = {"name": name, "accuracy": scores[0], "log_loss": loss, "members": scores[1:]}
        yield row | {"seconds": seconds}


def table(rows):
    """Write an ensemble a line: what all seeds say, and its gain over its members and others."""
    lines, groups = [], grouped(rows, "name")
    accuracies = {
        name: {row["seed"]: row["accuracy"] for row in its} for name, its in groups.items()
    }
    for name, its in groups.items():
        members = [row["members"] for row in its if row["members"]]
        losses = [row["log_loss"] for row in its if row["log_loss"] is not None]
        ends = [100 * statistics.fmean(map(pick, members)) for pick in (min, max) if members]
        gains = [row["accuracy"] - max(row["members"]) for row in its if members]
        line = [name, str(len(its[0]["members"]) or ""), cell(values(its, "accuracy"), 100)]
        line += [cell(losses, 1, 3) if losses else "", " to ".join(f"{end:.2f}" for end in ends)]
        line.append(interval(gains, 100))
        for other in AGAINST.values():
            own, theirs = accuracies[name], accuracies.get(other, {})
            both = [own[seed] - theirs[seed] for seed in own if seed in theirs]
            line.append(interval(both, 100) if members else "")
        lines.append([*line, median(its, "seconds")])
    headings = ["", "members", "accuracy %", "log-loss", "members' accuracy %"]
    headings += ["gain over the best member", *AGAINST, "fit s"]
    settings = rows[-1]["settings"]
    words = (
        f"Mean ± standard deviation over {seeds(rows)}, gains in points with their 95 % "
        "intervals, medians "
        f"of seconds; {settings['train_rows']:,} of the training images, measured on "
        f"{settings['valid_rows']:,} others of them. A CNN has {settings['epochs']} epochs; all "
        f"that is made of {settings['members']} of them, or of one alone, has "
        f"{settings['epochs'] * settings['members']}."
    )
    return table_above(lines, headings, words, rows)


STUDY = study_of(__name__, cost="25 min", page="ensembles.md", cheap=("one MLP",))
