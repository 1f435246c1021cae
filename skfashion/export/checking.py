"""A written model run against the estimator that it was made of, before anybody has it."""

import copy
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.labels import labels_for_onnx
from skfashion.export.libraries import import_library
from skfashion.export.plain import on_cpu, parts_of

# Sizes of the first batches: a model that has taken in the size of its example fails with two.
BATCHES = (1, 2, 7)
# And of all others.
BATCH = 256
# The largest difference of a probability: what float32's rounding makes of the order of sums.
TOLERANCE = 5e-6
# With what is computed before or behind the net: products of many columns, means, other models.
PIPELINE_TOLERANCE = 1e-5
# Of a net in float64, and of one that predicts in 16 bits, which the file does in float32.
FP64_TOLERANCE, LOW_PRECISION_TOLERANCE = 2e-5, 0.05
# Isotonic regression multiplies the rounding of logits by the steepness of its segments.
ISOTONIC_TOLERANCE = 1e-3
# What to do where a file says something else.
ADVICE = (
    "Inputs far from those of the training, and columns of very different sizes, lose digits in "
    "float32: scale them in a pipeline, or give X as it will come. Otherwise this is a fault of an "
    "exporter, which the estimator's class and parameters help to report."
)
ISOTONIC_ADVICE = (
    "Isotonic regression is made of steps, and where one is steep it multiplies the rounding of "
    "float32, in which the file computes the net: calibrate with method='sigmoid', which has none, "
    "or on more rows."
)


@dataclass(frozen=True)
class Answers:
    """What is said of some rows.

    Attributes
    ----------
    labels : ndarray of shape (n,)
        Of types that ONNX has.
    probabilities : ndarray of shape (n, k)
    features : ndarray of shape (n, m) or None
    """

    labels: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray | None = None


def answers_of(estimator, X, *, features=False):
    """Return what a fitted estimator says of rows."""
    return Answers(
        labels_for_onnx(estimator.predict(X)),
        estimator.predict_proba(X),
        estimator.transform(X) if features else None,
    )


def session_of(model):
    """Return a session of ONNX Runtime, on one thread of the CPU, for a model as bytes."""
    runtime = import_library("onnxruntime")
    options = runtime.SessionOptions()
    # What goes wrong is said by an error, and not by a line of a log besides.
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def answers_of_file(model, inputs):
    """Return what a model, as bytes, says of its inputs, in batches of several sizes.

    Raises
    ------
    ValueError
        If ONNX Runtime cannot run it.
    """
    try:
        session = session_of(model)
        name, names = session.get_inputs()[0].name, [o.name for o in session.get_outputs()]
        parts = [session.run(None, {name: batch}) for batch in batches(inputs)]
    except Exception as error:  # of ONNX Runtime, whose errors have no common class
        raise ValueError(
            f"Got an ONNX file that ONNX Runtime cannot run ({error}). Nothing was written. In "
            "stacks, set stack_method='predict_proba', which skl2onnx counts on. Otherwise this is "
            "a fault of an exporter, which the estimator's class and parameters help to report."
        ) from error
    columns = map(np.concatenate, zip(*parts, strict=True))
    found = dict(zip(names, columns, strict=True))
    return Answers(found["label"], found["probabilities"], found.get("features"))


def batches(rows):
    """Yield rows in batches: of 1, 2 and 7, then larger ones."""
    start = 0
    for size in chain(BATCHES, repeat(BATCH)):
        if start >= len(rows):
            return
        yield rows[start : start + size]
        start += size


def check_answers(found, wanted, tolerance, what, advice=ADVICE):
    """Raise an error, which ends with advice, unless a file says what the estimator says.

    Features may differ by `tolerance` times the largest of them, if that is more than 1.

    Raises
    ------
    ValueError
        With the largest difference, and what to do.
    """
    apart = np.abs(found.probabilities - wanted.probabilities).max()
    if not apart <= tolerance:
        _refuse(f"probabilities that differ by up to {apart:.2g}", tolerance, what, advice)
    # Where two classes are as probable, rounding chooses.
    highest = np.sort(wanted.probabilities, axis=1)[:, -2:]
    is_tie = highest[:, 1] - highest[:, 0] <= 2 * tolerance
    n_other = np.count_nonzero((found.labels != wanted.labels) & ~is_tie)
    if n_other:
        _refuse(f"{n_other} other labels of {len(found.labels)}", tolerance, what, advice)
    if wanted.features is not None:
        scale = max(1.0, float(np.abs(wanted.features).max()))
        apart = np.abs(found.features - wanted.features).max() / scale
        if not apart <= tolerance:
            difference = f"features that differ by up to {apart:.2g} of the largest"
            _refuse(difference, tolerance, what, advice)


def check_against(model, trial, found, what, features=False):
    """Raise an error unless a file says what a fitted model says of the rows of a trial."""
    advice = ISOTONIC_ADVICE if _is_isotonic(model) else ADVICE
    for estimator, tolerance in _references_of(model):
        wanted = answers_of(estimator, trial.asked, features=features)
        check_answers(found, wanted, tolerance, what, advice)


def _references_of(model):
    """Return the estimators to compare a model's file with, each with its tolerance."""
    model = on_cpu(model)
    if not isinstance(model, ImageClassifier):
        return [(model, ISOTONIC_TOLERANCE if _is_isotonic(model) else PIPELINE_TOLERANCE)]
    if model.net_.inference_dtype is None:
        is_float64 = model.precision == "fp64"
        return [(model, FP64_TOLERANCE if is_float64 else TOLERANCE)]
    # A file computes in float32 what the net predicts in 16 bits: a copy that does so, too, shows
    # whether the file is right.
    in_float32 = copy.deepcopy(model.net_)
    in_float32.inference_dtype = None
    return [(model._with_net(in_float32), TOLERANCE), (model, LOW_PRECISION_TOLERANCE)]


def _is_isotonic(model):
    """Tell whether isotonic regression calibrates a model, or a part of it, as it is fitted."""
    # A search may have chosen the method, so that the parameters do not say.
    return any(
        hasattr(part, "calibrators") and part.method == "isotonic" for part in parts_of(model)
    )


def _refuse(difference, tolerance, what, advice):
    raise ValueError(
        f"Got {difference} between {what} and the estimator; expected at most {tolerance:g}, and "
        f"the same labels. Nothing was written. {advice}"
    )
