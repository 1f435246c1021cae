"""From the arguments of `fit` to what a training sees: checked values, then datasets."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer

from skfashion.fitting.distilling import read_soft_targets, training_targets
from skfashion.fitting.frequencies import check_partial
from skfashion.fitting.holding_out import check_split, groups_of_rows, hold_out
from skfashion.fitting.inputs import (
    as_images,
    check_images,
    check_sum,
    check_views,
    check_weights,
    draw_seed,
    encode_labels,
    find_device,
    numpy_dtype,
    torch_dtype,
    weigh_classes,
)
from skfashion.fitting.shift import ImageStatistics
from skfashion.fitting.statistics import find_statistics, published_statistics
from skfashion.images import as_rows, infer_image_shape, planes_shape
from skfashion.layouts import Layout, find_layout
from skfashion.training import ClassSampler, ImageDataset
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.fitted import snapshot, unfitted
from skfashion.utils.labels import column_of_labels, plain_labels
from skfashion.utils.no_numbers import refuse_pictures

PICTURES_OF_VALIDATION = (
    "expected numbers, as X has them when it reaches the net. Read them by the reader of the "
    "pipeline, reader.transform(paths), or let the pipeline do it: "
    'make_pipeline(reader, net, transform_input=["X_val"]), with '
    "net.set_fit_request(X_val=True, y_val=True) and scikit-learn's enable_metadata_routing=True"
)


@dataclass(frozen=True)
class HeldOut:
    """Rows, labels and total weights for validation; None where there are none."""

    rows: Any = None
    y: np.ndarray | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class Given:
    """The arguments of `fit` or `partial_fit`, checked, and what follows from them alone.

    Attributes
    ----------
    rows : ndarray or sparse matrix of shape (n, h*w*c)
        The images, or a table.
    y, codes : ndarray of shape (n,)
        Their labels, and the numbers of these among the classes.
    sample_weight, weights : ndarray of shape (n,) or None
        What the user gave, and the total weights, of mean 1.
    classes : ndarray of shape (k,)
        The labels, sorted.
    class_weight : ndarray of shape (k,)
        Factors of the weights of each class's rows.
    class_totals : ndarray of shape (k,)
        Rows of each class, counted by their `sample_weight`.
    image_shape : tuple of int
        Layout of a row.
    is_table : bool
        Whether columns are standardised one by one.
    feature_names_in : ndarray of str or None
        Names of the columns.
    image_statistics : ImageStatistics or None
        What images to predict are compared with.
    seed : int
        Of the fit's own generator.
    held_out : HeldOut
        For validation, as `fit` was given it.
    groups : ndarray of shape (n,) or None
        Of the rows, for the splitter that holds some of them out.
    soft_targets : ndarray of shape (n, k) or None
        Probabilities of the classes to learn besides the labels.
    before : ImageClassifier or None
        The fit that this one goes on from.
    """

    rows: Any
    y: np.ndarray
    codes: np.ndarray
    sample_weight: np.ndarray | None
    weights: np.ndarray | None
    classes: np.ndarray
    class_weight: np.ndarray
    class_totals: np.ndarray
    image_shape: tuple
    is_table: bool
    feature_names_in: np.ndarray | None
    image_statistics: ImageStatistics | None
    seed: int
    held_out: HeldOut = HeldOut()
    groups: np.ndarray | None = None
    soft_targets: np.ndarray | None = None
    before: BaseEstimator | None = None

    @property
    def n_features_in(self):
        """Number of values of an image."""
        return self.rows.shape[1]

    @property
    def used(self):
        """Numbers of the rows that have any weight."""
        return _used_rows(self.rows, self.weights)


@dataclass(frozen=True)
class Data:
    """What a training sees: datasets for the net, and plain arrays for scorers."""

    train: ImageDataset
    valid: ImageDataset | None
    X_val: Any
    y_val: np.ndarray | None
    weight_val: np.ndarray | None
    statistics: tuple | None


def read(
    estimator,
    X,
    y,
    sample_weight,
    X_val,
    y_val,
    sample_weight_val,
    groups=None,
    soft_targets=None,
    *,
    before,
):
    """Return the arguments of `fit` as :class:`Given`; `before` is what a warm start goes on from.

    Raises
    ------
    ValueError
        If one of them is not as described there.
    """
    _check_validation_arguments(estimator, X_val, y_val, sample_weight_val)
    # scikit-learn's checks leave names of columns behind, which are not the estimator's own yet.
    carrier, X_as_passed = unfitted(estimator), X
    X, y = check_images(carrier, X, y, reset=True)
    classes, codes = encode_labels(y)
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes in the data, but the "
            f"data contains only one class: {plain_labels(classes)[0]!r}."
        )
    sample_weight = check_weights(sample_weight, X)
    class_weight, weights = _total_weights(estimator, classes, codes, sample_weight)
    names = getattr(carrier, "feature_names_in_", None)
    used = _used_rows(X, weights)
    layout = _find_layout(estimator, X, names, used, before)
    image_shape = layout.image_shape
    if before is not None:
        _check_same_task(before, classes, image_shape)
    check_views(estimator.tta, image_shape)
    rows = as_rows(X, image_shape)
    groups = groups_of_rows(estimator, rows, groups)
    check_split(estimator, X_val, groups)
    carrier = snapshot(carrier, n_features_in_=rows.shape[1])
    seed = draw_seed(estimator.random_state)
    held_out = HeldOut()
    if X_val is not None:
        refuse_pictures(X_val, "X_val", PICTURES_OF_VALIDATION)
        X_val, y_val = check_images(carrier, X_val, y_val, reset=False, name="y_val")
        _, codes_val = encode_labels(y_val, classes, name="y_val")
        sample_weight_val = check_weights(sample_weight_val, X_val)
        weights_val = _product(sample_weight_val, class_weight[codes_val])
        rows_val, weights_val = as_rows(X_val, image_shape), _normalise(estimator, weights_val)
        held_out = HeldOut(rows=rows_val, y=y_val, weights=weights_val)
    # Last of all: a teacher may take long.
    soft_targets = read_soft_targets(estimator, X_as_passed, classes, codes, soft_targets)
    return Given(
        rows=rows,
        y=y,
        codes=codes,
        sample_weight=sample_weight,
        weights=weights,
        classes=classes,
        class_weight=class_weight,
        class_totals=_class_totals(classes, codes, sample_weight),
        image_shape=image_shape,
        is_table=layout.is_table,
        feature_names_in=names,
        image_statistics=_image_statistics(rows, layout, used, codes),
        seed=seed,
        held_out=held_out,
        groups=groups,
        soft_targets=soft_targets,
        before=before,
    )


def _image_statistics(rows, layout, used, codes):
    """Return what images to predict are compared with, None for a table."""
    if layout.is_table:
        return None
    return ImageStatistics.of(rows, layout.image_shape, used, codes)


def read_part(estimator, X, y, classes, sample_weight, *, before):
    """Return the arguments of `partial_fit` as :class:`Given`; `before` is None in the first call.

    Raises
    ------
    ValueError
        If one of them is not as described there.
    """
    _check_partial_fit(estimator, classes, before)
    X_as_passed = X
    if before is None:
        carrier = unfitted(estimator)
        X, y = check_images(carrier, X, y, reset=True)
        known = np.unique(column_of_labels(classes, "classes"))
        if len(known) < 2:
            raise ValueError(f"Got classes={classes!r}, expected at least 2 classes.")
    else:
        carrier, known = before, before.classes_
        X, y = check_images(carrier, X, y, reset=False)
    _, codes = encode_labels(y, known)
    sample_weight = check_weights(sample_weight, X)
    class_weight, weights = _total_weights(estimator, known, codes, sample_weight)
    names = getattr(carrier, "feature_names_in_", None)
    used = _used_rows(X, weights)
    if before is None:
        layout = _find_layout(estimator, X, names, used)
        rows = as_rows(X, layout.image_shape)
        image_statistics = _image_statistics(rows, layout, used, codes)
    else:
        layout, image_statistics = _layout_of(before), before._image_statistics
        rows = as_rows(X, layout.image_shape)
    return Given(
        rows=rows,
        y=y,
        codes=codes,
        sample_weight=sample_weight,
        weights=weights,
        classes=known,
        class_weight=class_weight,
        class_totals=_class_totals(known, codes, sample_weight),
        image_shape=layout.image_shape,
        is_table=layout.is_table,
        feature_names_in=names,
        image_statistics=image_statistics,
        seed=draw_seed(estimator.random_state),
        soft_targets=read_soft_targets(estimator, X_as_passed, known, codes),
        before=before,
    )


def make_data(estimator, given, balance, seed):
    """Return the :class:`Data` of a fit, its own validation split drawn from `seed`."""
    used, valid = given.used, None
    held_out = given.held_out
    rows_val, y_val, weights_val = held_out.rows, held_out.y, held_out.weights
    if rows_val is None and estimator.early_stopping:
        used, kept = hold_out(estimator, given, seed)
        rows_val, y_val = given.rows[kept], given.y[kept]
        weights_val = None if given.weights is None else given.weights[kept]
    if rows_val is not None:
        _, codes_val = encode_labels(y_val, given.classes)
        used_val = _used_rows(rows_val, weights_val)
        valid = _make_dataset(
            estimator, given.image_shape, rows_val, codes_val, weights_val, used_val
        )
    # Where rows are drawn, what they weigh decides how often they are, and nothing else.
    is_drawn = balance.drawn is not None
    weights = _normalise(estimator, given.class_weight[given.codes]) if is_drawn else given.weights
    train = _make_dataset(estimator, given.image_shape, given.rows, given.codes, weights, used)
    if is_drawn:
        train.sampler = _make_sampler(given, balance.drawn, used)
    _teach(train, estimator, given, balance, estimator.distillation_temperature)
    statistics = _learn_statistics(estimator, given, used)
    return Data(
        train=train,
        valid=valid,
        X_val=rows_val,
        y_val=y_val,
        weight_val=weights_val,
        statistics=statistics,
    )


def make_part(estimator, given, balance):
    """Return the :class:`Data` of one call of `partial_fit`."""
    used = given.used
    train = _make_dataset(
        estimator, given.image_shape, given.rows, given.codes, given.weights, used
    )
    before = given.before
    own = estimator.distillation_temperature
    # Half of it is part of the loss, which is that of the first call.
    temperature = own if before is None else before.net_.criterion_.temperature
    _teach(train, estimator, given, balance, temperature)
    statistics = _learn_statistics(estimator, given, used) if given.before is None else None
    return Data(train, None, None, None, None, statistics)


def _check_partial_fit(estimator, classes, before):
    """Refuse what cannot be learned from one pass over a part of the data."""
    if estimator.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True; use fit.")
    check_partial(estimator)
    if isinstance(estimator.class_weight, str):
        raise ValueError(
            'class_weight="balanced" is not supported for partial_fit: the frequencies of classes '
            "yet to come are unknown. Use compute_class_weight from sklearn.utils.class_weight on "
            "all labels and pass the result as a dict."
        )
    known = None if before is None else before.classes_
    if known is None and classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    if known is not None and classes is not None:
        if not np.array_equal(known, np.unique(column_of_labels(classes, "classes"))):
            raise ValueError(
                f"`classes={plain_labels(classes)}` is not the same as on last call to "
                f"partial_fit, was: {plain_labels(known)}."
            )


def _check_validation_arguments(estimator, X_val, y_val, sample_weight_val):
    """Refuse validation data that is incomplete, and a target that no score can reach."""
    if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
        given = [
            name
            for name, value in (
                ("X_val", X_val),
                ("y_val", y_val),
                ("sample_weight_val", sample_weight_val),
            )
            if value is not None
        ]
        raise ValueError(f"Got only {' and '.join(given)}, expected X_val and y_val together.")
    if isinstance(estimator.scoring, str) and estimator.scoring != "loss":
        get_scorer(estimator.scoring)  # a misspelt name is an error even where none is needed
    target, validates = estimator.target_score, estimator.early_stopping or X_val is not None
    if target is None:
        return
    if math.isnan(target):
        raise ValueError("Got target_score=nan, expected a number that a score can reach, or None.")
    if validates and estimator.scoring == "loss" and target > 0:
        raise ValueError(
            f"Got target_score={target} with scoring='loss', whose scores are negative losses, at "
            "most 0; expected a target of at most 0. For a target accuracy set scoring='accuracy'."
        )
    if not validates and not 0 <= target <= 1:
        raise ValueError(
            f"Got target_score={target} without validation data, which is compared with the "
            "training accuracy; expected a number from 0 to 1."
        )


def _find_layout(estimator, X, names, used, before=None):
    """Return what data are, with a warning where that is in doubt; a warm start knows already."""
    if before is not None:
        layout = _layout_of(before)
        if estimator.image_shape == "auto" and X.ndim == 2 and X.shape[1] == before.n_features_in_:
            return layout
        return Layout(infer_image_shape(X.shape, estimator.image_shape), layout.is_table)
    layout = find_layout(
        X, estimator.image_shape, names, used, takes_tables=estimator._takes_tables
    )
    if layout.doubt is not None:
        warn_the_caller(layout.doubt)
    return layout


def _layout_of(fitted):
    """Return what the data were that a fitted classifier has learned from."""
    return Layout(fitted.image_shape_, fitted.net_.module_.standardize.is_by_column)


def _check_same_task(before, classes, image_shape):
    """Refuse a warm start with other classes or images of another shape."""
    if not np.array_equal(before.classes_, classes):
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the previous call to "
            f"fit. Previously got {before.classes_}, `y` has {classes}."
        )
    if planes_shape(before.image_shape_) != planes_shape(image_shape):
        raise ValueError(
            f"Got images of image_shape={image_shape} with warm_start=True, expected "
            f"{before.image_shape_} as in the previous call to fit."
        )


def _class_totals(classes, codes, sample_weight):
    """Return the sum of the weights of each class's rows, (k,)."""
    return np.bincount(codes, sample_weight, minlength=len(classes)).astype(float)


