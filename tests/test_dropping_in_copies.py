"""Dropping in for scikit-learn's own: pickle, joblib, deepcopy, clone."""

import copy
import io
import os
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from clothes import as_images, net, pick
from common import ESTIMATORS
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from skfashion import MLPNetClassifier

CLASSES = ["Bag", "Sneaker", "Trouser"]
X, y = pick(dict.fromkeys(CLASSES, 100))
X_test, y_test = pick(dict.fromkeys(CLASSES, 40), start=100)


def through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def through_pickle(estimator):
    return pickle.loads(pickle.dumps(estimator))


COPIES = [through_joblib, through_pickle, copy.deepcopy]


@pytest.mark.parametrize("duplicate", COPIES, ids=["joblib", "pickle", "deepcopy"])
def test_copy_predicts_the_same_and_is_independent(duplicate):
    fitted = net(MLPNetClassifier).fit(X, y)
    before = fitted.predict_proba(X_test)
    second = duplicate(fitted)
    np.testing.assert_array_equal(second.predict_proba(as_images(X_test)), before)
    assert second.classes_.tolist() == CLASSES
    assert second.score(X_test, y_test) > 0.85
    assert second.get_params() == fitted.get_params()
    assert second.history_.equals(fitted.history_)
    second.partial_fit(X, y)
    assert np.abs(second.predict_proba(X_test) - before).max() > 1e-3
    np.testing.assert_array_equal(fitted.predict_proba(X_test), before)


def keep_pickle_small(estimator):
    state = estimator.net_.module_.state_dict().values()
    weights = sum(tensor.numel() * tensor.element_size() for tensor in state)
    pickled = pickle.dumps(estimator)
    assert weights < len(pickled) <= 1.1 * weights + 50_000
    return pickled


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_pickle_holds_weights_and_neither_optimizer_nor_data(learning_class, how):
    # So many weights that two more numbers for each would not go unnoticed.
    estimator = net(learning_class, hidden_layer_sizes=(64,))
    if how == "fit":
        estimator.set_params(early_stopping=True, scoring="accuracy", verbose=0)
        estimator.fit(X.astype(np.float32), y, X_val=X_test.astype(np.float32), y_val=y_test)
    else:
        estimator.partial_fit(X, y, classes=CLASSES)
    pickled = keep_pickle_small(estimator)
    for images in (X, X_test):
        middle = images[0].reshape(28, 28)[14]
        assert len(np.unique(middle)) > 5  # no mere background
        for dtype in (np.uint8, np.float32, np.float64):
            assert middle.astype(dtype).tobytes() not in pickled
    loaded = pickle.loads(pickled)
    assert not hasattr(loaded.net_, "optimizer_")
    assert loaded.net_.callbacks_ == []
    strings = {arg for _, arg, _ in pickletools.genops(pickled) if isinstance(arg, str)}
    assert not {"exp_avg", "ValidationScore", "KeepBestWeights"} & strings
    np.testing.assert_array_equal(loaded.predict_proba(X_test), estimator.predict_proba(X_test))


class Hoarder(Callback):
    """Keeps the data."""

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.hoard = dataset_train

    def __reduce__(self):
        if hasattr(self, "hoard"):
            raise TypeError("What a training left in its callbacks must not be pickled.")
        return (Hoarder, ())


def test_pickle_holds_no_used_callback():
    estimator = net(MLPNetClassifier).set_params(skorch_callbacks=[Hoarder()]).fit(X, y)
    (used,) = [cb for _, cb in estimator.net_.callbacks_ if type(cb).__name__ == "Hoarder"]
    assert len(used.hoard) == len(X)
    with pytest.raises(TypeError, match="must not be pickled"):
        pickle.dumps(used)
    loaded = pickle.loads(keep_pickle_small(estimator))
    assert loaded.net_.callbacks_ == []
    assert [type(callback) for callback in loaded.skorch_callbacks] == [Hoarder]
    np.testing.assert_array_equal(loaded.predict_proba(X_test), estimator.predict_proba(X_test))


def test_clone_of_a_fitted_net_is_unfitted_and_learns_the_same(fast_class):
    fitted = net(fast_class, class_weight=dict.fromkeys(CLASSES, 2.0)).fit(X, y)
    second = clone(fitted)
    assert second.get_params() == fitted.get_params()
    assert [name for name in vars(second) if name.endswith("_")] == []
    with pytest.raises(NotFittedError):
        check_is_fitted(second)
    with pytest.raises(NotFittedError):
        second.predict(X_test)
    check_is_fitted(fitted)
    second.fit(X, y)
    np.testing.assert_array_equal(second.predict_proba(X_test), fitted.predict_proba(X_test))


LOAD = """\
import sys
import joblib, numpy
folder, *names = sys.argv[1:]
X = numpy.load(f"{folder}/X.npy")
for name in names:
    loaded = joblib.load(f"{folder}/{name}.joblib")
    numpy.savez(f"{folder}/{name}.npz", labels=loaded.predict(X), proba=loaded.predict_proba(X))
"""


@pytest.mark.slow
def test_fresh_process_loads_and_predicts(tmp_path):
    fitted = {cls.__name__: net(cls).fit(X, y) for cls in ESTIMATORS}
    np.save(tmp_path / "X.npy", X_test)
    for name, estimator in fitted.items():
        joblib.dump(estimator, tmp_path / f"{name}.joblib", compress=3)
    command = [sys.executable, "-W", "error", "-c", LOAD, str(tmp_path), *fitted]
    # A module of the user's is where the tests are.
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, env=own)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    for name, estimator in fitted.items():
        with np.load(tmp_path / f"{name}.npz") as result:
            np.testing.assert_array_equal(result["labels"], estimator.predict(X_test))
            np.testing.assert_array_equal(result["proba"], estimator.predict_proba(X_test))
