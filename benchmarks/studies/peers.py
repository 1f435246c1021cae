"""What classifiers of other packages take and give back, beside ours.

scikit-learn's `check_estimator`, and some trials of a few lines each, with today's versions: on
digits of 8 x 8 pixels, in each package's own way. A trial has passed if what its name says is so;
an exception is a no. All of it is about interfaces, not about accuracy or speed.
"""

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.formatting import table_above
from benchmarks.study import study_of

PEERS = {
    "skfashion": peers.Ours,
    "scikit-learn": peers.Sklearn,
    "skorch": peers.Skorch,
    "Keras": peers.Keras,
    "scikeras": peers.Scikeras,
    "fastai": peers.Fastai,
}
UNITS = tuple(PEERS)
ROWS = 600  # of digits


def _digits(as_names=False):
    """Return images (n, 8, 8), uint8, and labels."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    y = np.array([f"a {label}" for label in range(10)])[y] if as_names else y
    return X[:ROWS].reshape(-1, 8, 8).astype(np.uint8), y[:ROWS]


def _rows(dtype=np.float32, **options):
    X, y = _digits(**options)
    return X.reshape(len(X), -1).astype(dtype), y


def _right(net, X, y):
    """Tell whether predictions are labels like those of the fit, most of them right."""
    return bool(np.mean(np.asarray(net.predict(X)) == y) > 0.5)


def _learns(peer, X, y):
    found = peer.predicted(peer.fitted(X, y), X)
    return bool(np.mean(np.asarray(found) == y) > 0.5)


# --- trials: a peer's class in, whether it is so out ----------------------------------------------


def labels(peer):
    """Tell whether labels that are strings come back as such."""
    return _learns(peer, *_rows(as_names=True))


def pixels(peer):
    """Tell whether uint8 pixels are taken as they are."""
    return _learns(peer, *_rows(np.uint8))


def frame(peer):
    """Tell whether a pandas table of them is taken."""
    import pandas as pd

    X, y = _rows(np.uint8)
    return _learns(peer, pd.DataFrame(X).add_prefix("pixel"), y)


def layouts(peer):
    """Tell whether rows and images of two layouts give the same."""
    X, y = _digits()
    X, found = X.astype(np.float32), []
    for shape in ((-1, 64), (-1, 8, 8), (-1, 1, 8, 8)):
        net = peer.make(random_state=0).fit(X.reshape(shape), y)
        found.append(peer.probabilities(net, X.reshape(shape)))
    return all(np.array_equal(found[0], its) for its in found)


def sample_weight(peer):
    """Tell whether rows of weight 0 teach nothing."""
    X, y = _rows()
    net = peer.make().fit(X, y, sample_weight=(y != 3).astype(float))
    return bool(np.mean(net.predict(X) == 3) < 0.01)


def class_weight(peer):
    """Tell whether there is a ``class_weight`` to set."""
    X, y = _rows()
    return _right(peer.make().set_params(class_weight="balanced").fit(X, y), X, y)


def seed(peer):
    """Tell whether ``random_state`` decides a fit."""
    X, y = _rows()
    nets = [peer.make().set_params(random_state=0).fit(X, y) for _ in range(2)]
    return bool(np.array_equal(*(peer.probabilities(net, X) for net in nets)))


def company(peer):
    """Tell whether a row's probabilities are the same bits in any company."""
    X, y = _rows()
    net = peer.fitted(X, y)
    alone = [peer.probabilities(net, X[i : i + 1]) for i in range(50)]
    return bool(np.array_equal(np.concatenate(alone), peer.probabilities(net, X)[:50]))


def sampler(peer):
    """Tell whether it follows SMOTE in a pipeline."""
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline

    X, y = _rows(np.uint8)
    few = (y != 3) | (np.arange(len(y)) % 4 == 0)
    return _right(make_pipeline(SMOTE(random_state=0), peer.make()).fit(X[few], y[few]), X, y)


def fairness(peer):
    """Tell whether reductions of fairlearn fit it."""
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient

    X, y = _rows()
    reduction = ExponentiatedGradient(peer.make(), DemographicParity(), max_iter=2)
    reduction.fit(X, y < 5, sensitive_features=np.arange(len(y)) % 2)
    return _right(reduction, X, y < 5)


