"""Structured pruning: neurons and filters of a fitted net are cut out, the rest trains on."""

import copy
from numbers import Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.nn.functional import cross_entropy

from skfashion.classifiers.conv import ConvNetClassifier
from skfashion.classifiers.mlp import MLPNetClassifier
from skfashion.export.arguments import check_model_and_rows, in_order
from skfashion.export.libraries import import_library
from skfashion.fitting.inputs import as_images, encode_labels
from skfashion.training import own_modes
from skfashion.utils.labels import check_label_per_row

# Rows from which it is learned what matters.
ROWS = 2048
BLOCK = 512


@in_order(check_model_and_rows)
def prune(estimator, X, y, *, keep=0.5, soft_targets=None, **training):
    """Return a narrower net made from a fitted one.

    This is worthwhile if a wide net exists already and there is little time to train a narrow one.
    The page about small nets says how much it helps, and when it does not.

    From each hidden layer, torch-pruning (Fang et al., "DepGraph: towards any structural pruning",
    CVPR 2023) removes the neurons or filters whose removal changes the loss least, to first order
    (Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019).

    Parameters
    ----------
    estimator : MLPNetClassifier or ConvNetClassifier
        A fitted one; it is not changed.
    X, y : array-likes
        Training rows, as in its `fit`.
    keep : float in (0, 1], default=0.5
        Share of the width of each hidden layer that is kept, at least one neuron.
    soft_targets : array-like of shape (n, n_classes), default=None
        As in its `fit`.
    **training : dict
        Parameters of the training that follows, such as `max_epochs` and `lr`; all others are those
        of `estimator`. Afterwards, these are reset to the values of `estimator`.

    Returns
    -------
    estimator of the same class
        Its widths are ordinary parameters, so it can be cloned, refitted and saved as a net of that
        size. Its standardisation is that of `estimator`.

    Raises
    ------
    ValueError
        If `keep` is not such a share, the classifier is of another kind or has a head of cosines,
        there is not one label per row, or `training` has an unknown parameter.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ImportError
        If torch-pruning is not installed: ``pip install -e '.[export]'``.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import prune
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X[:2000], y[:2000])
    >>> part = prune(net, X[:2000], y[:2000], keep=0.25, max_epochs=2)
    >>> part.hidden_layer_sizes
    (128, 64)
    """
    if not (isinstance(keep, Real) and 0 < keep <= 1):
        raise ValueError(f"Got keep={keep}, expected a share above 0, and at most 1.")
    _check_kind(estimator)
    check_label_per_row(X, y)
    unknown = sorted(set(training) - set(estimator.get_params(deep=False)))
    if unknown:
        raise ValueError(
            f"Got {', '.join(unknown)}, expected parameters of {type(estimator).__name__}, such as "
            "max_epochs and lr."
        )
    import_library("torch_pruning")
    net = copy.deepcopy(estimator)
    module = net.net_.module_
    with own_modes(gradients=True):
        _cut(module, *_some_rows(net, X, y), keep)
    # Weights to begin with were for the old widths.
    net.set_params(**_widths(net, module), init_from=None)
    training = {"warm_start": True} | ({} if soft_targets is None else {"teacher": None}) | training
    before = {name: getattr(net, name) for name in training}
    return net.set_params(**training).fit(X, y, soft_targets=soft_targets).set_params(**before)


def _check_kind(estimator):
    name = type(estimator).__name__
    if not isinstance(estimator, MLPNetClassifier | ConvNetClassifier):
        raise ValueError(f"Got a {name}, expected an MLPNetClassifier or a ConvNetClassifier.")
    check_is_fitted(estimator)
    if not isinstance(estimator.net_.module_.head, nn.Linear):
        raise ValueError(
            f"Got a {name} with loss={estimator.loss!r}, whose head is none of a plain net; "
            "expected another loss."
        )


def _some_rows(net, X, y):
    """Return rows at equal distances as images (n, c, h, w) and the numbers of their labels."""
    rows = net._read_rows_like_training(X)
    chosen = np.linspace(0, rows.shape[0] - 1, min(ROWS, rows.shape[0])).astype(int)
    _, codes = encode_labels(np.asarray(y)[chosen], net.classes_)
    return as_images(rows[chosen], net.image_shape_)[:], torch.as_tensor(codes)


def _ratios(layers, keep):
    """Return the share of each layer that is cut out, by layer; not of those that stay whole."""
    ratios = {}
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            width = len(layer.weight)
            kept = max(1, round(keep * width))
            if kept < width:
                ratios[layer] = 1 - (kept + 0.5) / width  # torch-pruning rounds down
    return ratios


def _cut(module, images, targets, keep):
    """Cut out of each hidden layer of a network what matters least for the loss of some rows."""
    torch_pruning = import_library("torch_pruning")
    # Without the standardisation, whose one channel is none that can be cut.
    layers = torch.nn.Sequential(module.features, module.head).eval()
    for start in range(0, len(images), BLOCK):
        block = slice(start, start + BLOCK)
        logits = layers(module.standardize(images[block]))
        cross_entropy(logits, targets[block], reduction="sum").backward()
    pruner = torch_pruning.pruner.BasePruner(
        layers,
        module.standardize(images[:2]),
        torch_pruning.importance.GroupTaylorImportance(),
        pruning_ratio=0.0,
        pruning_ratio_dict=_ratios(module.features, keep),
        ignored_layers=[module.head],
    )
    pruner.step()
    for parameter in module.parameters():
        parameter.grad = None


def _widths(net, module):
    """Return the parameters of a classifier that say how wide the layers of a network are."""
    filters = [layer.out_channels for layer in module.features if isinstance(layer, nn.Conv2d)]
    sizes = [layer.out_features for layer in module.features if isinstance(layer, nn.Linear)]
    widths = {"hidden_layer_sizes": tuple(sizes)}
    return widths | ({"channels": tuple(filters[:: net.depth])} if filters else {})
