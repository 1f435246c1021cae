"""
Tour: a net in your pipeline
============================

For those who have a scikit-learn pipeline, and want to replace the random forest by a neural
network. Labels, weights, samplers, searches and calibration stay as they are. In a clone:
``pip install -e '.[inspection,persistence]'``.
"""

# %%
# The forest, and the net in its place
# ------------------------------------
#
# Labels are strings here, images rows of 784 ``uint8`` pixels; the net needs neither numbers as
# labels nor scaled pixels.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier

from skfashion import ConvNetClassifier, MLPNetClassifier, load
from skfashion.datasets import load_fashion_sample

train, test = load_fashion_sample(), load_fashion_sample(subset="test")
X, y = train.data[:3000], train.target_names[train.target[:3000]]
X_test, y_test = test.data, test.target_names[test.target]

forest = RandomForestClassifier(random_state=0).fit(X, y)
net = ConvNetClassifier(max_epochs=6, random_state=0).fit(X, y)
for model in (forest, net):
    print(f"{type(model).__name__}: {model.score(X_test, y_test):.3f}")
print(net.predict(X_test[:4]), net.classes_[:3])

# %%
# Rare classes, in imbalanced-learn's pipeline
# --------------------------------------------
#
# A sampler makes samples, and the net takes them. A net has shorter ways, too, which make none:
# ``class_weight``, ``sampling``, ``loss``. So few epochs favour SMOTE, whose copies give a net more
# steps; with the default number of epochs it gains little.
from imblearn.datasets import make_imbalance
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score

X_rare, y_rare = make_imbalance(X, y, sampling_strategy={"Shirt": 30, "Coat": 30}, random_state=0)
dense = MLPNetClassifier(hidden_layer_sizes=128, max_epochs=10, random_state=0)
candidates = {
    "nothing": dense,
    "SMOTE": make_pipeline(SMOTE(random_state=0), dense),
    'class_weight="balanced"': clone(dense).set_params(class_weight="balanced"),
}
found = {}
for name, model in candidates.items():
    predictions = model.fit(X_rare, y_rare).predict(X_test)
    found[name] = balanced_accuracy_score(y_test, predictions)
figure, ax = plt.subplots(figsize=(6, 1.8), layout="constrained")
ax.bar_label(ax.barh(list(found), list(found.values())), fmt="%.3f", padding=3)
ax.set(xlabel="balanced accuracy on the test images, one seed", xlim=(0, 1))

# %%
# A table
# -------
#
# Columns have different scales, and some are no numbers: scikit-learn's transformers prepare them
# as for any other classifier, and a grid reaches the net's parameters by the name of its step.
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

random = np.random.default_rng(0)
n = 1500
table = pd.DataFrame(
    {
        "age": random.integers(18, 80, n),
        "income": random.lognormal(10, 0.5, n),
        "plan": random.choice(["basic", "family", "student"], n),
    }
)
inclined = table["age"] / 40 + (table["plan"] == "family") + random.normal(0, 0.5, n)
answer = np.where(inclined > 1.5, "stays", "leaves")
columns = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
pipeline = Pipeline([("columns", columns), ("net", MLPNetClassifier(max_epochs=20))])
pipeline.set_params(net__random_state=0)
search = GridSearchCV(pipeline, {"net__hidden_layer_sizes": [(16,), (64, 64)]}, cv=3)
search.fit(table[:1000], answer[:1000])
print(search.best_params_, f"{search.score(table[1000:], answer[1000:]):.3f}")

# %%
# Where does it fail?
# -------------------
#
# Displays work as scikit-learn's do.
from skfashion.inspection import ErrorAnalysisDisplay

display = ErrorAnalysisDisplay.from_estimator(net, X_test, y_test, n_images=8)
display.figure_.set_size_inches(9, 3)

# %%
# Save it
# -------
#
# The file runs no code when it is opened.
path = Path(tempfile.mkdtemp()) / "net.safetensors"
net.save(path)
same = load(path).predict(X_test) == net.predict(X_test)
print(f"{path.stat().st_size / 1e6:.1f} MB, the same predictions: {same.all()}")
