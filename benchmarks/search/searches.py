"""The searches that are timed, each library's in a process of its own."""

import dataclasses
import json
import time

from benchmarks.search.rows import SEARCHES, Task

# What a search is warmed up with: a few rows, and all kinds of nets of its grid.
WARM_ROWS, WARM_EPOCHS = 300, 4


def add_parser(subparsers):
    """Add the command that a parent process calls; it is not listed in the help.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser("_search", description="Search whenever told to, and say how.")
    parser.add_argument("library", help="whose nets, such as ours")
    parser.add_argument("task", type=json.loads)
    parser.set_defaults(command=main)


def main(options):
    """Search once for each line on standard input.

    Parameters
    ----------
    options : argparse.Namespace
        With ``library``, and ``task``, the fields of a ``Task`` and ``searches``, the keys of those
        to warm up.

    Returns
    -------
    int
        0.
    """
    from benchmarks.speed.worker import serve

    fields = dict(options.task)
    names = fields.pop("searches")
    task = Task(**fields)

    def prepare():
        warm = dataclasses.replace(
            task,
            rows=WARM_ROWS,
            epochs=1,
            long_epochs=dict.fromkeys(task.long_epochs, WARM_EPOCHS),
        )
        for name in names:
            run(warm, name, 0)
        return lambda line: run(task, **json.loads(line))

    return serve(prepare)


def run(task, name, number):
    """Search once.

    Parameters
    ----------
    task : Task
    name : str
        Key of ``SEARCHES``.
    number : int
        Of the round, which decides the rows.

    Returns
    -------
    dict
        ``seconds`` of the search, its last fit included; the best ``params`` and their mean
        ``score`` in the cross-validation; the accuracy of the last fit on rows ``held_out``;
        ``scores`` of all candidates of a grid search, by their parameters as JSON.
    """
    what = SEARCHES[name]
    X, y, X_held_out, y_held_out = draw(task, number, as_float=what.factor is None)
    search = make(task, what)
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    found = {
        "seconds": seconds,
        "params": key_of(search.best_params_),
        "score": float(search.best_score_),
        "held_out": float(search.score(X_held_out, y_held_out)),
    }
    if what.kind == "grid":
        keys = map(key_of, search.cv_results_["params"])
        scores = map(float, search.cv_results_["mean_test_score"])
        found["scores"] = dict(zip(keys, scores, strict=True))
    return found


def key_of(params):
    """Return the parameters that a grid has, as text; what a halving adds is left out."""
    known = {name.split("__")[-1]: value for name, value in params.items()}
    known["lr"] = known.pop("learning_rate_init", known.get("lr"))
    kept = ("hidden_layer_sizes", "lr", "batch_size")
    return json.dumps({name: known[name] for name in kept if name in known}, sort_keys=True)


def draw(task, number, as_float):
    """Return rows and labels to search on, and others held out; training images all of them.

    Parameters
    ----------
    task : Task
    number : int
        Of the round.
    as_float : bool
        Whether pixels are to be float32, 0 to 1, as every library takes them, or uint8.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    from benchmarks.data import load_split

    split = load_split(task.data)
    X, X_held_out, y, y_held_out = train_test_split(
        split.X_train,
        split.y_train.astype(np.int64),
        train_size=task.rows,
        test_size=task.held_out,
        stratify=split.y_train,
        random_state=number,
    )
    if as_float:
        X, X_held_out = (a.astype(np.float32) / np.float32(255) for a in (X, X_held_out))
    return X, y, X_held_out, y_held_out


def make(task, what):
    """Return a search that is not fitted yet.

    Parameters
    ----------
    task : Task
    what : Search
    """
    grid = {**task.grid, "hidden_layer_sizes": [tuple(s) for s in task.grid["hidden_layer_sizes"]]}
    epochs = task.epochs if what.factor is None else task.long_epochs[str(what.factor)]
    net, names = NETS[what.library](what, epochs)
    grid = {names.get(name, name): values for name, values in grid.items()}
    common = {"cv": task.folds, "n_jobs": what.n_jobs, "error_score": "raise"}
    if what.kind == "epochs":
        from skfashion.model_selection import EpochHalvingSearchCV

        return EpochHalvingSearchCV(
            net,
            grid,
            factor=what.factor,
            max_resources=epochs,
            random_state=0,
            **common,
        )
    if what.kind == "halving":
        from sklearn.experimental import enable_halving_search_cv  # noqa: F401
        from sklearn.model_selection import HalvingGridSearchCV

        limit = {"resource": "max_epochs", "max_resources": epochs}
        return HalvingGridSearchCV(net, grid, factor=what.factor, **limit, **common)
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(net, grid, **common)


def our_net(what, epochs):
    """Return our net, and what it calls parameters of a grid by another name.

    Beside other libraries it has their way of training: Adam at a constant learning rate on pixels
    as they are; in successive halvings it has its defaults.
    """
    from benchmarks.speed.nets import our_net as plain_net
    from skfashion import MLPNetClassifier

    own = {"n_threads": what.n_threads, "max_epochs": epochs, "device": "cpu"}
    if what.factor is None:
        return plain_net("mlp", **own), {}
    return MLPNetClassifier(random_state=0, **own), {}


def skorch_net(what, epochs):
    """Return skorch's net, without a validation split, and its names of a grid's parameters."""
    import torch
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        dense_module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=epochs,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    )
    return net, {"hidden_layer_sizes": "module__hidden_layer_sizes"}


def dense_module(hidden_layer_sizes=(128, 64)):
    """Return the plain PyTorch module of a candidate."""
    import itertools

    from torch import nn

    layers = []
    for n_in, n_out in itertools.pairwise((784, *hidden_layer_sizes)):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden_layer_sizes[-1], 10))


def sklearn_net(what, epochs):
    """Return scikit-learn's net, which does not stop early, and its names of parameters."""
    from sklearn.neural_network import MLPClassifier

    net = MLPClassifier(alpha=0.0, max_iter=epochs, n_iter_no_change=epochs + 1, random_state=0)
    return net, {"lr": "learning_rate_init"}


NETS = {"ours": our_net, "skorch": skorch_net, "sklearn": sklearn_net}
