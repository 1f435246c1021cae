"""PyTorch's threads: each computation has those it asks for, and nobody waits for ever."""

import json
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from common import ESTIMATORS, FAST, kinds, small
from sklearn.datasets import load_digits

from skfashion import MLPNetClassifier
from skfashion.parallel import threads
from skfashion.parallel.threads import borrowed_threads

# From Python 3.12 on it warns of every fork beside threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
# Ten times what anything here takes: to tell an end from a hang.
PATIENCE = 60


def in_threads(*functions):
    """Return what functions return that run at the same time, each in a thread."""
    with ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(function) for function in functions]
        return [future.result(PATIENCE) for future in futures]


def test_each_thread_has_the_number_that_it_borrows_and_nobody_waits():
    own, inside = torch.get_num_threads(), threading.Barrier(3)

    def borrow(n_threads):
        with borrowed_threads(n_threads):
            inside.wait(PATIENCE)  # all of them at once
            found = torch.get_num_threads()
            with borrowed_threads(n_threads + 1):
                inner = torch.get_num_threads()
            found = found, inner, torch.get_num_threads()
            inside.wait(PATIENCE)
        return found

    numbers = own + 1, own + 1, own + 3
    found = in_threads(*(lambda n=n: borrow(n) for n in numbers))
    assert found == [(n, n + 1, n) for n in numbers]
    assert torch.get_num_threads() == own


def test_borrowed_threads_are_given_back_after_an_exception():
    own = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt), borrowed_threads(own + 3):
        assert torch.get_num_threads() == own + 3
        raise KeyboardInterrupt
    assert torch.get_num_threads() == own


# Python itself drops what is raised while an object is deleted.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_at_any_line_leaves_no_number_behind():
    own = torch.get_num_threads()
    interrupted = 0
    for number in range(1, 40):
        seen = [0]

        def trace(frame, event, argument, seen=seen, number=number):
            if frame.f_code.co_filename != threads.__file__:
                return None
            if event == "line":
                seen[0] += 1
                if seen[0] == number:
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with borrowed_threads(own + 1):
                pass
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(before)
        assert torch.get_num_threads() == own, number
    assert interrupted > 8


@pytest.mark.parametrize("n_threads", [0, -1, 1025, 20_000, 2**31, 1.5, "2"])
def test_a_number_that_is_none_is_refused_before_anything_is_touched(n_threads, digits):
    X, y = digits
    own = torch.get_num_threads()
    net = small(MLPNetClassifier, max_epochs=1).fit(X, y)
    expected = net.predict_proba(X)
    net.set_params(n_threads=n_threads)
    for call in (net.predict, net.predict_proba, net.transform, lambda X: net.fit(X, y)):
        with pytest.raises(ValueError, match="n_threads"):
            call(X)
    assert torch.get_num_threads() == own
    np.testing.assert_array_equal(net.set_params(n_threads=None).predict_proba(X), expected)


def test_a_net_travels_to_a_machine_with_fewer_cores(digits):
    X, y = digits
    assert small(MLPNetClassifier, n_threads=os.cpu_count() + 2).fit(X, y).score(X, y) > 0.1


def test_a_scorer_may_predict_from_threads_with_another_number(digits):
    X, y = digits
    other = small(MLPNetClassifier, n_threads=1).fit(X, y)

    def score(estimator, X, y):
        calls = [lambda: other.predict(X), lambda: estimator.predict(X)] * 2
        return np.mean([(found == y).mean() for found in in_threads(*calls)])

    net = small(MLPNetClassifier, n_threads=2, scoring=score)
    (fitted,) = in_threads(lambda: net.fit(X, y, X_val=X, y_val=y))
    assert len(fitted.validation_scores_) == 3


@pytest.mark.slow
def test_many_threads_predict_beside_a_fit(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    expected, done = net.predict(X), threading.Event()

    def predict():
        while not done.is_set():
            np.testing.assert_array_equal(net.predict(X), expected)

    def fit():
        try:
            return small(MLPNetClassifier, n_threads=2, max_epochs=5).fit(X, y)
        finally:
            done.set()

    *_, fitted = in_threads(*[predict] * 16, fit)
    assert fitted.n_iter_ == 5


def in_fork(function):
    """Return what a function returns in a forked process, None if it hangs."""
    context = multiprocessing.get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=lambda: writer.send(function()), daemon=True)
    process.start()
    try:
        return reader.recv() if reader.poll(PATIENCE) else None
    finally:
        process.kill()
        process.join()


