"""How well trainings that are paused tell which of them will be the best in the end."""

# The halving whose rungs are looked at.
FACTOR = 3


def judge(task, decay, number):
    """Train every candidate of a halving to its end, and judge it at each rung.

    Parameters
    ----------
    task : Task
    decay : float
        Of the averaged weights; 0 judges the last weights themselves.
    number : int
        Of the round, which decides the rows.

    Returns
    -------
    dict
        ``epochs`` of the rungs but the last, and for each of them ``accuracy`` (0 to 1), the mean
        over the candidates, and ``correlation``, Spearman's, with the accuracies at the end.
    """
    import itertools

    from joblib import Parallel, delayed
    from scipy.stats import spearmanr

    from benchmarks.search.searches import draw
    from skfashion.model_selection.rungs import plan_rungs

    candidates = [
        dict(zip(task.grid, values, strict=True))
        for values in itertools.product(*task.grid.values())
    ]
    _, rungs = plan_rungs(len(candidates), FACTOR, 1, task.long_epochs[str(FACTOR)])
    images = draw(task, number, as_float=False)
    scores = Parallel(n_jobs=-1)(
        delayed(_scores)(candidate, rungs, decay, *images) for candidate in candidates
    )
    *before, last = zip(*scores, strict=True)
    return {
        "epochs": rungs[:-1],
        "accuracy": [sum(rung) / len(rung) for rung in before],
        "correlation": [float(spearmanr(rung, last).statistic) for rung in before],
    }


def _scores(candidate, rungs, decay, X, y, X_valid, y_valid):
    from unittest.mock import patch

    from skfashion import MLPNetClassifier
    from skfashion.fitting import fit as fitting
    from skfashion.model_selection.stepping import train_until

    sizes = tuple(candidate["hidden_layer_sizes"])
    candidate = candidate | {"hidden_layer_sizes": sizes}
    scores, paused = [], None
    for until in rungs:
        net = MLPNetClassifier(random_state=0, n_threads=1, device="cpu", **candidate)
        options = {"until": until, "total": rungs[-1], "paused": paused}
        # Only for a moment: workers are used again, by others.
        with patch.object(fitting, "PAUSE_DECAY", decay):
            net, paused = train_until(net, X, y, {}, **options)
        scores.append(net.score(X_valid, y_valid))
    return scores
