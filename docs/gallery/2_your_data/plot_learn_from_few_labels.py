"""
Learn from few labels
=====================

A net that tells seven kinds of clothes apart has learned what clothes look like. Five images of
each of three new kinds are enough to recognise them by the nearest mean of its features.
"""

# %%
# The net has never seen sneakers, bags and boots. Features and pixels are compared on training
# images that are held out.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X, X_held, y, y_held = train_test_split(X, y, test_size=2000, stratify=y, random_state=0)
known, asked = y < 7, y_held >= 7
net = ConvNetClassifier(channels=(16, 32), max_epochs=5, random_state=0).fit(X[known], y[known])
spaces = {"pixels": lambda rows: rows / 255.0, "features of the net": net.transform}

# %%
# 20 draws of so many images a kind; the bars are one standard deviation.
rng = np.random.RandomState(0)
shots = (1, 2, 5, 20)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, space in spaces.items():
    train, test = space(X[~known]), space(X_held[asked])
    labels, means, deviations = y[~known], [], []
    for n in shots:
        scores = []
        for _ in range(20):
            drawn = [rng.permutation(np.flatnonzero(labels == one))[:n] for one in (7, 8, 9)]
            centres = [train[rows].mean(axis=0) for rows in drawn]
            nearest = KNeighborsClassifier(n_neighbors=1).fit(centres, [7, 8, 9])
            scores.append(nearest.score(test, y_held[asked]))
        means.append(np.mean(scores))
        deviations.append(np.std(scores))
    print(name, np.round(means, 3))
    ax.errorbar(shots, means, yerr=deviations, fmt="o-", capsize=4, label=name)
ax.set(xlabel="images of each new kind", ylabel="accuracy", xscale="log")
ax.set_xticks(shots, shots)
ax.legend()

# %%
# The number to report comes from test images, which have chosen nothing: features of the net, with
# the last 20 images of each new kind that were drawn.
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
asked = y_test >= 7
score = nearest.score(net.transform(X_test[asked]), y_test[asked])
print(f"features of the net, {n} images of each kind: {score:.3f} of the test images")