def everything(cls):
    """Fit, go on, and predict; return the probabilities."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:60].astype(np.uint8), y[:60]
    net = small(cls, max_epochs=1, device="cpu", warm_start=True)
    net.fit(X, y).fit(X, y).partial_fit(X, y)
    return net.set_params(n_threads=2).predict_proba(X)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system does not fork.")
@pytest.mark.parametrize("cls", kinds(ESTIMATORS, fast=FAST))
def test_a_forked_process_fits_and_predicts(cls):
    everything(cls)  # with threads, which a fork leaves behind
    torch.randn(2_000_000).exp()
    found = in_fork(lambda: everything(cls))
    assert found is not None
    np.testing.assert_allclose(found.sum(1), 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system does not fork.")
def test_a_fork_during_a_fit_and_during_a_prediction(digits):
    X, y = digits
    fitted = small(MLPNetClassifier).fit(X, y)
    forked = []

    def score(estimator, X, y):
        forked.append(in_fork(lambda: (fitted.predict(X), estimator.predict(X))))
        return 0.5

    small(MLPNetClassifier, n_threads=2, scoring=score, max_epochs=1).fit(X, y, X_val=X, y_val=y)
    with fitted._predicting():
        forked.append(in_fork(lambda: (fitted.predict(X), everything(MLPNetClassifier))))
    for first, _ in forked:
        np.testing.assert_array_equal(first, fitted.predict(X))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system does not fork.")
@pytest.mark.parametrize("cls", FAST)
def test_a_fork_in_the_middle_of_another_threads_fit(cls, digits):
    X, y = digits
    everything(cls)
    with borrowed_threads(2):
        torch.randn(2_000_000).exp()  # threads of this one, which the fork leaves behind
    begun, done = threading.Event(), threading.Event()

    def fit():
        while not done.is_set():
            small(cls, n_threads=2).fit(X, y)
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        fits = pool.submit(fit)
        try:
            assert begun.wait(PATIENCE)
            found = [in_fork(lambda: everything(cls)) for _ in range(3)]
        finally:
            done.set()
        fits.result(PATIENCE)
    for probabilities in found:
        assert probabilities is not None
        np.testing.assert_allclose(probabilities.sum(1), 1)


SERVICE = """
import json, os, pickle
import numpy as np

with open(os.environ["MODELS"], "rb") as file:
    nets, X = pickle.load(file)
master, expected = os.getpid(), [net.predict_proba(X) for net in nets]

def application(environ, start):
    start("200 OK", [("Content-Type", "application/json")])
    # Up to rounding: a forked process has one thread.
    found = [net.predict_proba(X) for net in nets]
    equal = [np.allclose(*both, rtol=1e-5, atol=1e-6) for both in zip(found, expected)]
    return [json.dumps([os.getpid() != master, *equal]).encode()]
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system does not fork.")
def test_workers_of_gunicorn_predict_what_their_master_has_predicted(digits, tmp_path):
    pytest.importorskip("gunicorn", reason="gunicorn is not installed.")
    X, y = digits
    nets = [small(cls, max_epochs=1, n_threads=n).fit(X, y) for cls in FAST for n in (None, 2)]
    models = tmp_path / "models"
    models.write_bytes(pickle.dumps((nets, X)))
    (tmp_path / "service.py").write_text(SERVICE)
    variables = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    variables |= {"MODELS": str(models), "PYTHONPATH": os.pathsep.join(sys.path)}
    variables["HOME"] = str(tmp_path)  # where it keeps a socket
    # Open here already: what is asked before there are workers waits for them.
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2"]
        command += ["--bind", f"fd://{server.fileno()}", "service:application"]
        descriptors = (server.fileno(),)
        with open(tmp_path / "log", "w") as log:
            process = subprocess.Popen(
                command,
                pass_fds=descriptors,
                cwd=tmp_path,
                env=variables,
                stderr=log,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            for _ in range(3):
                with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                    assert json.load(answer) == [True] * (1 + len(nets))
        except OSError as error:
            raise AssertionError((tmp_path / "log").read_text()) from error
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # workers that hang, too
            process.wait()


ONE_THREAD = """
import os
import numpy as np
from skfashion import ConvNetClassifier, MLPNetClassifier

X, y = np.random.RandomState(0).randint(0, 256, (20_000, 64)), np.arange(20_000) % 10
before = len(os.listdir("/proc/self/task"))
for cls, params in (MLPNetClassifier, {}), (ConvNetClassifier, {"channels": (4,)}):
    net = cls(n_threads=1, max_epochs=1, device="cpu", **params).fit(X.astype(np.uint8), y)
    net.predict(X), net.predict_proba(X), net.predict_log_proba(X), net.decision_function(X)
    net.transform(X), net.partial_fit(X[:100], y[:100])
    net.set_params(tta="flip").predict(X[:100])
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="This system does not list a process' threads."
)
def test_one_thread_is_one_thread():
    variables = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    command = [sys.executable, "-W", "error", "-c", ONE_THREAD]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "0", done.stderr
