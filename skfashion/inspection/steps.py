"""The classifier itself, within pipelines and searches."""


def last_step(estimator):
    """Return the classifier itself: of a search its best, of a pipeline its last step.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    estimator
    """
    if hasattr(estimator, "best_estimator_"):
        return last_step(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return last_step(estimator.steps[-1][1])
    return estimator


def last_step_with(estimator, attribute):
    """Return the classifier itself, which must have what only a fitted one of this package has.

    Parameters
    ----------
    estimator : estimator
    attribute : str
        Such as ``"net_"``.

    Returns
    -------
    estimator

    Raises
    ------
    ValueError
        If it has no such attribute.
    """
    found = last_step(estimator)
    if not hasattr(found, attribute):
        raise ValueError(
            f"Got a {type(found).__name__} without {attribute}, expected a fitted classifier of "
            "skfashion, or a pipeline or search that ends with one."
        )
    return found


def seen_by_last_step(estimator, X):
    """Return what the last step of a pipeline, or of a search's best, predicts from.

    Parameters
    ----------
    estimator : estimator
        Fitted; what is no pipeline sees `X` itself.
    X : array-like

    Returns
    -------
    array-like
        Through all steps before, but for imbalanced-learn's samplers: these change training rows
        only.
    """
    if hasattr(estimator, "best_estimator_"):
        return seen_by_last_step(estimator.best_estimator_, X)
    if not hasattr(estimator, "steps"):
        return X
    for _, step in estimator.steps[:-1]:
        is_nothing = step is None or isinstance(step, str)  # "passthrough"
        if not is_nothing and not hasattr(step, "fit_resample"):
            X = step.transform(X)
    return seen_by_last_step(estimator.steps[-1][1], X)
