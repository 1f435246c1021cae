"""
The same prediction in any batch
================================

What a network says of an image depends a little on the images beside it: sums are added in another
order in batches of another size. Here it does not, to the last bit: a prediction can be repeated,
compared and audited whatever else was asked at the time.
"""

# %%
# A net, and the plain PyTorch module inside it.
import matplotlib.pyplot as plt
import numpy as np
import torch

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample

X, y = load_fashion_sample(return_X_y=True)
X_test = load_fashion_sample(subset="test").data
net = MLPNetClassifier(max_epochs=3, random_state=0).fit(X, y)
module = net.net_.module_.eval()
pixels = torch.from_numpy(X_test.reshape(-1, 1, 28, 28)).float()


def ours(rows):
    return net.decision_function(X_test[rows])


def plain(rows):
    with torch.inference_mode():
        return module(pixels[rows]).numpy()


# %%
# Both are asked for the first image alone, and in batches of other sizes.
sizes = [1, 2, 3, 5, 8, 16, 33, 64, 100, 256, 1000]
differences = {"module of PyTorch": [], "skfashion": []}
for name, ask in (("module of PyTorch", plain), ("skfashion", ours)):
    alone = ask(slice(0, 1))[0]
    for size in sizes:
        differences[name].append(float(np.abs(ask(slice(0, size))[0] - alone).max()))
    print(f"{name}: differs by up to {max(differences[name]):.1e}")

# %%
# The differences are tiny; but a threshold, a rounding or a test for equality can turn on them.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for (name, values), marker in zip(differences.items(), "os", strict=True):
    ax.plot(sizes, values, marker + "-", label=name)
ax.set(xscale="log", xlabel="images in the batch", ylabel="largest difference of a logit")
ax.legend()
