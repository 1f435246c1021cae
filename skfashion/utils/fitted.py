"""The fitted attributes of an estimator: read, copied and replaced all at once.

An estimator that is fitted again while another thread predicts, or whose fit is interrupted, then
has the old fit or the new one, and never a part of each.
"""


def fitted_attributes(estimator):
    """Return the fitted attributes of an estimator, by name."""
    return {name: value for name, value in dict(vars(estimator)).items() if _is_fitted(name)}


def replace_fitted(estimator, fitted, own=None):
    """Replace the fitted attributes of an estimator, all or those that are named, in one step.

    What another thread sets at that very moment, such as a parameter, may be lost.
    """
    now = dict(vars(estimator))
    replaced = set(filter(_is_fitted, now) if own is None else own)
    others = {name: value for name, value in now.items() if name not in replaced}
    estimator.__dict__ = others | fitted


def snapshot(estimator, /, **changes):
    """Return an estimator with the attributes that this one has now, some of them changed."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = vars(estimator) | changes
    return copied


def unfitted(estimator):
    """Return an estimator with the very same parameters, and nothing fitted."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = {name: value for name, value in vars(estimator).items() if _is_given(name)}
    return copied


def _is_given(name):
    return not name.startswith("_") and not name.endswith("_")


def _is_fitted(name):
    return name.endswith("_") and not name.startswith("__")
