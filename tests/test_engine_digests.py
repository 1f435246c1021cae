"""Trained numbers do not change unseen: a digest of the weights of one tiny training a case."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from common import ESTIMATORS, sizes_of

from benchmarks.environment import machine
from skfashion import ConvNetClassifier
from skfashion.fitting import resuming
from skfashion.fitting.resuming import ENGINE

# By kind of processor: each digest, beside the number of ENGINE under which it was made.
FILE = Path(__file__).with_name("engine_digests.json")
ENGINE_FILE = Path(resuming.__file__).name

# Parts of a training that the defaults leave out.
PARTS = {
    "adamw": {"optimizer": "adamw", "lr": 5e-3},
    "sgd and sharpness": {"optimizer": "sgd", "sam_rho": 0.05, "lr_schedule": "cosine"},
    "strong augmentation": {"augment": "strong", "label_smoothing": 0.1},
    "averaged weights": {"ema_decay": 0.9, "dropout": 0.3, "max_grad_norm": 1.0},
    "balanced": {"sampling": "balanced", "loss": "logit_adjusted"},
    "first layer with its batch norm": {"channels": (12, 16)},
    "half held out": {"early_stopping": True, "validation_fraction": 0.5, "precision": "fp64"},
}
CASES = {
    f"{cls.__name__}, {scope}": (cls, scope, {})
    for cls in ESTIMATORS
    for scope in ("images", "tables")
    # No table is large enough for a backbone, nor an image for a module of convolutions.
    if scope == "images" or not (hasattr(cls, "backbone") or hasattr(cls, "module"))
} | {
    f"ConvNetClassifier, images, {part}": (ConvNetClassifier, "images", params)
    for part, params in PARTS.items()
}


def kind_of_processor():
    """Return what decides the bits besides the package: vendor, instructions, release of torch."""
    try:
        vendor = re.search(r"^vendor_id\s*:\s*(\S+)", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        vendor = None
    words = [vendor[1] if vendor else machine()["cpu"], machine()["instructions"]]
    # Without the build, "+cpu" or "+cu130": both have the same kernels for processors.
    return ", ".join([*words, f"torch {torch.__version__.partition('+')[0]}"])


def data_of(scope):
    """Return 96 images of 8 x 8 grey levels, or as many rows of 13 columns, and three labels."""
    random = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], [48, 32, 16])
    if scope == "tables":
        return random.normal(size=(96, 13)).astype(np.float32) + y[:, None], y
    return (random.randint(0, 200, (96, 8, 8)) + 20 * y[:, None, None]).astype(np.uint8), y


def digest_of(cls, scope, params):
    """Return a digest of what a training of one thread has made of all weights and statistics."""
    settings = sizes_of(cls) | {"max_epochs": 2, "batch_size": 32, "random_state": 0} | params
    known = cls().get_params()
    net = cls(n_threads=1, device="cpu", **{k: v for k, v in settings.items() if k in known})
    digest = hashlib.sha256()
    for name, tensor in net.fit(*data_of(scope)).net_.module_.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("case", CASES)
def test_trained_weights_are_those_of_this_engine(case):
    kind, (cls, scope, params) = kind_of_processor(), CASES[case]
    known = json.loads(FILE.read_text()).get(kind)
    if known is None:
        pytest.skip(
            f"No digests have been made on processors of the kind {kind!r}. To add it, run "
            f"`python {Path(__file__).name}` in the folder tests, at a commit whose tests pass "
            f"elsewhere, and commit {FILE.name}."
        )
    found = {"engine": ENGINE[scope], "digest": digest_of(cls, scope, params)}
    assert found == known.get(case), (
        f"{case}: this training now gives {found}, and gave {known.get(case)}. If numbers were not "
        f"to change, undo what changed them. If they were, raise ENGINE[{scope!r}] in "
        f"{ENGINE_FILE}, run `python {Path(__file__).name}` in the folder tests, and commit "
        f"{FILE.name}."
    )


def record():
    """Write the digests of this kind of processor; those of other kinds stay."""
    kinds = json.loads(FILE.read_text()) if FILE.exists() else {}
    before = kinds.get(kind_of_processor(), {})
    now = {
        case: {"engine": ENGINE[scope], "digest": digest_of(cls, scope, params)}
        for case, (cls, scope, params) in CASES.items()
    }
    for case, found in now.items():
        known = before.get(case, found)
        if known["engine"] == found["engine"] and known != found:
            raise SystemExit(f"{case}: other weights, but the same ENGINE. Raise it, or undo that.")
    kinds[kind_of_processor()] = now
    FILE.write_text(json.dumps(kinds, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    record()
