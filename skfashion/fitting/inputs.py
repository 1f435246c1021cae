"""Checks of what users pass in: images, labels, weights, devices."""

from functools import partial
from numbers import Real

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_random_state,
    compute_class_weight,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skfashion.fitting.times import without_times
from skfashion.images import advice_on_one_image, as_planes, planes_shape
from skfashion.parameters.augmentation import MIN_SIDE
from skfashion.training import SparseImages, check_reachable, has_cuda
from skfashion.utils import labels
from skfashion.utils._sklearn import check_sample_weight
from skfashion.utils.no_numbers import refuse_pictures

NO_LABELS = object()


def numpy_dtype(precision):
    """Return the type of weights and of converted images for a `precision`.

    The 16-bit precisions are ways to compute: weights and images are float32 all the same.
    """
    return np.float64 if precision == "fp64" else np.float32


def torch_dtype(precision):
    """Return :func:`numpy_dtype` as PyTorch's type."""
    return torch.float64 if precision == "fp64" else torch.float32


def check_images(estimator, X, y=NO_LABELS, *, reset, name="y"):
    """Return `X` (and `y`, if given) checked, `X` as an array of two to four dimensions.

    A sparse matrix stays one, in rows, where the classifier takes tables. `uint8` and the
    precision's own dtype are kept, everything else is converted to the latter. Column names are
    learned (`reset`) or compared, and so is the number of columns of flat rows.
    """
    has_labels = y is not NO_LABELS
    if not reset and not has_labels and _needs_no_conversion(estimator, X):
        return X
    refuse_pictures(X)
    refuse_masked(X, "X")
    X = without_times(X)
    if has_labels:
        y = _as_scikit_learn_reads_it(y, name)
    options = {
        "reset": reset,
        "accept_sparse": "csr" if estimator._takes_tables else False,
        "dtype": [numpy_dtype(estimator.precision), np.uint8],
        "ensure_2d": False,
        "allow_nd": True,
    }
    # What overflows in a conversion to float32 is refused below, in scikit-learn's words.
    with np.errstate(over="ignore"):
        try:
            if has_labels:
                X, y = validate_data(estimator, X, y, **options)
            else:
                X = validate_data(estimator, X, **options)
        except ValueError as error:
            advice = _advice_on_text(X) if "could not convert string" in str(error) else ""
            if not advice:
                raise
            raise ValueError(f"{error}.{advice}") from error
    if X.ndim < 2:
        check_array(X, estimator=estimator)  # raises, in scikit-learn's words
    if X.ndim > 4:
        raise ValueError(f"Got X with {X.ndim} dimensions, expected 2, 3 or 4.")
    if not reset and X.ndim == 2 and X.shape[1] != estimator.n_features_in_:
        advice = advice_on_one_image(X.shape, getattr(estimator, "image_shape_", ()))
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input.{advice}"
        )
    return (X, y) if has_labels else X


def _advice_on_text(X):
    """Say which columns hold text, and what makes numbers of it; "" where none is found."""
    if np.ndim(X) != 2:
        return ""
    from pandas import DataFrame  # seldom needed

    columns = DataFrame(X).items()
    found = [name for name, its in columns if its.map(lambda value: isinstance(value, str)).any()]
    if not found:
        return ""
    named = f"column{'s' * (len(found) > 1)} {', '.join(map(repr, found[:5]))}"
    return (
        f" Got text in {named}{', …' if len(found) > 5 else ''}, expected numbers: make columns of "
        "0 and 1 of categories, by OneHotEncoder for these columns of a ColumnTransformer, in a "
        "pipeline before the classifier."
    )


def refuse_masked(values, name):
    """Refuse numbers that are masked, of which scikit-learn would take what lies under the mask."""
    # A frame may have a column of the name of NumPy's mask.
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"Got {name} with {np.ma.count_masked(values)} masked values, expected a number in "
            "each place. Fill them in, or leave these rows out."
        )


def _as_scikit_learn_reads_it(y, name):
    """Return labels such that scikit-learn neither makes floats of them nor overlooks a gap."""
    y = labels.with_known_dtype(y)
    kind = getattr(getattr(y, "dtype", None), "kind", "O")
    # Of missing numbers scikit-learn says, by name, that they are NaN.
    if kind not in "iubf" or np.ma.isMaskedArray(y):
        labels.refuse_missing(y, name)
    return y


def _needs_no_conversion(estimator, X):
    """Whether X is an array that validation would return unchanged.

    scikit-learn's checks take longer than the network does for one row. What is not
    plain rows goes to them.
    """
    if not (
        type(X) is np.ndarray
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    ):
        return False
    if X.dtype == np.uint8:
        return True
    # A sum that is not finite may only have overflowed: scikit-learn will look closer.
    with np.errstate(over="ignore", invalid="ignore"):
        return X.dtype == numpy_dtype(estimator.precision) and bool(np.isfinite(X.sum()))


