"""
Stop at 90 %
============

``target_score`` ends a training as soon as a score is good enough, ``early_stopping`` as soon as
it no longer rises. Both look at validation rows, which the net does not train on.
"""

# %%
# Here it is 84 %, since there are only 6,000 images and no time to lose.
from sklearn.model_selection import train_test_split

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import TrainingCurveDisplay

X, y = load_fashion_sample(return_X_y=True)
X, X_val, y, y_val = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)
validation = {"X_val": X_val, "y_val": y_val}
common = {"hidden_layer_sizes": 128, "scoring": "accuracy", "random_state": 0}
nets = {
    "all epochs": MLPNetClassifier(max_epochs=20, **common),
    "target_score": MLPNetClassifier(max_epochs=20, target_score=0.84, **common),
    "early_stopping": MLPNetClassifier(
        max_epochs=20, early_stopping=True, n_iter_no_change=4, **common
    ),
}
for name, net in nets.items():
    net.fit(X, y, **validation)
    print(f"{name}: {net.n_iter_} epochs, {net.best_validation_score_:.3f} at best")

# %%
# A schedule is as long as ``max_epochs``: a training that stops before has not cooled down. To
# reach a target in the least time, try a smaller ``max_epochs`` as well.
TrainingCurveDisplay.from_estimator(nets, panels=["loss", "score"])
