"""
What does augmentation look like, and what is it worth?
=======================================================

``augment`` changes training images anew in every epoch. A name is a recipe; an ``Augmentation``
says what may happen, and each of its amounts can be searched.
"""

# %%
# The best way to choose is to look: would you still name these correctly?
import numpy as np

from skfashion import Augmentation, ConvNetClassifier
from skfashion.datasets import load_fashion_sample, make_corrupted
from skfashion.inspection import SampleGridDisplay

train, test = load_fashion_sample(), load_fashion_sample(subset="test")
boots = train.data[train.target == 9][:8]
kinds = ["rotation", "brightness", "noise", "blur"]
disturbed = np.concatenate([boots, *(make_corrupted(boots, kind, 3) for kind in kinds)])
labels = np.repeat(range(5), 8)
SampleGridDisplay.from_data(disturbed, labels, n_images=8, class_names=["as they are", *kinds])

# %%
# Test images that are turned, and nets that have seen such things, or not.
turned = make_corrupted(test.data, "rotation", 3)
for augment in (None, "flip", Augmentation(shift=2, rotation=15)):
    net = ConvNetClassifier(channels=(16, 32), max_epochs=5, augment=augment, random_state=0)
    net.fit(train.data, train.target)
    scores = net.score(test.data, test.target), net.score(turned, test.target)
    print(f"{augment}: {scores[0]:.3f}, turned {scores[1]:.3f}")