def check_views(tta, image_shape):
    """Refuse a parameter `tta` for a table's rows."""
    if tta is not None and min(planes_shape(image_shape)[1:]) < MIN_SIDE:
        raise ValueError(
            f"Got tta={tta!r} for images of image_shape={image_shape}, expected "
            "None for a table's rows, whose columns are not neighbours."
        )


def encode_labels(y, classes=None, name="y"):
    """Return the classes and the position of each label among them; numbers must be whole."""
    check_classification_targets(y)
    return labels.encode_labels(y, classes, name)


def check_weights(sample_weight, X):
    """Return the weights as a float64 array (n,), or None for None."""
    if sample_weight is None:
        return None
    refuse_masked(sample_weight, "sample_weight")
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    check_sum(weights, "sample_weight")
    return weights


def check_sum(weights, name):
    """Refuse weights so large that their sum is no number."""
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"Got {name} of up to {weights.max():.3g}, the sum of which is too large for a float; "
            "expected smaller weights. Divide them by their largest: only their ratios matter."
        )


def check_groups(groups, X):
    """Return the group of each row as an array (n,), none of them missing."""
    groups = labels.column_of_labels(groups, "groups")
    check_consistent_length(X, groups)
    return groups


def weigh_classes(class_weight, classes, codes, sample_weight):
    """Return the factor of each class, a float64 array (n_classes,).

    "balanced" counts the rows by their `sample_weight`, and only classes whose rows have any.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, dict):
        unknown = [label for label in class_weight if label not in classes.tolist()]
        without = [label for label in classes.tolist() if label not in class_weight]
        # A fold may lack a class; a misspelt label leaves its own class without an entry.
        if unknown and without:
            raise ValueError(
                f"Got class_weight with the labels {labels.plain_labels(unknown)}, expected only "
                f"labels of y: {classes.tolist()}. Unknown labels are only ignored if every label "
                f"of y has a weight, but {without} have none."
            )
        for label, weight in class_weight.items():
            if not isinstance(weight, Real) or not 0 <= weight < np.inf:
                raise ValueError(
                    f"Got class_weight[{label!r}]={weight!r}, expected a finite number, not "
                    "negative; 1 leaves a class as it is."
                )
        return np.array([class_weight.get(label, 1.0) for label in classes.tolist()], dtype=float)
    weights = np.ones(len(codes)) if sample_weight is None else sample_weight
    used = weights > 0
    present = np.unique(codes[used])
    factors = np.ones(len(classes))
    factors[present] = compute_class_weight(
        "balanced", classes=present, y=codes[used], sample_weight=weights[used]
    )
    return factors


def draw_seed(random_state):
    """Return a seed, an int, for a fit's own generator.

    None draws it from the operating system, so that the caller's generators stay as they are.
    """
    largest = np.iinfo(np.int32).max
    if random_state is None:
        return int(np.random.default_rng().integers(largest))
    return int(check_random_state(random_state).randint(largest))


class _Writable:
    """The memory of a read-only array, presented as writable."""

    def __init__(self, array):
        pointer, _ = array.__array_interface__["data"]
        self.array = array  # keeps the memory alive
        self.__array_interface__ = {**array.__array_interface__, "data": (pointer, False)}


def as_tensor(array):
    """Return a tensor that shares the memory of an array, or a copy's where PyTorch must copy."""
    if any(stride < 0 for stride in array.strides) or not array.dtype.isnative:
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if not array.flags.writeable:
        # PyTorch has no read-only tensors and warns about memory maps and the like; nothing in
        # this package writes to its input, and a test sees to that.
        array = np.asarray(_Writable(array))
    return torch.from_numpy(array)


def as_images(rows, image_shape):
    """Return rows as images ``(n, c, h, w)``: a view, or a sparse matrix's, made batch by batch."""
    if issparse(rows):
        return SparseImages(rows, partial(as_planes, image_shape=image_shape))
    return as_planes(as_tensor(rows), image_shape)


def find_device(device):
    """Return the device to compute on, such as "cpu", "cuda" or "cuda:1"; None if it is missing.

    Raises
    ------
    RuntimeError
        For a CUDA device in a process that was forked off one that uses it.
    """
    if device == "auto":
        return "cuda" if has_cuda() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        return None
    check_reachable(device)
    if kind == "mps" and not torch.backends.mps.is_available():
        return None
    return None if number and int(number) >= torch.cuda.device_count() else device
