"""
Learn from few labels
=====================

A net that tells seven kinds of clothes apart has learned what clothes look like. Five images of
each of three new kinds are enough to recognise them by the nearest mean of its features.
"""

# %%
# The net has never seen sneakers, bags and boots.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import NearestCentroid

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
known, asked = y < 7, y_test >= 7
net = ConvNetClassifier(channels=(16, 32), max_epochs=5, random_state=0).fit(X[known], y[known])
spaces = {"pixels": lambda rows: rows / 255.0, "features of the net": net.transform}

# %%
# 20 draws of so many images a kind; the bars are one standard deviation.
rng = np.random.RandomState(0)
shots = (1, 2, 5, 20)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, space in spaces.items():
    train, test = space(X[~known]), space(X_test[asked])
    labels, means, deviations = y[~known], [], []
    for n in shots:
        scores = []
        for _ in range(20):
            rows = np.concatenate(
                [rng.permutation(np.flatnonzero(labels == one))[:n] for one in (7, 8, 9)]
            )
            # One deviation for all: a unit that a few images do not move has none.
            nearest = NearestCentroid().fit(
                train[rows] + 1e-9 * rng.randn(3 * n, train.shape[1]), labels[rows]
            )
            scores.append(nearest.score(test, y_test[asked]))
        means.append(np.mean(scores))
        deviations.append(np.std(scores))
    print(name, np.round(means, 3))
    ax.errorbar(shots, means, yerr=deviations, fmt="o-", capsize=4, label=name)
ax.set(xlabel="images of each new kind", ylabel="accuracy", xscale="log")
ax.set_xticks(shots, shots)
ax.legend()
