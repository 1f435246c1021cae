"""
Resume a fit that was killed
============================

With ``checkpoint_dir`` a fit writes its state after every epoch. The same call, made again after
the process was killed, goes on from there, and ends with the same net to the last bit.
"""

# %%
# A fit that somebody stops in its fifth epoch: here by a scorer that acts as Ctrl-C would. A
# process that is killed from outside, or by a power cut, leaves the same file.
import tempfile

import matplotlib.pyplot as plt
import numpy as np

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X, X_val, y, y_val = X[:2000], X[2000:3000], y[:2000], y[2000:3000]
folder = tempfile.mkdtemp()
scores = []


def stopped_once(net, X, y):
    scores.append(net.score(X, y))
    if len(scores) == 5:
        raise KeyboardInterrupt
    return scores[-1]


parameters = {"channels": (8, 16), "max_epochs": 8, "random_state": 0}
net = ConvNetClassifier(scoring=stopped_once, checkpoint_dir=folder, **parameters)
try:
    net.fit(X, y, X_val=X_val, y_val=y_val)
except KeyboardInterrupt:
    print(f"stopped in epoch {len(scores)}")

# %%
# The same call once more trains the epochs that are missing.
net.fit(X, y, X_val=X_val, y_val=y_val)
print(f"{len(net.history_)} epochs in the history, {len(scores)} scored in both calls")

# %%
# Beside it a fit that nobody stopped: the same probabilities, without any difference.
whole = ConvNetClassifier(scoring="accuracy", **parameters)
whole.fit(X, y, X_val=X_val, y_val=y_val)
print("equal:", np.array_equal(net.predict_proba(X_val), whole.predict_proba(X_val)))

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(
    whole.history_["epoch"], whole.history_["valid_score"], lw=6, alpha=0.4, label="not stopped"
)
ax.plot(net.history_["epoch"], net.history_["valid_score"], "k.-", label="stopped, and resumed")
ax.axvline(4.5, ls=":", color="gray", label="stopped here")
ax.set(xlabel="epoch", ylabel="validation accuracy")
ax.legend(loc="lower right")
