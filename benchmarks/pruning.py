"""Structured pruning: neurons and filters of a fitted net are cut out, and what is left trains on.

Like all of this folder it is not installed with the package; `benchmarks.studies.small_nets` says
what it is worth.
"""

import copy

import numpy as np

# Rows from which it is learned what matters.
ROWS = 2048
BLOCK = 512


def prune(estimator, X, y, *, keep=0.5, soft_targets=None, **training):
    """Return a narrower net made of a fitted one.

    Of each hidden layer those neurons or filters are cut out whose removal would change the loss
    least in first order (Molchanov et al., "Importance estimation for neural network pruning", CVPR
    2019), by torch-pruning (Fang et al., "DepGraph: towards any structural pruning", CVPR 2023).

    Parameters
    ----------
    estimator : MLPNetClassifier or ConvNetClassifier
        A fitted one; it is not changed.
    X, y : array-likes
        Training rows, as in its `fit`.
    keep : float in (0, 1], default=0.5
        Share of the width of each hidden layer that is kept, one neuron at least.
    soft_targets : array-like of shape (n, n_classes), default=None
        As in its `fit`.
    **training : dict
        Parameters of the training that follows, such as `max_epochs` and `lr`; others, and these
        afterwards, are those of `estimator`.

    Returns
    -------
    estimator of the same class
        Its widths are parameters like any other, so that it is cloned, fitted anew and saved as a
        net of that size. Its standardisation is that of `estimator`.

    Raises
    ------
    ValueError
        If `keep` is no such share, or the classifier is of another kind or has a head of cosines.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"Got keep={keep}, expected a share above 0, and at most 1.")
    _check_kind(estimator)
    net = copy.deepcopy(estimator)
    module = net.net_.module_
    _cut(module, *_some_rows(net, X, y), keep)
    net.set_params(**_widths(net, module))
    training = {"warm_start": True} | training
    before = {name: getattr(net, name) for name in training}
    return net.set_params(**training).fit(X, y, soft_targets=soft_targets).set_params(**before)


def _check_kind(estimator):
    from torch import nn

    from skfashion import ConvNetClassifier, MLPNetClassifier

    name = type(estimator).__name__
    if not isinstance(estimator, MLPNetClassifier | ConvNetClassifier):
        raise ValueError(f"Got a {name}, expected an MLPNetClassifier or a ConvNetClassifier.")
    if not isinstance(estimator.net_.module_.head, nn.Linear):
        raise ValueError(
            f"Got a {name} with loss={estimator.loss!r}, whose head is none of a plain net; "
            "expected another loss."
        )


def _some_rows(net, X, y):
    """Return rows at equal distances as images (n, c, h, w) and the numbers of their labels."""
    import torch

    from skfashion.fitting.inputs import as_images, encode_labels

    rows = net._read_rows(X)
    chosen = np.linspace(0, rows.shape[0] - 1, min(ROWS, rows.shape[0])).astype(int)
    _, codes = encode_labels(np.asarray(y)[chosen], net.classes_)
    return as_images(rows[chosen], net.image_shape_)[:], torch.as_tensor(codes)


def _ratios(layers, keep):
    """Return the share of each layer that is cut out, by layer; not of those that stay whole."""
    from torch import nn

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
    import torch
    import torch_pruning
    from torch.nn.functional import cross_entropy

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
    from torch import nn

    filters = [layer.out_channels for layer in module.features if isinstance(layer, nn.Conv2d)]
    sizes = [layer.out_features for layer in module.features if isinstance(layer, nn.Linear)]
    widths = {"hidden_layer_sizes": tuple(sizes)}
    return widths | ({"channels": tuple(filters[:: net.depth])} if filters else {})