def calibration(peer):
    """Tell whether calibration and grid search take it."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import GridSearchCV

    X, y = _rows()
    net = GridSearchCV(CalibratedClassifierCV(peer.make(), cv=2), {"method": ["sigmoid"]}, cv=2)
    return _right(net.fit(X, y), X, y)


def resumed(peer):
    """Tell whether a training that was stopped can go on."""
    _, epochs, _ = _stopped(peer)
    return epochs == peers.EPOCHS - peers.STOPPED_AFTER


def same_bits(peer):
    """Tell whether it goes on to the same bits."""
    found, epochs, whole = _stopped(peer)
    return epochs < peers.EPOCHS and bool(np.array_equal(found, whole))


def _stopped(peer):
    with tempfile.TemporaryDirectory() as folder:
        return peer.resumed(*_rows(), folder)


def file(peer):
    """Tell whether a file that runs no code brings the predictions back."""
    X, y = _rows()
    net = peer.make().fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        found = peer.from_file(net, folder, X)
    return bool(np.array_equal(found, peer.probabilities(net, X)))


def onnx(peer):
    """Tell whether an ONNX file has the same probabilities."""
    import onnxruntime

    X, y = _rows()
    net = peer.fitted(X, y)
    with tempfile.TemporaryDirectory() as folder:
        peer.onnx(net, str(Path(folder, "net.onnx")), X)
        session = onnxruntime.InferenceSession(Path(folder, "net.onnx"))
    (entry,) = session.get_inputs()
    given = X.reshape(-1, *(n for n in entry.shape[1:]))
    (found,) = (its for its in session.run(None, {entry.name: given}) if its.ndim == 2)
    return bool(np.allclose(found, peer.probabilities(net, X), atol=1e-4))


# What a page calls them.
TRIALS = {
    labels: "labels that are strings come back as strings",
    pixels: "uint8 pixels are taken as they are",
    frame: "so is a pandas table of them",
    layouts: "one estimator takes rows, (n, h, w) and (n, c, h, w), and gives the same",
    sample_weight: "`fit` takes weights, and rows of weight 0 teach nothing",
    class_weight: "`class_weight` is a parameter",
    seed: "`random_state` decides a fit",
    company: "a row's probabilities are the same bits alone and among others",
    sampler: "it follows SMOTE in imbalanced-learn's pipeline",
    fairness: "fairlearn's reductions fit it",
    calibration: "scikit-learn's calibration and grid search take it",
    resumed: "a training that was stopped can go on",
    same_bits: "to the same bits as one that was not",
    file: "a file that runs no code brings the predictions back",
    onnx: "an ONNX file has the same probabilities",
}
# The method of a peer that a trial stands on, where it needs no estimator.
WAYS = dict.fromkeys(("labels", "pixels", "company"), "fitted")
WAYS |= {"resumed": "resumed", "same_bits": "resumed", "file": "from_file", "onnx": "onnx"}


def describe(unit, seed, asked):
    """Say by what a row is recognised."""
    scope = "images" if unit == "skfashion" else None
    packages = ("imbalanced-learn", "fairlearn", "onnxruntime", *PEERS[unit].packages)
    return {"settings": {"rows": ROWS}, "data": "digits", "scope": scope, "packages": packages}


def measure(unit, seed, asked):
    """Check an estimator, and try all else; exceptions are kept by the names of trials."""
    peer, found, errors = PEERS[unit], {}, {}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        checks = _checked(peer.make()) if hasattr(peer, "make") else None
        for trial in TRIALS:
            name = trial.__name__
            if not hasattr(peer, WAYS.get(name, "make")):
                found[name] = None
                continue
            try:
                found[name] = trial(peer)
            except Exception as error:  # of any kind: it is the result
                found[name] = False
                errors[name] = f"{type(error).__name__}: {str(error).strip()[:200]}"
    return {"checks": checks, "trials": found, "errors": errors}


def _checked(estimator):
    """Return how many of scikit-learn's checks pass, and the names of those that fail."""
    from sklearn.utils.estimator_checks import check_estimator

    results = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = sorted({its["check_name"] for its in results if its["status"] == "failed"})
    counts = {kind: sum(its["status"] == kind for its in results) for kind in ("passed", "failed")}
    return counts | {"failures": failed}


def table(rows):
    """Write the table: a line a trial, a column a package."""
    by_unit = {row["unit"]: row for row in rows}
    units = [unit for unit in UNITS if unit in by_unit]
    checks = [by_unit[unit]["checks"] for unit in units]
    lines = [["`check_estimator`: passed, failed", *map(_counts, checks)]]
    for trial, words in TRIALS.items():
        found = (by_unit[unit]["trials"].get(trial.__name__) for unit in units)
        cells = ({True: "yes", False: "no"}.get(its, "") for its in found)
        lines.append([words, *cells])
    words = "Empty: the package has no way of its own for it, or no estimator."
    return table_above(lines, ["", *units], words, rows)


def _counts(checks):
    return "no estimator" if checks is None else f"{checks['passed']}, {checks['failed']}"


STUDY = study_of(__name__, cost="ten minutes", page="why.md", seeds=None, cheap=("scikit-learn",))
