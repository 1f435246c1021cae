"""
A net for a microcontroller, in C
=================================

A small convolutional net becomes two files of C99 that need no runtime and allocate no memory. How
much flash does it take, and what does 8 bits cost?
"""

# %%
# Two nets of other widths, written with weights of 8 bits.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.export import quantize, to_c

X, y = load_fashion_sample(return_X_y=True)
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
folder = Path(tempfile.mkdtemp())
found = []
for channels in ((4, 8), (8, 16)):
    net = ConvNetClassifier(
        channels=channels, hidden_layer_sizes=(), max_epochs=6, random_state=0
    ).fit(X, y)
    int8 = quantize(
        net, folder / "net.onnx", X[:500], X_test=X_test, y_test=y_test, method="static"
    )
    c = to_c(folder / "net.onnx", folder, name="clothes")
    found.append((c.flash_bytes / 1024, int8.accuracy_before, int8.accuracy_after, channels))
    size = f"{c.flash_bytes:,} bytes of flash, {c.ram_bytes:,} of memory"
    print(f"{channels}: {size}, accuracy {int8.accuracy_after:.3f}")

# %%
# The header is what a program includes.
print("\n".join((folder / "clothes.h").read_text().splitlines()[:24]))

# %%
# Accuracy against flash, before and after the weights became 8 bits.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
flash, before, after, names = zip(*found, strict=True)
ax.plot(flash, before, "o--", label="float32")
ax.plot(flash, after, "s-", label="C, 8 bits")
for x, y_value, name in zip(flash, after, names, strict=True):
    ax.annotate(str(name), (x, y_value), xytext=(-8, 6), textcoords="offset points", ha="right")
ax.margins(0.2)
ax.set(xlabel="flash, KiB", ylabel="test accuracy")
ax.legend(loc="lower right")
