"""Fitted classifiers from files, and the types that whole pipelines need trusted."""

import os
from collections.abc import Callable

from skfashion.classifiers.attention import AttentionNetClassifier
from skfashion.classifiers.base import ImageClassifier
from skfashion.classifiers.conv import ConvNetClassifier
from skfashion.classifiers.mlp import MLPNetClassifier
from skfashion.classifiers.module import ModuleClassifier
from skfashion.classifiers.resnet import ResNetClassifier
from skfashion.classifiers.timm import TimmClassifier
from skfashion.classifiers.torchvision import TorchvisionClassifier
from skfashion.fitting.saved import read_fit
from skfashion.utils.forms import form_of
from skfashion.utils.names import advises
from skfashion.utils.tensors import looks_like_tensors

# The classes that a file may name: nothing is imported by a name in a file.
CLASSES = {
    cls.__name__: cls
    for cls in (
        AttentionNetClassifier,
        ConvNetClassifier,
        MLPNetClassifier,
        ModuleClassifier,
        ResNetClassifier,
        TimmClassifier,
        TorchvisionClassifier,
    )
}

#: Names of types for ``skops.io.load(file, trusted=skfashion.TRUSTED_TYPES)``: the classifiers,
#: losses, searches and ensembles of this package, and what skops does not know of scikit-learn's
#: and imbalanced-learn's in pipelines, searches, calibrated, voting and stacking classifiers.
#: "numpy.dtype" is there for encoders and imputers, which hold the types of their columns.
TRUSTED_TYPES: tuple[str, ...] = (
    "imblearn.over_sampling._random_over_sampler.RandomOverSampler",
    "imblearn.over_sampling._smote.base.SMOTE",
    "imblearn.pipeline.Pipeline",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
    "numpy.dtype",
    "skfashion.classifiers.attention.AttentionNetClassifier",
    "skfashion.classifiers.conv.ConvNetClassifier",
    "skfashion.classifiers.mlp.MLPNetClassifier",
    "skfashion.classifiers.module.ModuleClassifier",
    "skfashion.classifiers.resnet.ResNetClassifier",
    "skfashion.classifiers.timm.TimmClassifier",
    "skfashion.classifiers.torchvision.TorchvisionClassifier",
    "skfashion.ensemble.snapshots.SnapshotEnsembleClassifier",
    "skfashion.model_selection.epoch_halving.EpochHalvingSearchCV",
    "skfashion.parameters.augmentation.Augmentation",
    "skfashion.parameters.losses.BalancedSoftmaxLoss",
    "skfashion.parameters.losses.ClassBalancedLoss",
    "skfashion.parameters.losses.FocalLoss",
    "skfashion.parameters.losses.LDAMLoss",
    "skfashion.parameters.losses.LogitAdjustedLoss",
    "skfashion.preprocessing.fashion.PhotoToFashion",
    "skfashion.preprocessing.reader.ImageReader",
    "skfashion.studies.thresholds.ClassFactorsClassifier",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.utils._bunch.Bunch",
)


@advises
def load(path: str | os.PathLike, *, module: Callable | None = None) -> ImageClassifier:
    """Return the classifier from a file written by its `save`.

    The file need not be trusted: loading runs no code from it, and opens no other file. Predictions
    are those of the saved classifier, to the last bit on the same machine with the same versions.

    Parameters
    ----------
    path : path-like
        A file written by ``net.save(path)``, in this version or an earlier one.
    module : callable or None, default=None
        The `module` of a :class:`ModuleClassifier`, which the file names but does not contain. It
        is called, as in a fit, with the parameters in the file. None for all other classifiers.

    Returns
    -------
    ImageClassifier
        A fitted classifier of the class that was saved. It is on the CPU, and moves to its `device`
        when it predicts.

    Raises
    ------
    ImportError
        If safetensors is not installed: ``pip install -e '.[persistence]'``.
    OSError
        If the file cannot be opened.
    ValueError
        If it is another kind of file, damaged, written by a later version or inconsistent; if it
        needs a `module` and none is given, or one with other layers; if a `module` is given but not
        needed.

    See Also
    --------
    skfashion.TRUSTED_TYPES : For whole pipelines saved with skops.

    Examples
    --------
    >>> import skfashion
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = skfashion.MLPNetClassifier(max_epochs=1, random_state=0).fit(X[:500], y[:500])
    >>> net.save("net.safetensors")
    >>> again = skfashion.load("net.safetensors")
    >>> (again.predict_proba(X) == net.predict_proba(X)).all()
    np.True_
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"Got path={path!r}, expected the path of a file that net.save(path) has written."
        )
    try:
        cls, state = read_fit(path, CLASSES, {"module": module})
    except ValueError as error:
        raise ValueError(f"Got {os.fspath(path)!r}, {_reason(path, error)}.") from error
    estimator = object.__new__(cls)
    estimator.__setstate__(state)
    return estimator


def _reason(path, error):
    """Return why a file cannot be loaded, in words."""
    # What a file says is shown as it is, and may be long, or signs that a terminal obeys.
    text = "".join(sign if sign.isprintable() else "?" for sign in str(error)[:600]).rstrip(".")
    if not os.path.isfile(path) or looks_like_tensors(path):
        return f"which cannot be loaded: {text}"
    form = form_of(path)
    return f"which cannot be loaded: {text}" if form is None else f"which is {form.text}"
