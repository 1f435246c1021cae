"""
Fairlearn with a neural net
===========================

Some images are turned, and in the training data these are nearly all clothes for the upper body.
A net takes the turn for a sign of such clothes. Fairlearn measures the gap between the groups, and
closes it with a threshold for each.
"""

# %%
# Is it clothing for the upper body? The group is whether the picture was turned, which tells
# nothing in the two other parts of the data.
import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    true_positive_rate,
)
from fairlearn.postprocessing import ThresholdOptimizer

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample, make_groups

UPPER_BODY = [0, 2, 4, 6]


def part(subset, rows, correlation):
    X, y = load_fashion_sample(subset=subset, return_X_y=True)
    X, y = X[rows], np.isin(y[rows], UPPER_BODY).astype(int)
    options = {"share": 0.4, "correlation": correlation, "correlated_class": 1, "random_state": 0}
    X, groups = make_groups(X, y, attribute="rotation", **options)
    return X, y, groups


X, y, groups = part("train", slice(3000), correlation=0.8)
X_held, y_held, groups_held = part("train", slice(3000, 6000), correlation=0)
X_test, y_test, groups_test = part("test", slice(1000), correlation=0)

# %%
# The net alone, and with a threshold for each group that evens out both kinds of errors, found on
# images that the net has not learned by heart.
net = MLPNetClassifier(hidden_layer_sizes=64, max_epochs=6, random_state=0).fit(X, y)
optimizer = ThresholdOptimizer(
    estimator=net, constraints="equalized_odds", prefit=True, predict_method="predict_proba"
)
optimizer.fit(X_held, y_held, sensitive_features=groups_held)
predictions = {
    "net": net.predict(X_test),
    "thresholds": optimizer.predict(X_test, sensitive_features=groups_test, random_state=0),
}

# %%
metrics = {"found": true_positive_rate, "false alarms": false_positive_rate}
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for ax, (name, predicted) in zip(axes, predictions.items(), strict=True):
    frame = MetricFrame(
        metrics=metrics, y_true=y_test, y_pred=predicted, sensitive_features=groups_test
    )
    gap = equalized_odds_difference(y_test, predicted, sensitive_features=groups_test)
    print(f"{name}: {(predicted == y_test).mean():.3f} right\n{frame.by_group.round(3)}\n")
    title = f"{name}: gap of {gap:.3f}"
    frame.by_group.plot.bar(ax=ax, rot=0, title=title, xlabel="", legend=False)
figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
