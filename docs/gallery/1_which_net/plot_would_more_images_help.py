"""
Would more images help?
=======================

scikit-learn's learning curve answers that before anybody has collected them. With
``max_epochs="auto"``, the default, few images are seen more often, so that the curve compares
images and not numbers of steps.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import LearningCurveDisplay

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
models = {
    "net": MLPNetClassifier(hidden_layer_sizes=64, random_state=0, n_threads=1),
    "forest": RandomForestClassifier(random_state=0),
}
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, model in models.items():
    display = LearningCurveDisplay.from_estimator(
        model,
        *(X[:2000], y[:2000]),
        train_sizes=[100, 300, 1000],
        cv=3,
        n_jobs=2,
        ax=ax,
        score_type="test",
        line_kw={"marker": "o"},
    )
    display.lines_[0].set_label(name)
ax.set_xscale("log")
ax.legend()
