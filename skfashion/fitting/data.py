"""From the arguments of `fit` to what a training sees."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split

from skfashion.fitting.frequencies import check_partial, sampling_shares
from skfashion.fitting.initial_weights import read_initial_weights
from skfashion.fitting.inputs import (
    as_tensor,
    check_images,
    check_weights,
    draw_seed,
    encode_labels,
    find_device,
    numpy_dtype,
    torch_dtype,
    weigh_classes,
)
from skfashion.fitting.resuming import open_checkpoint
from skfashion.images import as_planes, as_rows, channel_statistics, planes_shape
from skfashion.training import CheckpointFile, ClassSampler, ImageDataset


@dataclass
class Data:
    """What a training sees: datasets for the net, and plain arrays for scorers."""

    train: ImageDataset
    valid: ImageDataset | None
    X_val: np.ndarray | None
    y_val: np.ndarray | None
    weight_val: np.ndarray | None
    class_weight: np.ndarray
    class_totals: np.ndarray
    n_rows: int
    statistics: tuple | None
    seed: int
    checkpoint: CheckpointFile | None = None

    def close(self):
        """Let go of the checkpoint, if there is one."""
        if self.checkpoint is not None:
            self.checkpoint.close()


def read_training_data(estimator, X, y, sample_weight, X_val, y_val, sample_weight_val):
    """Check the arguments of `fit`, set the fitted attributes that follow from them alone."""
    _check_validation_arguments(estimator, X_val, y_val, sample_weight_val)
    X, y = check_images(estimator, X, y, reset=True)
    rows = estimator._learn_shape(X)
    if estimator.tta is not None:
        estimator._n_views()  # raises where there are none, before a training and not after it
    warm_start_from = getattr(estimator, "_warm_start_from", None)
    estimator.classes_, codes = encode_labels(y)
    if len(estimator.classes_) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs samples of at least 2 classes in the data, but the "
            f"data contains only one class: {estimator.classes_[0]!r}."
        )
    if warm_start_from is not None:
        _check_same_task(estimator, warm_start_from)
    sample_weight = check_weights(sample_weight, X)
    class_weight, weights = _total_weights(estimator, codes, sample_weight)
    totals = _class_totals(estimator, codes, sample_weight)
    seed = draw_seed(estimator.random_state)

    used, valid, held_out = _used_rows(rows, weights), None, (None, None, None)
    if X_val is not None:
        held_out = _read_validation_data(estimator, X_val, y_val, sample_weight_val, class_weight)
    checkpoint = open_checkpoint(estimator, _all_given(estimator, rows, y, weights, held_out), seed)
    try:
        if checkpoint is not None:
            seed = checkpoint.seed
        if X_val is None and estimator.early_stopping:
            used, kept = _split(used, codes, estimator.validation_fraction, seed)
            held_out = rows[kept], y[kept], None if weights is None else weights[kept]
        rows_val, y_val, weights_val = held_out
        if rows_val is not None:
            _, codes_val = encode_labels(y_val, estimator.classes_)
            used_val = _used_rows(rows_val, weights_val)
            valid = _make_dataset(estimator, rows_val, codes_val, weights_val, used_val)
        if estimator.sampling is None:
            train = _make_dataset(estimator, rows, codes, weights, used)
        else:
            # What the rows weigh decides how often they are drawn, and nothing else.
            of_classes = _normalise(estimator, class_weight[codes])
            train = _make_dataset(estimator, rows, codes, of_classes, used)
            train.sampler = _make_sampler(estimator, codes, sample_weight, totals, used)
        statistics = _learn_statistics(estimator, rows, weights, used)
    except BaseException:
        if checkpoint is not None:
            checkpoint.close()
        raise
    return Data(
        train,
        valid,
        X_val=rows_val,
        y_val=y_val,
        weight_val=weights_val,
        class_weight=class_weight,
        class_totals=totals,
        n_rows=int(np.count_nonzero(np.ones(len(codes)) if weights is None else weights)),
        statistics=statistics,
        seed=seed,
        checkpoint=checkpoint,
    )


def _all_given(estimator, rows, y, weights, held_out):
    """Return all that a fit's result depends on besides parameters, by name."""
    shape = np.array(planes_shape(estimator.image_shape_))
    given = {"X": rows, "image shape": shape, "y": y, "sample_weight": weights}
    given |= dict(zip(("X_val", "y_val", "sample_weight_val"), held_out, strict=True))
    before = getattr(estimator, "_warm_start_from", None)
    if before is not None:
        given["weights before"] = _as_vector(before.net_.module_.state_dict())
    if estimator.init_from is not None:
        given["weights of init_from"] = _as_vector(
            read_initial_weights(estimator.init_from, estimator.classes_)
        )
    return given


def _as_vector(weights):
    return torch.cat([tensor.cpu().double().ravel() for tensor in weights.values()]).numpy()


