"""
Which treatment suits which class, and which parameters go together?
====================================================================

One page answers both: choose treatments and see their classes, brush an axis and see which
candidates are left, choose some of these and see their scores.
"""

# %%
# Data of your own go here: a study of rare classes, and a search of forty candidates.
import numpy as np
from scipy.stats import loguniform
from sklearn.model_selection import RandomizedSearchCV

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import make_dashboard
from skfashion.studies import imbalance_study

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
net = MLPNetClassifier(hidden_layer_sizes=(32,), max_epochs=3, random_state=0)
names = ["nothing", "RandomOverSampler", "class_weight=balanced", "loss=logit_adjusted"]
table = imbalance_study(
    {"MLP": net}, X, y, X_test, y_test, treatments=names, ratios=[50], seeds=range(3), verbose=0
)
grid = {"lr": loguniform(3e-4, 3e-2), "dropout": np.linspace(0, 0.5, 6), "batch_size": [32, 128]}
search = RandomizedSearchCV(net, grid, n_iter=40, cv=2, random_state=0).fit(X[:1500], y[:1500])

# %%
# A notebook shows the page by itself; ``save("dashboard.html")`` writes it, and
# ``python -m skfashion dashboard CACHE --watch`` follows a study that still runs.
make_dashboard({"Rare classes": table, "Search": search.cv_results_})
