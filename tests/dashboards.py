"""Results for dashboards: of the committed imbalance study, and of a search."""

import json

import numpy as np
import pandas as pd
from pages import ROOT
from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV
from sklearn.tree import DecisionTreeClassifier

IMBALANCE = ROOT / "benchmarks" / "results" / "imbalance.jsonl"


def imbalance_values(estimator, treatment, metric):
    """Return the values of the committed study on its usual data, by class and seed."""
    rows = [json.loads(line) for line in IMBALANCE.read_text(encoding="utf-8").splitlines()]
    usual = {"profile": "exponential", "ratio": 100, "permutation": None}
    usual |= {"estimator": estimator, "treatment": treatment}
    return {
        (label, row["seed"]): value
        for row in rows
        if all(row[key] == wanted for key, wanted in usual.items())
        for label, value in row["by_class"][metric].items()
    }


def search_of(n_candidates):
    """Return the results of a search as a table, with parameters of every kind."""
    space = {
        "ccp_alpha": np.logspace(-5, -1, 40).tolist(),
        "criterion": ["gini", "entropy"],
        "max_depth": [None, 2, 3, 10],
        "min_samples_split": list(range(2, 22)),
    }
    search = RandomizedSearchCV(
        DecisionTreeClassifier(random_state=0), space, n_iter=n_candidates, cv=2, random_state=0
    )
    X, y = load_digits(return_X_y=True)
    return pd.DataFrame(search.fit(X[:500], y[:500]).cv_results_)
