"""
A net of your own, with two branches
====================================

A hybrid net looks at an image in two ways and decides on both. Here one branch convolves, and the
other one reads the rows of the image with a recurrent layer. ``ModuleClassifier`` trains any such
module.
"""

# %%
# The signature names what it wants to know of the data; ``width`` is a parameter to be searched.
import matplotlib.pyplot as plt
import torch
from torch import nn

from skfashion import ModuleClassifier
from skfashion.datasets import load_fashion_sample


class TwoBranches(nn.Module):
    """A convolution sees shapes, a recurrent layer the image from top to bottom."""

    def __init__(self, image_shape, n_classes, width=16, branches=("shapes", "rows")):
        super().__init__()
        channels, _, columns = image_shape
        self.branches = branches
        self.shapes = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(7),
            nn.Flatten(),
            nn.Linear(49 * width, 64),
        )
        self.rows = nn.GRU(channels * columns, 64, batch_first=True)
        self.out = nn.Linear(64 * len(branches), n_classes)

    def forward(self, x):
        """Return the logits of images (n, c, h, w)."""
        found = []
        if "shapes" in self.branches:
            found.append(self.shapes(x))
        if "rows" in self.branches:
            states, _ = self.rows(x.transpose(1, 2).flatten(2))
            found.append(states[:, -1])
        return self.out(torch.cat(found, 1).relu())


# %%
# Each branch by itself, and both, on training images that none of them has seen. With one seed,
# differences below a point may be luck.
X, y = load_fashion_sample(return_X_y=True)
X, y, X_held, y_held = X[:3000], y[:3000], X[3000:], y[3000:]
accuracies = {}
for branches in [("shapes",), ("rows",), ("shapes", "rows")]:
    net = ModuleClassifier(module=TwoBranches, max_epochs=6, lr=5e-3, random_state=0)
    net.set_params(module__branches=branches).fit(X, y)
    accuracies[" + ".join(branches)] = net.score(X_held, y_held)
figure, ax = plt.subplots(figsize=(6, 2.2), layout="constrained")
bars = ax.barh(list(accuracies), list(accuracies.values()))
ax.bar_label(bars, fmt="%.3f", padding=3)
ax.set(xlabel="accuracy on 3,000 images held out", xlim=(0, 1))
ax.invert_yaxis()

# %%
# What both branches say together is what ``transform`` returns: 64 numbers of each.
print(net.transform(X_held[:5]).shape)
