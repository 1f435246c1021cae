"""
What does augmentation look like, and what is it worth?
=======================================================

``augment`` changes training images anew in every epoch. A name is a recipe; an ``Augmentation``
says what may happen, and each of its amounts can be searched.
"""

# %%
# The best way to choose is to look: would you still name these correctly?
import numpy as np
from sklearn.model_selection import train_test_split

from skfashion import Augmentation, ConvNetClassifier
from skfashion.datasets import load_fashion_sample, make_corrupted
from skfashion.inspection import SampleGridDisplay

X, y = load_fashion_sample(return_X_y=True)
boots = X[y == 9][:8]
kinds = ["rotation", "brightness", "noise", "blur"]
disturbed = np.concatenate([boots, *(make_corrupted(boots, kind, 3) for kind in kinds)])
labels = np.repeat(range(5), 8)
SampleGridDisplay.from_data(disturbed, labels, n_images=8, class_names=["as they are", *kinds])

# %%
# Images that are turned, and nets that have seen such things, or not. They are compared on training
# images that are held out.
X, X_held, y, y_held = train_test_split(
    X, y, train_size=3000, test_size=1000, stratify=y, random_state=0
)
turned = make_corrupted(X_held, "rotation", 3)
nets = []
for augment in (None, "flip", Augmentation(shift=2, rotation=15)):
    net = ConvNetClassifier(channels=(16, 32), max_epochs=4, augment=augment, random_state=0)
    nets.append(net.fit(X, y))
    print(f"{augment}: {net.score(X_held, y_held):.3f}, turned {net.score(turned, y_held):.3f}")

# %%
# The net to take where images are turned. Its last number comes from test images, on which nothing
# was chosen.
chosen = max(nets, key=lambda net: net.score(turned, y_held))
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
score = chosen.score(make_corrupted(X_test, "rotation", 3), y_test)
print(f"{chosen.augment}: {score:.3f} of turned test images")
