"""
A forest on the features of two nets
====================================

A trained net is a transformer, too: it returns what its last layer looks at. ``make_union`` puts
the features of two nets side by side, and a forest decides on them.
"""

# %%
# The nets learn on one half of the images and the forest on the other. Features of images that a
# net was trained on look too good, and the forest would trust them too much.
import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline, make_union

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
halves, held_out = (slice(0, 2500), slice(2500, 5000)), slice(5000, None)
conv = ConvNetClassifier(channels=(8, 16), random_state=0).fit(X[halves[0]], y[halves[0]])
dense = MLPNetClassifier(hidden_layer_sizes=64, random_state=0).fit(X[halves[0]], y[halves[0]])

# %%
# Frozen nets are fitted no more, whatever the pipeline does.
union = make_union(FrozenEstimator(conv), FrozenEstimator(dense))
forest = RandomForestClassifier(200, n_jobs=2, random_state=0)
hybrid = make_pipeline(union, forest).fit(X[halves[1]], y[halves[1]])
print(union.transform(X[:5]).shape)

# %%
# On training images that neither has seen; with one seed, differences below a point may be luck.
pixels = RandomForestClassifier(200, n_jobs=2, random_state=0).fit(X[:5000], y[:5000])
models = {"forest on pixels": pixels, "convolutional net": conv, "dense net": dense}
models["forest on both nets"] = hybrid
accuracies = {name: model.score(X[held_out], y[held_out]) for name, model in models.items()}
figure, ax = plt.subplots(figsize=(6, 2.5), layout="constrained")
bars = ax.barh(list(accuracies), list(accuracies.values()))
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.set(xlabel="accuracy on 1,000 images held out", xlim=(0, 1))
ax.invert_yaxis()
