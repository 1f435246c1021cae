"""
Rare classes: a table with intervals, from a study that resumes
===============================================================

Which treatment of rare classes helps, and is the difference more than chance? ``imbalance_study``
trains every estimator with every treatment on the same skewed rows, seed by seed, so that
differences are paired. With ``cache`` a study that was stopped does only what is missing.
"""

# %%
# Training rows whose frequencies fall from class to class, 50 to 1; test rows with all classes
# alike.
import tempfile
import time

import matplotlib.pyplot as plt

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.studies import imbalance_study, summarize_study

train = load_fashion_sample(return_X_y=True)
test = load_fashion_sample(subset="test", return_X_y=True)
net = MLPNetClassifier(hidden_layer_sizes=64, max_epochs=10, n_threads=1)
options = {
    "treatments": ["nothing", "RandomOverSampler", "class_weight=balanced", "loss=logit_adjusted"],
    "ratios": [50],
    "seeds": range(4),
    "cache": tempfile.mkdtemp(),
    "verbose": 0,
}
for call in ("first", "second"):
    start = time.perf_counter()
    table = imbalance_study({"net": net}, *train, *test, **options)
    print(f"{call} call: {time.perf_counter() - start:.1f} s")

# %%
# Means over the seeds, and differences to no treatment with their 95 % intervals.
summary = summarize_study(table[table["metric"] == "balanced_accuracy"])
print(summary[["treatment", "mean", "deviation", "difference", "low", "high"]].round(3))

# %%
# Where an interval reaches over 0, these seeds do not show whether there is a gain. Ten epochs are
# few: copies of rare rows give a net more steps, which alone may be their gain.
gains = summary.dropna(subset="difference")
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
errors = [gains["difference"] - gains["low"], gains["high"] - gains["difference"]]
ax.errorbar(gains["difference"], gains["treatment"], xerr=errors, fmt="o", capsize=4)
ax.axvline(0, color="gray", ls=":")
ax.set(xlabel="gain in balanced accuracy over nothing", ylim=(-0.5, len(gains) - 0.5))
