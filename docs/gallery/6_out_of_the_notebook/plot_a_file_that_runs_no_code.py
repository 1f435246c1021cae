"""
A file that runs no code
========================

Opening a pickle runs whatever its author wanted to be run. ``net.save`` writes numbers and words in
the safetensors format, and ``skfashion.load`` builds the net of them: a file may come from anybody.
"""

# %%
# What a pickle can do to whoever opens it. This one only prints; it could as well delete or send
# files.
import json
import pickle
import struct
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import skfashion
from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample


class Trap:
    """Runs a function when it is opened."""

    def __reduce__(self):
        return print, ("this line was run by the file",)


opened = pickle.loads(pickle.dumps(Trap()))

# %%
# A net as a file: a header in JSON, then the bytes of its arrays, and nothing else.
X, y = load_fashion_sample(return_X_y=True)
net = MLPNetClassifier(hidden_layer_sizes=64, max_epochs=4, random_state=0).fit(X, y)
path = Path(tempfile.mkdtemp()) / "net.safetensors"
net.save(path)

content = path.read_bytes()
(length,) = struct.unpack("<Q", content[:8])
header = json.loads(content[8 : 8 + length])
for name, entry in list(header.items())[:4]:
    print(name, {key: str(value)[:60] for key, value in entry.items()})

# %%
# What it builds is the same net.
again = skfashion.load(path)
print("equal:", (again.predict_proba(X) == net.predict_proba(X)).all())

# %%
# The weights can be read by any program that knows the format: those of eight hidden units.
weights = again.net_.module_.state_dict()
first = next(value for value in weights.values() if value.ndim == 2 and value.shape[1] == 784)
figure, axes = plt.subplots(1, 8, figsize=(8, 1.6), layout="constrained")
figure.suptitle("weights of pixels, red above 0 and blue below", fontsize=10)
for ax, row in zip(axes, first, strict=False):
    ax.imshow(row.reshape(28, 28), cmap="coolwarm")
    ax.axis("off")
