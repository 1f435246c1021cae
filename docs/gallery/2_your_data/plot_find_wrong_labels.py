"""
Find wrong labels with cleanlab
===============================

cleanlab looks for rows whose label a classifier that has not seen them finds improbable. All it
needs are probabilities of a cross-validation, which scikit-learn makes of any of our nets.
"""

# %%
# A tenth of the labels are made wrong, so that we know what there is to find.
import numpy as np
from cleanlab.filter import find_label_issues
from sklearn.model_selection import cross_val_predict

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import PredictionGridDisplay

clothes = load_fashion_sample()
X, y, names = clothes.data[:3000], clothes.target[:3000].copy(), clothes.target_names
rng = np.random.RandomState(0)
changed = rng.permutation(len(y))[:300]
y[changed] = (y[changed] + rng.randint(1, 10, size=300)) % 10

# %%
# Label smoothing keeps the net from learning wrong labels by heart.
net = MLPNetClassifier(hidden_layer_sizes=128, label_smoothing=0.1, random_state=0)
probabilities = cross_val_predict(net, X, y, cv=3, method="predict_proba")
suspected = find_label_issues(y, probabilities, return_indices_ranked_by="self_confidence")
found = np.isin(suspected, changed)
print(f"{len(suspected)} suspected, {found.mean():.0%} of them changed by us")
print(f"{found.sum() / len(changed):.0%} of the changed ones are found")

# %%
# The first among the others are labels of the data itself that deserve a look.
rest = suspected[~found][:10]
PredictionGridDisplay.from_predictions(
    X[rest], y[rest], probabilities[rest], classes=range(10), class_names=names, n_images=10
)