def _make_sampler(given, drawn, used):
    """Return what draws the rows of an epoch: positions among those that are used."""
    codes = given.codes[used]
    present = np.bincount(codes, minlength=len(drawn)) > 0
    # Of a class whose rows are all held out, or weigh nothing, none can be drawn.
    shares = np.where(present, drawn, 0.0)
    weights = given.sample_weight
    weights = None if weights is None else torch.from_numpy(weights[used])
    return ClassSampler(torch.from_numpy(codes), weights, torch.from_numpy(shares / shares.sum()))


def _teach(train, estimator, given, balance, temperature):
    """Give the rows of a dataset their soft targets, if there are any."""
    if given.soft_targets is None:
        return
    targets = training_targets(given.soft_targets, given.codes, balance.ratios, temperature)
    dtype, device = torch_dtype(estimator.precision), train.targets.device
    train.soft_targets = torch.as_tensor(targets, dtype=dtype, device=device)


def _total_weights(estimator, classes, codes, sample_weight):
    """Return the classes' factors, and the rows' total weights as `_normalise` makes them."""
    factors = weigh_classes(estimator.class_weight, classes, codes, sample_weight)
    return factors, _normalise(estimator, _product(sample_weight, factors[codes]))


def _product(sample_weight, factors):
    """Return the weights of rows times those of their classes, infinite where that is too large."""
    if sample_weight is None:
        return factors
    with np.errstate(over="ignore"):
        return sample_weight * factors


