"""
Calibrated probabilities
========================

Nets are surer than they are right, the more so the longer they train on few images.
``ReliabilityDisplay`` shows it, a little label smoothing and scikit-learn's calibration mend it.
"""

# %%
# What helps is found out on training images that no model has seen.
import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import ReliabilityDisplay

X, y = load_fashion_sample(return_X_y=True)
X, y, X_held, y_held = X[:3000], y[:3000], X[3000:], y[3000:]
net = MLPNetClassifier(hidden_layer_sizes=256, max_epochs=25, random_state=0)
models = {
    "as it is": net,
    "label smoothing of 0.02": clone(net).set_params(label_smoothing=0.02),
    "label smoothing of 0.1": clone(net).set_params(label_smoothing=0.1),
    "calibrated": CalibratedClassifierCV(net, method="temperature", cv=3),
}

# %%
# Above the dotted line a net is right more often than it believes, below it less often. Too much
# smoothing leads from one to the other.
errors = {}
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in models.items():
    model.fit(X, y)
    display = ReliabilityDisplay.from_estimator(model, X_held, y_held, name=name, ax=ax)
    errors[name] = display.ece
    print(f"{name}: accuracy {model.score(X_held, y_held):.3f}, error {display.ece:.3f}")

# %%
# The one with the smallest error, on test images: these have chosen nothing. Here they are harder,
# and the net is nearly as sure of them, so that its error is larger.
chosen = min(errors, key=errors.get)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
display = ReliabilityDisplay.from_estimator(models[chosen], X_test, y_test, name=chosen)
print(f"{chosen}: accuracy {models[chosen].score(X_test, y_test):.3f}, error {display.ece:.3f}")
