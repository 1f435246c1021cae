"""One net out of several: the mean of their weights."""

import copy
from dataclasses import fields

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skfashion.adaptation import replace_statistics
from skfashion.classifiers.base import ImageClassifier
from skfashion.fitting.initial_weights import hash_of_weights
from skfashion.images import planes_shape
from skfashion.parameters.options import TrainingOptions
from skfashion.training import batch_norms
from skfashion.utils.fitted import snapshot
from skfashion.utils.names import advises

# Parameters of classes that change a training and not the network.
OF_TRAININGS = {"dropout", "conv_dropout", "stochastic_depth"}
OF_TRAININGS |= {"freeze", "layer_lr_decay", "weights"}


@advises
def average_weights(estimators, X=None):
    """Return one net with the mean of the weights of several nets.

    It predicts in the time of one net. The mean only makes sense if the nets lie in one valley of
    the loss. This requires a common origin. Accepted nets: snapshots of one training (nets copied
    between calls of ``partial_fit``, or those of `SnapshotEnsembleClassifier`), nets with the same
    initial weights (`init_from`), and these weights themselves. Others are refused. A common origin
    is no guarantee: with a high learning rate, nets leave the valley. Score the mean before you use
    it.

    Parameters
    ----------
    estimators : list of ImageClassifier
        Fitted classifiers of this package, of one architecture, for the same classes and images.
    X : array-like, default=None
        Images to estimate the batch norm statistics from, since those of the nets do not fit the
        mean of their weights: training images, at least two, better some thousands. Needed for nets
        with batch norm, and not used for others.

    Returns
    -------
    ImageClassifier
        A fitted classifier. Everything except its weights and statistics, including parameters and
        history, is that of the first of `estimators`.

    Raises
    ------
    ValueError
        If the nets differ in architecture, classes or standardisation, if they have no common
        origin, or if they have batch norm and `X` is None.
    TypeError
        If one of them is not a classifier of this package.
    sklearn.exceptions.NotFittedError
        If one of them is not fitted.

    References
    ----------
    Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018;
    Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy
    without increasing inference time", ICML 2022.

    Examples
    --------
    >>> import copy
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.ensemble import average_weights
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=5, random_state=0).fit(X[:2000], y[:2000])
    >>> net.set_params(lr=5e-4)
    MLPNetClassifier(lr=0.0005, max_epochs=5, random_state=0)
    >>> snapshots = [copy.deepcopy(net.partial_fit(X[:2000], y[:2000])) for _ in range(3)]
    >>> average_weights(snapshots).score(X[2000:], y[2000:]) > 0.75
    True
    """
    estimators = list(estimators)
    _check_kinds(estimators)
    estimators = [snapshot(estimator) for estimator in estimators]
    first = estimators[0]
    for number, other in enumerate(estimators[1:], start=1):
        _check_pair(first, other, number)
    _check_beginning(estimators)
    with_batch_norm = batch_norms(first.net_.module_)
    if with_batch_norm and X is None:
        raise ValueError(
            "Got X=None with nets that have batch norm, expected training images: the statistics "
            "of the nets do not belong to the mean of their weights. Pass "
            "average_weights(estimators, X)."
        )
    rows = first._read_rows(X) if with_batch_norm else None
    average = first._with_net(copy.deepcopy(first.net_))
    states = [estimator.net_.module_.state_dict() for estimator in estimators]
    average.net_.module_.load_state_dict({name: _mean(states, name) for name in states[0]})
    if with_batch_norm:
        replace_statistics(average, rows)
    return average


def _mean(states, name):
    """Return the mean of a tensor over nets; what counts stays that of the first."""
    first = states[0][name]
    if not first.is_floating_point():
        return first
    total = sum(state[name].detach().cpu().double() for state in states)
    return (total / len(states)).to(first.dtype)


def _check_kinds(estimators):
    if not estimators:
        raise ValueError("Got no estimators, expected fitted classifiers of this package.")
    for number, estimator in enumerate(estimators):
        if not isinstance(estimator, ImageClassifier):
            raise TypeError(
                f"Got a {type(estimator).__name__} as number {number} of the estimators, expected "
                "classifiers of this package; of pipelines, take the last steps, pipeline[-1]."
            )
        check_is_fitted(estimator)
    if len({id(estimator) for estimator in estimators}) < len(estimators):
        raise ValueError(
            f"Got the same object more than once among {len(estimators)} estimators, expected one "
            "for each net; partial_fit changes the net itself, so take copy.deepcopy of it."
        )


def _check_pair(first, other, number):
    """Refuse two nets whose weights do not mean the same."""

    def refuse(what, its, others):
        raise ValueError(
            f"Got nets of different {what}: {its} in net 0, {others} in net {number}. Expected "
            "nets that differ only in their training: otherwise their weights cannot be averaged. "
            "Use a vote instead, VotingClassifier(…, voting='soft')."
        )

    if type(first) is not type(other):
        refuse("classes", type(first).__name__, type(other).__name__)
    if not np.array_equal(first.classes_, other.classes_):
        refuse("labels (classes_)", first.classes_.tolist(), other.classes_.tolist())
    shapes = [planes_shape(e.image_shape_) for e in (first, other)]
    if shapes[0] != shapes[1]:
        refuse("images (channels, height, width)", *shapes)
    for name, value in _architecture(first).items():
        if not np.array_equal(np.atleast_1d(value), np.atleast_1d(getattr(other, name))):
            refuse("architecture", f"{name}={value!r}", f"{name}={getattr(other, name)!r}")
    kinds = [
        {name: (t.dtype, tuple(t.shape)) for name, t in e.net_.module_.state_dict().items()}
        for e in (first, other)
    ]
    for name in kinds[0] | kinds[1]:
        if kinds[0].get(name) != kinds[1].get(name):
            refuse(f"weights ({name})", *(kind.get(name, "nothing") for kind in kinds))
    pixels = [
        {name: tensor.cpu().ravel().tolist() for name, tensor in layer.named_buffers()}
        for layer in (first.net_.module_.standardize, other.net_.module_.standardize)
    ]
    if pixels[0] != pixels[1]:
        refuse("standardisation", *pixels)


def _architecture(estimator):
    """Return the parameters that decide the network's architecture, by name."""
    shared = {field.name for field in fields(TrainingOptions)} | OF_TRAININGS
    names = [field.name for field in fields(estimator) if field.name not in shared]
    return {name: getattr(estimator, name) for name in names}


def _check_beginning(estimators):
    """Refuse nets that do not all descend from the same weights."""
    known = [
        {getattr(e.net_, "lineage", None), hash_of_weights(e.net_.module_)} for e in estimators
    ]
    if not set.intersection(*known) - {None}:
        raise ValueError(
            "Got nets without a common beginning, expected snapshots of one training, or nets with "
            "the same init_from (and the same random_state, if init_from has other labels, so that "
            "the last layer begins at random). Between nets that were trained separately, the loss "
            "is high. Use a vote instead, VotingClassifier(…, voting='soft')."
        )
