"""
Grid-search an architecture
===========================

Depth and width are parameters like any other: a list of tuples goes over both at once. Twelve
candidates are tried by a grid search, and by successive halving, which goes on with the training
of the better ones only.
"""

# %%
# All candidates have the same seed and one thread, so that the searches agree to the last bit.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.model_selection import EpochHalvingSearchCV

X, y = load_fashion_sample(return_X_y=True)
X, y = X[:1800], y[:1800]
net = MLPNetClassifier(max_epochs=9, random_state=0, n_threads=1)
grid = {
    "hidden_layer_sizes": [(32,), (128,), (128, 64), (256, 128, 64)],
    "lr": [3e-4, 1e-3, 5e-3],
}

start = time.perf_counter()
whole = GridSearchCV(net, grid, cv=3, n_jobs=2).fit(X, y)
middle = time.perf_counter()
halving = EpochHalvingSearchCV(net, grid, max_resources=9, cv=3, n_jobs=2, random_state=0)
halving.fit(X, y)
end = time.perf_counter()
print(f"grid:    {whole.best_params_}, {whole.best_score_:.4f}, {middle - start:.0f} s")
print(f"halving: {halving.best_params_}, {halving.best_score_:.4f}, {end - middle:.0f} s")

# %%
# The grid as a picture.
sizes, rates = grid["hidden_layer_sizes"], grid["lr"]
scores = np.reshape(whole.cv_results_["mean_test_score"], (len(sizes), len(rates)))
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
image = ax.imshow(scores, aspect="auto", cmap="cividis")
for (i, j), score in np.ndenumerate(scores):
    color = "white" if score < scores.mean() else "black"
    ax.text(j, i, f"{score:.3f}", ha="center", va="center", color=color)
ax.set_xticks(range(len(rates)), rates)
ax.set_yticks(range(len(sizes)), sizes)
ax.set(xlabel="lr", ylabel="hidden_layer_sizes")
figure.colorbar(image, label="accuracy in cross-validation")

# %%
# Which candidates went on, and from which scores.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
results = halving.cv_results_
for params in {str(params): params for params in results["params"]}.values():
    rows = [i for i, other in enumerate(results["params"]) if other == params]
    ax.plot(results["n_resources"][rows], results["mean_test_score"][rows], "o-", alpha=0.7)
ax.set(xlabel="epochs", ylabel="accuracy in cross-validation", xticks=halving.n_resources_)
