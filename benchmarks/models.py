"""Who competes, with which preprocessing and settings, and why: one entry a model.

Nothing here was chosen on the 10,000 test images. Settings of the competitors were compared on
a stratified split of the 60,000 training images (55,000 to fit, 5,000 to validate, seed 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Model:
    """One row of the comparison.

    ``build(seed, threads)`` returns an unfitted classifier for uint8 rows, with its imports inside,
    so that naming the models costs nothing.
    """

    label: str
    build: Callable[[int, int], Any]
    ours: bool = False


def unit_pixels(X):
    """Turn grey levels into float32 between 0 and 1."""
    return np.asarray(X, dtype=np.float32) / np.float32(255)


def raw_float_pixels(X):
    """Turn grey levels into float32 of the same values, 0 to 255."""
    return np.asarray(X, dtype=np.float32)


def _ours(key, seed, threads):
    """Return one of skfashion's classifiers as it is."""
    import skfashion

    return getattr(skfashion, NETS[key])(random_state=seed)


def _other(key, seed, threads):
    """Return one of scikit-learn's classifiers."""
    from sklearn import dummy, ensemble, linear_model, neighbors, neural_network
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    own, unit = {"random_state": seed}, FunctionTransformer(unit_pixels)
    if key == "mlp_sklearn":
        # The fastest route; stops itself on 10 % held out.
        stops = {"early_stopping": True, "max_iter": 50}
        net = neural_network.MLPClassifier((256, 128), batch_size=256, **stops, **own)
        return make_pipeline(unit, net)
    if key == "hist_gradient_boosting":
        # 64 bins, a tenth of the pixels a split: 0.6 of the default's time, as accurate.
        settings = {"max_bins": 64, "max_features": 0.1, "early_stopping": False}
        return ensemble.HistGradientBoostingClassifier(**settings, **own)
    if key == "random_forest":
        return ensemble.RandomForestClassifier(n_jobs=threads, **own)
    if key == "k_neighbors":
        nearest = neighbors.KNeighborsClassifier(n_jobs=threads)
        return make_pipeline(FunctionTransformer(raw_float_pixels), nearest)
    if key == "logistic_regression":
        # C = 0.1 beat 1 in validation (86.0 to 85.8 %).
        return make_pipeline(unit, linear_model.LogisticRegression(C=0.1, max_iter=1000, **own))
    # Class frequencies alone: what guessing scores.
    return dummy.DummyClassifier(strategy="prior", **own)


# Ours: key -> class of skfashion.
NETS = {
    "mlp_net": "MLPNetClassifier",
    "conv_net": "ConvNetClassifier",
    "resnet": "ResNetClassifier",
    "attention_net": "AttentionNetClassifier",
}
# Others: key -> label.
OTHERS = {
    "mlp_sklearn": "MLPClassifier",
    "hist_gradient_boosting": "HistGradientBoosting",
    "random_forest": "RandomForest",
    "k_neighbors": "KNeighbors",
    "logistic_regression": "LogisticRegression",
    "dummy": "Dummy (floor)",
}
MODELS = {key: Model(name, partial(_ours, key), ours=True) for key, name in NETS.items()}
MODELS |= {key: Model(label, partial(_other, key)) for key, label in OTHERS.items()}


def parameters(estimator):
    """Describe an estimator's settings in JSON's types."""
    left_out = ("steps", "memory", "transform_input", "estimators")
    found = sorted(estimator.get_params(deep=True).items())
    return {name: described(value) for name, value in found if name not in left_out}


def described(value):
    """Describe an estimator, its class included, or any other value in JSON's types."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [described(item) for item in value]
    if isinstance(value, dict):
        return {str(key): described(item) for key, item in value.items()}
    if hasattr(value, "get_params"):
        return {"class": type(value).__name__, **parameters(value)}
    # repr() of these holds a memory address, which would make every row unlike the last.
    return getattr(value, "__name__", type(value).__name__)
