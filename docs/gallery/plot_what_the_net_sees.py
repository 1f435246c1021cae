"""
What does the net see?
======================

``transform`` gives the activations before the last layer. In two dimensions they show which
classes the net holds apart, and which lie on each other.
"""

# %%
# Pixels first.
import numpy as np

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import EmbeddingDisplay, FilterDisplay

train, test = load_fashion_sample(), load_fashion_sample(subset="test")
names = train.target_names
pixels = test.data.astype(np.float32)
EmbeddingDisplay.from_features(pixels, test.target, reducer="tsne", class_names=names)

# %%
# Then what the net makes of them.
net = ConvNetClassifier(channels=(16, 32), max_epochs=3, random_state=0)
net.fit(train.data, train.target)
EmbeddingDisplay.from_estimator(net, test.data, test.target, reducer="tsne", class_names=names)

# %%
# And the filters of its first layer: edges and spots.
FilterDisplay.from_estimator(net)
