"""
Stack a net with a forest
=========================

A random forest and a net err on different images. A vote or a stack of the two gains from that, as
far as it goes; with scikit-learn's ensembles it is a line.
"""

# %%
# The models are compared on training images that none of them has seen.
import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X, y, X_held, y_held = X[:3000], y[:3000], X[3000:], y[3000:]
members = [
    ("net", MLPNetClassifier(hidden_layer_sizes=128, random_state=0)),
    ("forest", RandomForestClassifier(100, n_jobs=2, random_state=0)),
]
models = dict(members) | {
    "vote": VotingClassifier(members, voting="soft"),
    "stack": StackingClassifier(members, LogisticRegression(max_iter=500), cv=3),
}

# %%
# With 3,000 images and one seed, differences below a point may be luck.
accuracies = {name: model.fit(X, y).score(X_held, y_held) for name, model in models.items()}
print({name: round(value, 3) for name, value in accuracies.items()})
figure, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
bars = ax.barh(list(accuracies), list(accuracies.values()))
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.set(xlabel="accuracy on 3,000 images held out", xlim=(0, 1))
ax.invert_yaxis()

# %%
# A last number for the best of them, from test images that had no say in which one that is.
chosen = max(accuracies, key=accuracies.get)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
print(f"{chosen}: {models[chosen].score(X_test, y_test):.3f} of the test images")