def read_partial_data(estimator, X, y, classes, sample_weight):
    """Check the arguments of `partial_fit`; `classes` is given for the first call only."""
    first = classes is not None
    X, y = check_images(estimator, X, y, reset=first)
    if first:
        rows = estimator._learn_shape(X)
        estimator.classes_ = np.unique(np.asarray(classes))
        if len(estimator.classes_) < 2:
            raise ValueError(f"Got classes={classes!r}, expected at least 2 classes.")
    else:
        rows = as_rows(X, estimator.image_shape_)
    _, codes = encode_labels(y, estimator.classes_)
    sample_weight = check_weights(sample_weight, X)
    class_weight, weights = _total_weights(estimator, codes, sample_weight)
    used = _used_rows(rows, weights)
    train = _make_dataset(estimator, rows, codes, weights, used)
    statistics = _learn_statistics(estimator, rows, weights, used) if first else None
    seed = draw_seed(estimator.random_state)
    return Data(
        train,
        None,
        X_val=None,
        y_val=None,
        weight_val=None,
        class_weight=class_weight,
        class_totals=_class_totals(estimator, codes, sample_weight),
        n_rows=len(used),
        statistics=statistics,
        seed=seed,
    )


def check_partial_fit(estimator, classes):
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
    known = getattr(estimator, "classes_", None)
    if known is None and classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    if known is not None and classes is not None:
        if not np.array_equal(known, np.unique(np.asarray(classes))):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{known!r}."
            )


def _check_validation_arguments(estimator, X_val, y_val, sample_weight_val):
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


def _check_same_task(estimator, before):
    if not np.array_equal(before.classes_, estimator.classes_):
        raise ValueError(
            "warm_start can only be used where `self.classes_` is the same as in the previous "
            f"call to fit. Previously got {before.classes_}, `y` has {estimator.classes_}."
        )
    if planes_shape(before.image_shape_) != planes_shape(estimator.image_shape_):
        raise ValueError(
            f"Got images of image_shape={estimator.image_shape_} with warm_start=True, expected "
            f"{before.image_shape_} as in the previous call to fit."
        )


def _class_totals(estimator, codes, sample_weight):
    """Return the sum of the weights of each class's rows, (n_classes,)."""
    return np.bincount(codes, sample_weight, minlength=len(estimator.classes_)).astype(float)


def _make_sampler(estimator, codes, sample_weight, totals, used):
    """Return what draws the rows of an epoch: positions among those that are used."""
    codes = codes[used]
    present = np.bincount(codes, minlength=len(totals)) > 0
    # Of a class whose rows are all held out, or weigh nothing, none can be drawn.
    shares = sampling_shares(estimator.sampling, estimator.classes_, totals / totals.sum())
    shares = np.where(present, shares, 0.0)
    weights = None if sample_weight is None else torch.from_numpy(sample_weight[used])
    return ClassSampler(torch.from_numpy(codes), weights, torch.from_numpy(shares / shares.sum()))


def _total_weights(estimator, codes, sample_weight):
    """Return the classes' factors, and the rows' total weights as `_normalise` makes them."""
    factors = weigh_classes(estimator.class_weight, estimator.classes_, codes, sample_weight)
    weights = factors[codes] if sample_weight is None else sample_weight * factors[codes]
    return factors, _normalise(estimator, weights)


def _normalise(estimator, weights):
    """Return weights of mean 1, None if all are equal; refuse weights that are all zero."""
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
    return np.arange(len(rows)) if weights is None else np.flatnonzero(weights)


def _split(used, codes, fraction, seed):
    """Return the rows to train on and the rows held out, stratified where that is possible."""
    counts = np.bincount(codes[used])
    n_held_out = math.ceil(fraction * len(used))
    n_classes = np.count_nonzero(counts)
    stratify = codes[used]
    smallest = counts[counts > 0].min()
    if smallest < 2 or min(n_held_out, len(used) - n_held_out) < n_classes:
        warnings.warn(
            f"The validation split cannot be stratified: the smallest class has "
            f"{smallest} row{'' if smallest == 1 else 's'}, and {n_held_out} of {len(used)} rows "
            f"are held out for {n_classes} classes. Holding out rows regardless of their class.",
            UserWarning,
            stacklevel=6,
        )
        stratify = None
    return train_test_split(used, test_size=fraction, stratify=stratify, random_state=seed)


def _read_validation_data(estimator, X_val, y_val, sample_weight_val, class_weight):
    X_val, y_val = check_images(estimator, X_val, y_val, reset=False)
    _, codes = encode_labels(y_val, estimator.classes_, name="y_val")
    sample_weight_val = check_weights(sample_weight_val, X_val)
    weights = class_weight[codes]
    if sample_weight_val is not None:
        weights = weights * sample_weight_val
    return as_rows(X_val, estimator.image_shape_), y_val, _normalise(estimator, weights)


def _learn_statistics(estimator, rows, weights, used):
    """Return the mean and the deviation of each channel, None if nothing is standardised."""
    if not estimator.standardize:
        return None
    return channel_statistics(as_planes(rows, estimator.image_shape_), weights, used)


def _make_dataset(estimator, rows, codes, weights, used):
    device = find_device(estimator.device)
    if device is None:
        raise ValueError(
            f"Got device={estimator.device!r}, which PyTorch does not find on this machine; "
            "expected a device that it has. Use device='auto' or 'cpu'."
        )
    if weights is not None and (weights[used] == weights[used[0]]).all():
        weights = None  # the rows of other weights are those of weight 0, which take no part
    images = as_planes(as_tensor(rows), estimator.image_shape_)
    if device == "cuda" and images.nbytes > torch.cuda.mem_get_info()[0] / 2:
        device = "cpu"  # more than half of what is free there: batches are copied one by one
    if weights is not None:
        weights = torch.as_tensor(weights, dtype=torch_dtype(estimator.precision), device=device)
    used = torch.as_tensor(used, device=device) if len(used) < len(rows) else None
    return ImageDataset(images.to(device), torch.as_tensor(codes, device=device), weights, used)
