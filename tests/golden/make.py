"""Make files of this folder anew: python tests/golden/make.py pickles, ... saved, exported, or
the name of a class in `NEWER`.

The pickles are of commit a5f25c2, the last whose pickles hold networks as objects, and stay as they
are; the saved files are of the first version that saves, the exported ones of the first with a
service. A class or a format that came later gets files of its own.
"""

import lzma
import pickle
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import skfashion
from skfashion.export import to_onnx

FOLDER = Path(__file__).parent
sys.path.append(str(FOLDER.parent))
from modules import Plain  # noqa: E402, beside the tests

NETS = {
    "AttentionNetClassifier": {"width": 8, "depth": 1, "n_heads": 2, "n_stem_blocks": 1},
    "ConvNetClassifier": {"channels": (4,), "hidden_layer_sizes": (8,), "loss": "ldam"},
    "MLPNetClassifier": {"hidden_layer_sizes": (8,), "batch_norm": True, "activation": "gelu"},
    "ResNetClassifier": {"width": 4, "depth": (1, 1), "tta": "flip"},
    "TorchvisionClassifier": {"backbone": "mobilenet_v3_small", "freeze": 2},
}
# Those that came later: each has a file of its own, which is made alone.
NEWER = {
    "ModuleClassifier": {"module": Plain, "module_params": {"width": 2}},
    "TimmClassifier": {"backbone": "test_efficientnet", "weights": None, "resize": 24, "freeze": 2},
}


def main(what):
    """Write pickles and what their nets predict, the same nets as they are saved, or exports."""
    if what == "exported":
        export()
        return
    if what in NEWER:
        save_newer(what)
        return
    X, y = load_digits(return_X_y=True)
    X, y = X[:200].astype(np.uint8), np.asarray(list("abcdefghij"))[y[:200]]
    expected = {"X": X[:20]}
    for name, sizes in NETS.items():
        path = FOLDER / f"{name}.pickle.xz"
        if what == "saved":
            net = pickle.loads(lzma.decompress(path.read_bytes()))
            net.save(FOLDER / "net.safetensors")
            content = (FOLDER / "net.safetensors").read_bytes()
            (FOLDER / "net.safetensors").unlink()
            (FOLDER / f"{name}.safetensors.xz").write_bytes(lzma.compress(content, preset=9))
            continue
        net = getattr(skfashion, name)(**sizes, max_epochs=1, prior="uniform", random_state=0)
        net.fit(X, y)
        if name == "TorchvisionClassifier":
            repeat_weights(net.net_.module_)
        expected[name] = net.predict_proba(X[:20])
        expected[f"{name} labels"] = net.predict(X[:20])
        path.write_bytes(lzma.compress(pickle.dumps(net), preset=9))
    if what == "pickles":
        np.savez_compressed(FOLDER / "expected.npz", **expected)


def save_newer(name):
    """Write a saved net of a class that came later, and add its predictions to the others'."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:200].astype(np.uint8), np.asarray(list("abcdefghij"))[y[:200]]
    net = getattr(skfashion, name)(**NEWER[name], max_epochs=1, prior="uniform", random_state=0)
    net.fit(X, y)
    if name == "TimmClassifier":
        repeat_weights(net.net_.module_)
    net.save(FOLDER / "net.safetensors")
    content = (FOLDER / "net.safetensors").read_bytes()
    (FOLDER / "net.safetensors").unlink()
    (FOLDER / f"{name}.safetensors.xz").write_bytes(lzma.compress(content, preset=9))
    with np.load(FOLDER / "expected.npz") as file:
        expected = dict(file)
    expected[name] = net.predict_proba(expected["X"])
    expected[f"{name} labels"] = net.predict(expected["X"])
    np.savez_compressed(FOLDER / "expected.npz", **expected)


def export():
    """Write files for a service: grey images, colour images, and a table."""
    from sklearn.datasets import load_wine

    X, y = load_digits(return_X_y=True)
    X, y = (X[:400] * 15.9).astype(np.uint8), np.asarray(list("abcdefghij"))[y[:400]]
    net = skfashion.ConvNetClassifier(
        channels=(4,), hidden_layer_sizes=(8,), max_epochs=8, random_state=0
    )
    net.fit(X, y)
    examples = (X[:20], y[:20])
    to_onnx(net, FOLDER / "grey.onnx", X, features=True, examples=examples)
    colour = np.stack([X, X // 2, 255 - X], axis=-1).reshape(-1, 192).astype(np.float32) / 255
    numbers = np.unique(y, return_inverse=True)[1]
    to_onnx(net.fit(colour, numbers), FOLDER / "colour.onnx", colour, examples=colour[:20])
    X, y = load_wine(return_X_y=True)
    net = skfashion.MLPNetClassifier(hidden_layer_sizes=(8,), random_state=0).fit(X, y > 0)
    to_onnx(net, FOLDER / "table.onnx", X.astype(np.float32))


@torch.no_grad()
def repeat_weights(module):
    """Give filters weights that repeat themselves: millions of them then fit into a few bytes."""
    for tensor in module.parameters():
        if tensor.ndim > 1:
            values = torch.arange(tensor.numel()) * 37 % 251 - 125
            tensor.copy_(values.view(tensor.shape) / (125 * tensor[0].numel() ** 0.5))


if __name__ == "__main__":
    main(sys.argv[1])
