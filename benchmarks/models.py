"""Who competes, with which preprocessing and settings, and why: one entry a model.

Nothing here was chosen on the 10,000 test images. Settings of the competitors were compared on
a stratified split of the 60,000 training images (55,000 to fit, 5,000 to validate, seed 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Model:
    """One row of the comparison.

    Parameters
    ----------
    label : str
        Name in tables and pictures.
    build : callable
        ``build(seed, threads)`` returns an unfitted classifier for uint8 rows. Its imports are
        inside, so that naming the models costs nothing.
    why : str
        Reason of the settings.
    ours : bool
        True for the classifiers of skfashion.
    """

    label: str
    build: Callable[[int, int], Any]
    why: str
    ours: bool = False


def unit_pixels(X):
    """Turn grey levels into float32 between 0 and 1."""
    return np.asarray(X, dtype=np.float32) / np.float32(255)


def raw_float_pixels(X):
    """Turn grey levels into float32 of the same values, 0 to 255."""
    return np.asarray(X, dtype=np.float32)


def _after(convert, classifier):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(convert), classifier)


def _defaults_of(name):
    """Return a builder of one of skfashion's classifiers as it is."""

    def build(seed, threads):
        import skfashion

        return getattr(skfashion, name)(random_state=seed)

    return build


def _mlp_sklearn(seed, threads):
    from sklearn.neural_network import MLPClassifier

    return _after(
        unit_pixels,
        MLPClassifier(
            hidden_layer_sizes=(256, 128),
            batch_size=256,
            early_stopping=True,
            max_iter=50,
            random_state=seed,
        ),
    )


def _hist_gradient_boosting(seed, threads):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.1,
        max_bins=64,
        max_features=0.1,
        early_stopping=False,
        random_state=seed,
    )


def _random_forest(seed, threads):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100, n_jobs=threads, random_state=seed)


def _k_neighbors(seed, threads):
    from sklearn.neighbors import KNeighborsClassifier

    return _after(raw_float_pixels, KNeighborsClassifier(n_neighbors=5, n_jobs=threads))


def _logistic_regression(seed, threads):
    from sklearn.linear_model import LogisticRegression

    return _after(unit_pixels, LogisticRegression(C=0.1, max_iter=200, random_state=seed))


def _dummy(seed, threads):
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior", random_state=seed)


# Ours: key -> class of skfashion.
NETS = {
    "mlp_net": "MLPNetClassifier",
    "conv_net": "ConvNetClassifier",
    "resnet": "ResNetClassifier",
    "attention_net": "AttentionNetClassifier",
}
MODELS = {
    key: Model(name, _defaults_of(name), "skfashion's defaults, no argument", True)
    for key, name in NETS.items()
} | {
    "mlp_sklearn": Model(
        "MLPClassifier",
        _mlp_sklearn,
        "float32 pixels in 0..1 (fastest route); stops itself on 10 % held out, 50 epochs at most",
    ),
    "hist_gradient_boosting": Model(
        "HistGradientBoosting",
        _hist_gradient_boosting,
        "raw uint8; 64 bins, a tenth of the pixels a split: 0.6 of the default's time, as accurate",
    ),
    "random_forest": Model(
        "RandomForest", _random_forest, "raw uint8 (trees ignore scale); scikit-learn's 100 trees"
    ),
    "k_neighbors": Model(
        "KNeighbors", _k_neighbors, "raw float32 pixels, all on one scale; scikit-learn's k = 5"
    ),
    "logistic_regression": Model(
        "LogisticRegression",
        _logistic_regression,
        "float32 pixels in 0..1; C = 0.1 beat 1 in validation (86.0 to 85.8 %); 200 iterations",
    ),
    "dummy": Model("Dummy (floor)", _dummy, "class frequencies alone: what guessing scores"),
}


def parameters(estimator):
    """Describe an estimator's settings in JSON's types."""
    found = {}
    for name, value in sorted(estimator.get_params(deep=True).items()):
        if name in ("steps", "memory", "transform_input", "estimators"):
            continue
        found[name] = described(value)
    return found


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
