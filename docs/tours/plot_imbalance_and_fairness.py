"""
Tour: imbalance and fairness
============================

What rare classes and unequal groups do to a classifier: data with a known class imbalance,
treatments side by side with confidence intervals, and what such tables do not show. In a clone:
``pip install -e '.[inspection,fairness]'``.
"""

# %%
# Data with a known class imbalance
# ---------------------------------
#
# ``make_imbalanced`` leaves twenty times as many images of the most frequent class as of the
# rarest one; the test images stay balanced. Recall falls towards the rare classes.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import recall_score

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample, make_imbalanced

sample = load_fashion_sample()
X, y = sample.data, sample.target
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
X_skewed, y_skewed = make_imbalanced(X, y, ratio=20, random_state=0)

net = MLPNetClassifier(hidden_layer_sizes=128, max_epochs=12, random_state=0)
net.fit(X_skewed, y_skewed)
recalls = {"as it is": recall_score(y_test, net.predict(X_test), average=None)}

# %%
# The first thing to try needs no training
# ----------------------------------------
#
# Prior correction, ``prior="uniform"``, predicts as if all classes were equally frequent.
net.set_params(prior="uniform")
recalls['prior="uniform"'] = recall_score(y_test, net.predict(X_test), average=None)
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for name, values in recalls.items():
    ax.plot(sample.target_names, values, "o-", label=f"{name}: mean {values.mean():.3f}")
ax.tick_params(axis="x", rotation=30)
ax.set(ylabel="recall", xlabel="from the most frequent class to the rarest")
ax.legend()

# %%
# Is it more than chance?
# -----------------------
#
# ``imbalance_study`` trains with each treatment and several seeds on the same images; differences
# are paired, with 95 % confidence intervals. If an interval includes 0, there is no evidence of a
# gain.
from skfashion.studies import imbalance_study, summarize_study

quick = MLPNetClassifier(hidden_layer_sizes=64, max_epochs=10, n_threads=1)
study = imbalance_study(
    {"net": quick},
    X,
    y,
    X_test,
    y_test,
    treatments=["nothing", "class_weight=balanced", "loss=logit_adjusted", "prior correction"],
    ratios=[20],
    seeds=range(4),
    verbose=0,
)
summary = summarize_study(study[study["metric"] == "balanced_accuracy"])
print(summary[["treatment", "mean", "difference", "low", "high"]].round(3).to_string(index=False))

# %%
# Groups
# ------
#
# Some images are turned: a made-up group, rarer in training, and more often garments of the upper
# body. ``fairness_study`` measures gaps between the groups under each mitigation.
from skfashion.datasets import make_groups
from skfashion.studies import fairness_study

garments = ["T-shirt/top", "Pullover", "Coat", "Shirt"]
upper, upper_test = (np.isin(sample.target_names[labels], garments) for labels in (y, y_test))
turned = {"attribute": "rotation", "random_state": 0}
X_groups, groups = make_groups(
    X, upper, share=0.1, correlation=0.3, correlated_class=True, **turned
)
X_test_groups, test_groups = make_groups(X_test, upper_test, share=0.5, **turned)
study = fairness_study(
    {"net": quick},
    X_groups,
    upper,
    groups,
    X_test_groups,
    upper_test,
    test_groups,
    mitigations=["nothing", "group weights", "threshold optimizer"],
    seeds=range(3),
    verbose=0,
)
summary = summarize_study(study[study["metric"].isin(["accuracy", "equalized odds difference"])])
columns = ["mitigation", "metric", "mean", "difference", "low", "high"]
of_all = summary["group"].isna() & summary["class"].isna()
print(summary.loc[of_all, columns].round(3).to_string(index=False))

# %%
# What not to believe
# -------------------
#
# Intervals over seeds know nothing of other test images or other data; of many treatments the best
# is a little lucky; and a gap that is estimated from few samples is noisy and almost never small.
# :doc:`Class imbalance </imbalance>` and :doc:`Fairness </fairness>` have the studies at full size,
# and more of this.
