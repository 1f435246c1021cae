"""Pickles that know which versions of the libraries have made them."""

import sys
from importlib import metadata

import sklearn.base
from sklearn.exceptions import InconsistentVersionWarning

from skfashion.utils.callers import warn_the_caller

KEY = "_versions"


class OtherVersionsWarning(InconsistentVersionWarning):
    """A pickle was made by other versions of the libraries than those that open it.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.
    before, now : dict of str to str
        Versions of the libraries when it was made, and when it is opened.
    """

    def __init__(self, *, estimator_name, before, now):
        name = "scikit-learn"
        super().__init__(
            estimator_name=estimator_name,
            current_sklearn_version=now[name],
            original_sklearn_version=before.get(name, "unknown"),
        )
        self.before, self.now = before, now

    def __str__(self):
        others = [name for name in self.now if self.before.get(name) != self.now[name]]
        before = ", ".join(f"{name} {self.before.get(name, 'unknown')}" for name in others)
        now = ", ".join(f"{name} {self.now[name]}" for name in others)
        return (
            f"Trying to unpickle estimator {self.estimator_name} that was pickled with {before} "
            f"when using {now}. This might lead to breaking code or invalid results. Fit it again, "
            "or install what it was pickled with. For more info please refer to:\n"
            "https://scikit-learn.org/stable/model_persistence.html"
            "#security-maintainability-limitations"
        )


class PickledWithVersions:
    """Mixin of estimators whose pickles carry versions; stands before ``BaseEstimator``."""

    def __getstate__(self):
        return super().__getstate__() | {KEY: library_versions()}

    def __setstate__(self, state):
        before, now = state.get(KEY, {}), library_versions()
        if before != now:
            name = type(self).__name__
            # At the caller of pickle, which itself has no lines.
            warn_the_caller(OtherVersionsWarning(estimator_name=name, before=before, now=now))
        super().__setstate__({name: value for name, value in state.items() if name != KEY})


def library_versions():
    """Return the versions of what an estimator is made of, as its pickles and files carry them."""
    versions = {name: _version_of(name) for name in ("skfashion", "torch")}
    # Builds of a release, such as 2.9.0+cpu, read each other's nets.
    versions["torch"] = versions["torch"].partition("+")[0]
    # The one that scikit-learn's own estimators compare.
    return versions | {"scikit-learn": sklearn.base.__version__}


def _version_of(name):
    """Return the version of a library that is not to be imported for this alone."""
    module = sys.modules.get(name)
    return metadata.version(name) if module is None else str(module.__version__)
