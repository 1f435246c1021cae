"""
Tour: search architectures
==========================

How many layers, how wide, which kind of network: what a search can vary, how to spend long
trainings on good candidates only, and how to search a module of your own. In a clone:
``pip install -e '.[inspection]'``.
"""

# %%
# One grid over kinds of networks and their layers
# ------------------------------------------------
#
# A grid can exchange a step of a pipeline, each kind with parameters of its own. Everything is
# chosen by cross-validation on training images.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X, y, X_held, y_held = X[:2000], y[:2000], X[2000:4000], y[2000:4000]

same = {"max_epochs": 5, "random_state": 0}
grid = [
    {
        "net": [MLPNetClassifier(**same)],
        "net__hidden_layer_sizes": [(64,), (256,), (128, 128)],
    },
    {
        "net": [ConvNetClassifier(**same)],
        "net__channels": [(8,), (8, 16)],
        "net__depth": [1, 2],
    },
]
pipeline = Pipeline([("net", MLPNetClassifier())])
search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, y)
table = pd.DataFrame(search.cv_results_)
names = [
    ", ".join(f"{name.removeprefix('net__')}={its[name]}" for name in its if name != "net")
    for its in table["params"]
]
figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.barh(names, table["mean_test_score"], xerr=table["std_test_score"], capsize=3)
ax.set(xlabel="accuracy, two folds", xlim=(0, 1))
ax.invert_yaxis()

# %%
# Long trainings for good candidates only
# ---------------------------------------
#
# ``EpochHalvingSearchCV`` trains all candidates for one epoch, keeps the best third, continues
# *their* training up to three times as many epochs, and so on. Printed are the numbers of
# candidates by epochs, the best one, and its accuracy on images held out.
from skfashion.model_selection import EpochHalvingSearchCV

halving = EpochHalvingSearchCV(
    ConvNetClassifier(random_state=0),
    {"channels": [(8,), (16,), (8, 16)], "depth": [1, 2, 3]},
    max_resources=9,
    cv=2,
    n_jobs=2,
).fit(X, y)
print(pd.DataFrame(halving.cv_results_)["n_resources"].value_counts().sort_index())
print(halving.best_params_, f"{halving.score(X_held, y_held):.3f}")

# %%
# A module of your own
# --------------------
#
# Any ``nn.Module`` that maps images to logits will do; the parameters of its ``__init__`` can be
# searched as ``module__…``.
from torch import nn

from skfashion import ModuleClassifier


class Patches(nn.Sequential):
    """Looks at squares of four pixels, then at all of them."""

    def __init__(self, n_classes, width=32, hidden=64):
        super().__init__(
            nn.Conv2d(1, width, 4, stride=4),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(49 * width, hidden),
            nn.GELU(),
            nn.Linear(hidden, n_classes),
        )


own = ModuleClassifier(module=Patches, max_epochs=8, lr=5e-3, random_state=0)
search = GridSearchCV(own, {"module__width": [8, 32], "module__hidden": [32, 128]}, cv=2, n_jobs=2)
print(search.fit(X, y).best_params_, f"{search.score(X_held, y_held):.3f}")

# %%
# When to stop
# ------------
#
# With ``early_stopping=True`` a tenth of the rows is held out, and the weights of the best epoch
# are kept. ``history_`` is a table with one row per epoch.
net = ConvNetClassifier(max_epochs=12, early_stopping=True, scoring="accuracy", random_state=0)
history = net.fit(X, y).history_
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.plot(history["epoch"], history["train_loss"], label="training loss")
ax.plot(history["epoch"], history["valid_loss"], label="validation loss")
ax.set(xlabel="epoch", ylabel="cross-entropy")
ax.legend()
