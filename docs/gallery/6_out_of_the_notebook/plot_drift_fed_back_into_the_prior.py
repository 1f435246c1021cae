"""
Drift: notice it, and feed it back
==================================

In a shop the mix of what is sold changes with the season. A monitor notices that from the
predictions alone, without labels, says how accurate the net still is, and how frequent the classes
have become; the net can be told.
"""

# %%
# A net, and a profile of validation rows in which all classes are equally frequent.
import matplotlib.pyplot as plt
import numpy as np

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.monitoring import DriftMonitor, ReferenceProfile

X, y = load_fashion_sample(return_X_y=True)
net = MLPNetClassifier(max_epochs=5, random_state=0).fit(X[:4000], y[:4000])
profile = ReferenceProfile.from_estimator(net, X[4000:], y[4000:])

# %%
# Summer: T-shirts, dresses, sandals and sneakers are asked about four times as often as the rest.
test = load_fashion_sample(subset="test")
rng = np.random.default_rng(0)
often = np.isin(test.target, [0, 3, 5, 7])
chance = np.where(often, 4.0, 1.0)
rows = rng.choice(len(test.target), 600, p=chance / chance.sum())
monitor = DriftMonitor(profile, window=600)
report = monitor.update(net.predict_proba(test.data[rows]))
print(report)

# %%
# The classes have changed and nothing else has, so what they have become can be given to the net.
before = net.score(test.data[rows], test.target[rows])
net.set_params(prior=report.class_prior)
after = net.score(test.data[rows], test.target[rows])
print(f"accuracy: {before:.3f}, with the prior {after:.3f}")
print(f"expected: {report.expected_accuracy:.3f}, {report.expected_accuracy_with_prior:.3f}")

# %%
# The frequencies that were estimated without labels, and the true ones.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
true = np.bincount(test.target[rows], minlength=10) / len(rows)
places = np.arange(10)
ax.bar(places - 0.2, true, 0.4, label="true")
ax.bar(places + 0.2, report.class_prior, 0.4, label="estimated", hatch="///")
ax.axhline(0.1, ls=":", color="gray", label="in validation")
ax.set_xticks(places, test.target_names, rotation=30, ha="right")
ax.set(ylabel="frequency")
figure.legend(loc="outside upper center", ncols=3)
