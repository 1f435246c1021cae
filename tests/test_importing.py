"""Names of the package are found when they are used, and what needs no PyTorch imports none."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import skfashion

HEAVY = {"torch", "sklearn", "scipy", "pandas", "skorch"}


def run(program, *, succeeds=True):
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 0) == succeeds, done.stderr
    return done.stdout.split()


def test_modules_of_a_service_import_no_heavy_library():
    program = "import sys, skfashion, skfashion.serving, skfashion.__main__; print(*sys.modules)"
    assert not HEAVY & set(run(program))


def test_names_are_those_of_their_homes():
    names = run("import skfashion; print(*dir(skfashion))")
    assert set(skfashion.__all__) < set(names)
    for name in set(skfashion.__all__) - {"TRUSTED_TYPES", "load"}:
        cls = getattr(skfashion, name)
        assert cls.__name__ == name and cls.__module__.startswith("skfashion.")
    with pytest.raises(AttributeError, match="module 'skfashion' has no attribute 'MLP'"):
        _ = skfashion.MLP


def test_pickles_are_opened_before_anything_is_imported_and_a_star_imports_everything(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 3))
    net = skfashion.MLPNetClassifier(hidden_layer_sizes=(2,), max_epochs=1).fit(X, [0, 1] * 10)
    path = tmp_path / "net.pickle"
    path.write_bytes(pickle.dumps(net))
    program = f"""
import pickle
print(type(pickle.load(open({str(path)!r}, "rb"))).__name__)
from skfashion import *
import skfashion
print(ConvNetClassifier.__name__, load.__name__, skfashion.datasets.__name__)
"""
    assert run(program) == ["MLPNetClassifier", "ConvNetClassifier", "load", "skfashion.datasets"]


def test_a_search_that_has_not_run_is_pickled_without_pytorch():
    program = """
import pickle, sys
from sklearn.dummy import DummyClassifier
from skfashion.model_selection import EpochHalvingSearchCV
pickle.loads(pickle.dumps(EpochHalvingSearchCV(DummyClassifier(), {})))
print("torch" in sys.modules)
"""
    assert run(program) == ["False"]
