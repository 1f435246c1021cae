"""
Calibrated probabilities
========================

Nets are surer than they are right, the more so the longer they train on few images.
``ReliabilityDisplay`` shows it, label smoothing and scikit-learn's calibration mend it.
"""

# %%
import matplotlib.pyplot as plt
from sklearn.calibration import CalibratedClassifierCV

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import ReliabilityDisplay

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
X, y = X[:3000], y[:3000]
net = MLPNetClassifier(hidden_layer_sizes=256, max_epochs=25, random_state=0)
models = {
    "as it is": net,
    "label smoothing": MLPNetClassifier(
        hidden_layer_sizes=256, max_epochs=25, label_smoothing=0.1, random_state=0
    ),
    "calibrated": CalibratedClassifierCV(net, method="temperature", cv=3),
}

# %%
# Above the dotted line a net is right more often than it believes, below it less often.
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
for name, model in models.items():
    model.fit(X, y)
    display = ReliabilityDisplay.from_estimator(model, X_test, y_test, name=name, ax=ax)
    print(f"{name}: accuracy {model.score(X_test, y_test):.3f}, error {display.ece:.3f}")
