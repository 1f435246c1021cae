"""
From a Pipeline to a file that needs no PyTorch
===============================================

A server or a small computer is to predict, without the libraries that trained. A whole pipeline
goes into one ONNX file, and ONNX Runtime and NumPy are enough to use it.
"""

# %%
# A pipeline with a sampler, a scaler and a net, and labels that are words. Shirts are rare in the
# training data.
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from imblearn.datasets import make_imbalance
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from skfashion import ConvNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.export import quantize, to_onnx

clothes = load_fashion_sample()
X, X_held, y, y_held = train_test_split(
    clothes.data,
    clothes.target_names[clothes.target],
    test_size=2000,
    stratify=clothes.target,
    random_state=0,
)
X, y = make_imbalance(X, y, sampling_strategy={"Shirt": 60}, random_state=0)
net = ConvNetClassifier(channels=(16, 32), max_epochs=4, random_state=0)
model = make_pipeline(SMOTE(random_state=0), MinMaxScaler(clip=True), net).fit(X, y)

# %%
# Two files: one that computes as the pipeline does, in float32, and one whose weights are integers
# of 8 bits. Scaler, standardisation, softmax and the names of the labels are inside; the sampler is
# not, since it is there for the training only.
#
# Rows of the training, of all classes, show how far the integers must reach: what a later row has
# beyond that is cut off. So the scaler clips, too. Without ``clip=True`` a pixel at the rim that
# nearly never varied could become many times larger than in the training, in a few images.
mixed = X[::7]
folder = Path(tempfile.mkdtemp())
to_onnx(model, folder / "float32.onnx", mixed)
report = quantize(folder / "float32.onnx", folder / "int8.onnx", mixed, X_test=X_held)
print(f"{report.ratio:.1f} times smaller, {report.labels_changed:.1%} of the labels are others")

# %%
# What predicts is this script, in a process of its own. It would run on a machine that has
# ``pip install onnxruntime`` and nothing else; NumPy comes with that.
SCRIPT = """
import sys

import numpy as np
import onnxruntime

file, rows, answers = sys.argv[1:]
session = onnxruntime.InferenceSession(file)
(entry,) = session.get_inputs()
print("Input:", entry.name, entry.type, entry.shape)
labels, probabilities = session.run(["label", "probabilities"], {entry.name: np.load(rows)})
print("Labels:", *labels[:5])
np.savez(answers, labels=labels.astype(str), probabilities=probabilities)
assert not {"torch", "sklearn", "skfashion"} & set(sys.modules)
"""
np.save(folder / "rows.npy", X_held)
answers = {}
for name in ("float32", "int8"):
    paths = [folder / f"{name}.onnx", folder / "rows.npy", folder / f"{name}.npz"]
    command = [sys.executable, "-c", SCRIPT, *paths]
    print(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    answers[name] = dict(np.load(paths[-1]))

# %%
# The float32 file says what the pipeline says, up to rounding. The integers move probabilities a
# little, and now and then a label where two were about equally likely.
expected = model.predict_proba(X_held)
differences = {
    name: np.abs(answer["probabilities"] - expected).max(axis=1) for name, answer in answers.items()
}
for name, answer in answers.items():
    same = (answer["labels"] == model.predict(X_held)).mean()
    print(f"{name}: {same:.2%} of the labels as in the pipeline")

sizes = {"pickle of the pipeline": len(pickle.dumps(model))}
sizes |= {f"ONNX, {name}": (folder / f"{name}.onnx").stat().st_size for name in answers}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for (name, values), style in zip(differences.items(), ("-", "--"), strict=True):
    # A difference of 0 has no place on this axis.
    right.ecdf(values.clip(1e-9), linestyle=style, label=f"ONNX, {name}")
right.set(xscale="log", xlabel="largest difference of a probability", ylabel="share of images")
right.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
bars = left.barh(list(sizes), [size / 1000 for size in sizes.values()])
left.bar_label(bars, fmt="%.0f", padding=3)
left.set(xlabel="size (kB)")
left.margins(x=0.15)
left.invert_yaxis()

# %%
# The first image of each class, with the label and the probability that the 8-bit file gives; in
# brackets what is right, where that is another label.
figure, axes = plt.subplots(2, 5, figsize=(9, 4.4), layout="constrained")
answer = answers["int8"]
for place, ax in zip(np.unique(y_held, return_index=True)[1], axes.flat, strict=True):
    label, true = answer["labels"][place], y_held[place]
    ax.imshow(X_held[place].reshape(28, 28), cmap="gray_r")
    ax.set_title(f"{label}, {answer['probabilities'][place].max():.0%}", fontsize=10)
    ax.set_xlabel("" if label == true else f"({true})")
    ax.set(xticks=[], yticks=[])
