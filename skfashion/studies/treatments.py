"""What people do about rare classes, by name."""

import difflib
from types import MappingProxyType

import numpy as np
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.under_sampling import NearMiss, RandomUnderSampler, TomekLinks
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline as TransformersPipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from skfashion.layouts import find_layout
from skfashion.studies.thresholds import ClassFactorsClassifier
from skfashion.utils._sklearn import count_rows
from skfashion.utils.pipelines import last_step, steps_of

LOSSES = ("cross_entropy", "focal", "class_balanced", "balanced_softmax", "logit_adjusted", "ldam")

# Parameters of classifiers that look at neighbouring pixels, of which principal components have
# none.
OF_IMAGES = {"channels", "depth", "backbone"}

# Samplers that only draw lots; all others compare or mix values.
DRAWING = (RandomOverSampler, RandomUnderSampler)

# The step that counts what the last one is trained on.
COUNTER = "rows_trained"
# Names of the steps before it, where a sampler treats.
FLOATS, SAMPLER = "as_float", "treatment"


class RowCounter(BaseEstimator):
    """Sampler that changes nothing and remembers how many rows it saw, in `n_rows_`."""

    def fit_resample(self, X, y):
        """Return `X` and `y` as they are."""
        self.n_rows_ = count_rows(X)
        return X, y


def correct_prior(estimator):
    """Make an estimator decide as if all classes were as frequent, after it was fitted.

    Parameters
    ----------
    estimator : estimator
        Changed if it, or its last step, has a parameter `prior`.

    Returns
    -------
    estimator or None
        With ``prior="uniform"``, or in a ``ClassFactorsClassifier``; None without probabilities.
    """
    last = last_step(estimator)
    if "prior" in last.get_params():
        last.set_params(prior="uniform")
        return estimator
    return _with_factors(estimator, "prior")


def tune_thresholds(estimator):
    """Tune how a fitted estimator decides: see ``ClassFactorsClassifier``.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    estimator or None
        None for one without probabilities.
    """
    return _with_factors(estimator, "tuned")


def _with_factors(estimator, factors):
    if not hasattr(estimator, "predict_proba"):
        return None
    return ClassFactorsClassifier(estimator, factors=factors)


class Components(TransformerMixin, BaseEstimator):
    """The first principal components of rows, no more than there are.

    Parameters
    ----------
    n_components : int, default=50
    random_state : int, RandomState or None, default=None
    """

    def __init__(self, n_components=50, random_state=None):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, y=None):
        """Find the components of rows (n, d)."""
        n = min(self.n_components, *X.shape)
        self.pca_ = PCA(n, random_state=self.random_state).fit(X)
        return self

    def transform(self, X):
        """Return the components of rows, (n, n_components)."""
        return self.pca_.transform(X)


def smote_on_components(estimator):
    """Put the 50 first principal components and SMOTE of these before an estimator of tables.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    Pipeline or None
        None for an estimator of images.
    """
    params = last_step(estimator).get_params()
    of_images = "image_shape" in params and OF_IMAGES & set(params)
    if of_images or params.get("image_shape", "auto") != "auto":
        return None
    return make_pipeline(Components(), SMOTE(), *(step for _, step in steps_of(estimator)))


def _standard():
    """Yield the standard treatments, by name."""
    yield "nothing", None
    for sampler in (
        RandomOverSampler,
        SMOTE,
        BorderlineSMOTE,
        ADASYN,
        RandomUnderSampler,
        NearMiss,
        TomekLinks,
        SMOTEENN,
    ):
        yield sampler.__name__, sampler()
    yield "PCA + SMOTE", smote_on_components
    yield "class_weight=balanced", {"class_weight": "balanced"}
    yield "sampling=balanced", {"sampling": "balanced"}
    yield "sampling=sqrt", {"sampling": "sqrt"}
    for loss in LOSSES:
        if loss != "cross_entropy":  # which is "nothing"
            yield f"loss={loss}", {"loss": loss, "deferred_reweighting": None}
        yield f"loss={loss} + DRW", {"loss": loss, "deferred_reweighting": 0.8}
    yield "prior correction", correct_prior
    yield "threshold tuning", tune_thresholds


TREATMENTS = MappingProxyType(dict(_standard()))