def _normalise(estimator, weights):
    """Return weights of mean 1, None if all are equal; refuse what is all zero, or too large."""
    check_sum(weights, "sample_weight times class_weight")
    if not weights.any():
        raise ValueError(
            "Got rows that all have weight zero (sample_weight times class_weight), expected at "
            "least one non-zero weight."
        )
    if (weights == weights[0]).all():
        return None
    weights = weights / weights.max()
    # What the network's precision cannot tell from zero is zero, and its row is dropped.
    weights[weights < np.finfo(numpy_dtype(estimator.precision)).tiny] = 0
    return weights / weights[weights > 0].mean()


def _used_rows(rows, weights):
    """Return the numbers of the rows that have any weight."""
    return np.arange(rows.shape[0]) if weights is None else np.flatnonzero(weights)


def _learn_statistics(estimator, given, used):
    """Return the mean and the deviation of each channel or column, None if none is wanted."""
    if not estimator.standardize:
        return None
    normalization = None if given.is_table else estimator._normalization()
    if normalization is not None:
        published = published_statistics(*normalization, given.rows, given.image_shape, used)
        if published is not None:
            return published
    return find_statistics(given.rows, given.image_shape, given.is_table, given.weights, used)


def _make_dataset(estimator, image_shape, rows, codes, weights, used):
    """Return the used rows as tensors on the device that the estimator computes on."""
    device = find_device(estimator.device)
    if device is None:
        raise ValueError(
            f"Got device={estimator.device!r}, which PyTorch does not find on this machine; "
            "expected a device that it has. Use device='auto' or 'cpu'."
        )
    if weights is not None and (weights[used] == weights[used[0]]).all():
        weights = None  # the rows of other weights are those of weight 0, which take no part
    images = as_images(rows, image_shape)
    is_dense = torch.is_tensor(images)
    on_gpu = device.startswith("cuda") and is_dense
    if not is_dense or (on_gpu and images.nbytes > torch.cuda.mem_get_info()[0] / 2):
        device = "cpu"  # more than half of what is free there: batches are copied one by one
    if weights is not None:
        weights = torch.as_tensor(weights, dtype=torch_dtype(estimator.precision), device=device)
    used = torch.as_tensor(used, device=device) if len(used) < rows.shape[0] else None
    images = images.to(device) if is_dense else images
    return ImageDataset(images, torch.as_tensor(codes, device=device), weights, used)
