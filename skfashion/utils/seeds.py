"""The `random_state` parameters of an estimator and of all estimators inside it."""


def get_seeds(estimator):
    """Return all parameters called `random_state`, those of inner estimators too.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    dict of str to (int, RandomState or None)
        By full name, such as ``"pca__random_state"``, sorted.
    """
    params = estimator.get_params()
    return {name: params[name] for name in sorted(params) if name.split("__")[-1] == "random_state"}


def set_seeds(estimator, seed):
    """Set all parameters called `random_state`, those of inner estimators too.

    Parameters
    ----------
    estimator : estimator
        It is changed.
    seed : int

    Returns
    -------
    estimator
        The same.
    """
    return estimator.set_params(**dict.fromkeys(get_seeds(estimator), seed))