def find_treatments(treatments):
    """Return treatments by name, or say what is wrong with them.

    Parameters
    ----------
    treatments : None, list of str or dict of str to treatment
        As ``imbalance_study`` takes them.

    Returns
    -------
    dict of str to treatment

    Raises
    ------
    ValueError, TypeError
        If a name is unknown, or something is no treatment.
    """
    if treatments is None:
        return dict(TREATMENTS)
    if isinstance(treatments, str):
        raise TypeError(
            f"Got treatments={treatments!r}, expected a list of names or a dict. Write "
            f"treatments=[{treatments!r}]."
        )
    if not isinstance(treatments, dict):
        unknown = [name for name in treatments if name not in TREATMENTS]
        if unknown:
            names = {name.lower(): name for name in TREATMENTS}
            near = difflib.get_close_matches(str(unknown[0]).lower(), names, n=1)
            hint = f"Did you mean {names[near[0]]!r}? " if near else ""
            raise ValueError(
                f"Got the treatment {unknown[0]!r}, which is none of TREATMENTS. {hint}Expected "
                f"names of these: {list(TREATMENTS)}. Treatments of your own go into a dict of "
                "names to treatments."
            )
        treatments = {name: TREATMENTS[name] for name in treatments}
    if not treatments:
        raise ValueError(
            "Got no treatments, expected one at least. Write treatments=['nothing'] to fit the "
            "estimators as they are."
        )
    for name, treatment in treatments.items():
        _check_treatment(name, treatment)
    return dict(treatments)


def _check_treatment(name, treatment):
    """Refuse what is no treatment."""
    if isinstance(treatment, type):
        raise TypeError(
            f"Got the class {treatment.__name__} as treatment {name!r}, expected an instance. "
            f"Write {treatment.__name__}()."
        )
    if isinstance(treatment, dict) and not all(isinstance(key, str) for key in treatment):
        raise TypeError(
            f"Got {treatment!r} as treatment {name!r}, expected names of parameters as its keys."
        )
    known = treatment is None or isinstance(treatment, dict) or _is_sampler(treatment)
    if not known and not callable(treatment):
        raise TypeError(
            f"Got {treatment!r} as treatment {name!r}, expected None, a dict of parameters, a "
            "sampler of imbalanced-learn, or a function that takes an estimator and returns one."
        )


def treated(estimator, treatment):
    """Put an estimator and a treatment into one pipeline.

    Parameters
    ----------
    estimator : estimator
        A classifier or a pipeline that ends with one. It is cloned.
    treatment : None, dict, sampler or callable
        A dict sets parameters of the last step; a sampler works before all steps, on floats if it
        computes with values; a callable gets a clone of the estimator, and may return None.

    Returns
    -------
    Pipeline of imbalanced-learn or None
        Unfitted, with a ``RowCounter`` before its last step; None if the treatment is not for this
        estimator: it lacks one of the parameters.
    """
    model, before = clone(estimator), []
    if isinstance(treatment, dict):
        last = last_step(model)
        if not set(treatment) <= set(last.get_params()):
            return None
        last.set_params(**{name: clone(value, safe=False) for name, value in treatment.items()})
    elif _is_sampler(treatment):
        before = [(SAMPLER, clone(treatment))]
        if not isinstance(treatment, DRAWING):
            before.insert(0, (FLOATS, FunctionTransformer(as_float)))
    elif treatment is not None:
        model = treatment(model)
        if model is None:
            return None
    *others, last = steps_of(model)
    options = {}
    if isinstance(model, TransformersPipeline):
        options = {k: getattr(model, k) for k in ("memory", "verbose", "transform_input")}
    return Pipeline([*before, *others, (COUNTER, RowCounter()), last], **options)


def keep_layout(model, X):
    """Tell a net behind a sampler that invents rows what the rows are that it invents from.

    A net knows flat rows for images by whole numbers or by names, and invented ones have neither.

    Parameters
    ----------
    model : Pipeline
        Of :func:`treated`; the parameter `image_shape` of its last step is set.
    X : array-like
        What it will be fitted to.
    """
    *before, (_, last) = model.steps
    invents = [name for name, _ in before] == [FLOATS, SAMPLER, COUNTER]
    if not invents or last.get_params().get("image_shape") != "auto":
        return
    names = [str(name) for name in getattr(X, "columns", ())] or None
    rows = np.asarray(X)
    takes_tables = get_tags(last).input_tags.sparse
    layout = find_layout(rows, "auto", names, np.arange(len(rows)), takes_tables=takes_tables)
    if layout.doubt is None:
        last.set_params(image_shape=layout.image_shape)


def as_float(X):
    """Return `X`, whole numbers as float32, in which the differences of pixels do not wrap round.

    Parameters
    ----------
    X : array-like

    Returns
    -------
    ndarray
    """
    X = np.asarray(X)
    return X if X.dtype.kind == "f" else X.astype(np.float32)


def _is_sampler(treatment):
    return hasattr(treatment, "fit_resample")
