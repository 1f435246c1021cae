"""Rows as people have them, and whether `MLPNetClassifier` takes them for images or for a table.

``python tables.py`` in the folder tests prints the accuracy of `MLPNetClassifier` on each of them.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from skfashion import MLPNetClassifier

IMAGE, TABLE, IN_DOUBT = "image", "table", "table, with a warning"
IMAGE_IN_DOUBT = "image, with a warning"


def _digits(columns=None, make=lambda X: X):
    X, y = load_digits(return_X_y=True)
    X = make(X)
    return (X if columns is None else pd.DataFrame(X, columns=columns)), y


def _pixels(text, start=0, side=8):
    """Return names of the pixels of a square image."""
    places = range(start, side + start)
    return [text.format(i=len(places) * (r - start) + c, r=r, c=c) for r in places for c in places]


def _wine_beside_noise():
    """Return the columns of wine, and one of noise on another scale, which says nothing."""
    X, y = load_wine(return_X_y=True)
    noise = np.random.RandomState(0).normal(size=(len(X), 1))
    return np.hstack([X, 1e6 * noise]), y


def _categories(n_columns):
    """Return categories of a parity problem as a OneHotEncoder makes them: sparse rows."""
    X = np.random.RandomState(0).randint(n_columns // 6, size=(1500, 6)).astype(str)
    y = (X[:, 0].astype(int) + X[:, 1].astype(int)) % 2
    return OneHotEncoder().fit_transform(X), y


# Name -> what makes X and y, and what they are taken for.
ROWS = {
    "digits": (_digits, IMAGE),
    "digits, 0 to 1": (lambda: _digits(make=MinMaxScaler().fit_transform), IMAGE),
    "digits, frame of bare numbers": (lambda: _digits(list(map(str, range(64)))), IMAGE),
    "digits, Kaggle's frame (pixel0)": (lambda: _digits(_pixels("pixel{i}")), IMAGE),
    "digits, OpenML's frame (pixel1x1)": (lambda: _digits(_pixels("pixel{r}x{c}", 1)), IMAGE),
    "digits, scikit-learn's frame (pixel_0_0)": (lambda: _digits(_pixels("pixel_{r}_{c}")), IMAGE),
    "digits, StandardScaler's columns": (
        lambda: _digits(make=StandardScaler().fit_transform),
        IN_DOUBT,
    ),
    "digits, StandardScaler's frame (pixel0)": (
        lambda: _digits(_pixels("pixel{i}"), StandardScaler().fit_transform),
        IMAGE,
    ),
    "digits, PCA's 36 columns": (lambda: _digits(make=PCA(36).fit_transform), IN_DOUBT),
    "digits, PCA's frame (pca0)": (
        lambda: _digits([f"pca{i}" for i in range(36)], PCA(36).fit_transform),
        TABLE,
    ),
    "iris": (lambda: load_iris(return_X_y=True), TABLE),
    "iris, frame": (lambda: load_iris(return_X_y=True, as_frame=True), TABLE),
    "wine": (lambda: load_wine(return_X_y=True), TABLE),
    "wine beside a column of noise": (_wine_beside_noise, TABLE),
    "breast cancer": (lambda: load_breast_cancer(return_X_y=True), TABLE),
    "categories, OneHotEncoder's sparse rows": (lambda: _categories(30), TABLE),
    "categories, OneHotEncoder's 36 columns": (lambda: _categories(36), IMAGE_IN_DOUBT),
}


def _accuracy(X, y):
    """Return the mean accuracy of five folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cross_val_score(MLPNetClassifier(random_state=0), X, y, cv=folds).mean()


if __name__ == "__main__":
    for name, (make, _) in ROWS.items():
        print(f"{name}: {100 * _accuracy(*make()):.2f}", flush=True)
