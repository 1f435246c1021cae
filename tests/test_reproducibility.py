"""One random_state, one model; and nothing of the caller's is changed."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import joblib
import numpy as np
import pytest
import torch
from common import ESTIMATORS, FAST, LEARNING, kinds, light, small, weights_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.overrides import TorchFunctionMode

from skfashion import (
    ConvNetClassifier,
    MLPNetClassifier,
    ResNetClassifier,
    TimmClassifier,
    TorchvisionClassifier,
)
from skfashion.nets.layers import ACTIVATIONS
from skfashion.parallel.threads import borrowed_threads
from skfashion.training import arithmetic
from skfashion.training.activations import ROUNDED, in_vectors
from skfashion.training.arithmetic import few_rows_suffice
from skfashion.training.dense import PaddedLinear


def noisy(cls, **params):
    """Return a small estimator that draws random numbers in every place there is."""
    drops = {"dropout": 0.3}
    if "conv_dropout" in cls().get_params():
        drops["conv_dropout"] = 0.3
    return small(cls, early_stopping=True, **(drops | params))


def fitted_weights(cls, seed, **params):
    X, y = load_digits(return_X_y=True)
    n = 300 if cls in LEARNING else 120  # a backbone takes a fifth of a second a batch
    return weights_of(noisy(cls, random_state=seed, **params).fit(X[:n], y[:n]))


def test_same_seed_same_model(estimator_class):
    one = fitted_weights(estimator_class, 3)
    np.testing.assert_array_equal(fitted_weights(estimator_class, 3), one)
    assert not np.array_equal(fitted_weights(estimator_class, 4), one)
    assert not np.array_equal(
        fitted_weights(estimator_class, None), fitted_weights(estimator_class, None)
    )


def test_same_model_in_four_threads(any_class):
    expected = fitted_weights(any_class, 0)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(fitted_weights, any_class, 0) for _ in range(4)]
        for future in futures:
            np.testing.assert_array_equal(future.result(), expected)


@pytest.mark.slow
def test_same_model_in_processes(fast_class):
    expected = fitted_weights(fast_class, 0, n_threads=1)
    for n_jobs in (1, 2):
        results = joblib.Parallel(n_jobs=n_jobs)(
            joblib.delayed(fitted_weights)(fast_class, 0, n_threads=1) for _ in range(2)
        )
        for result in results:
            np.testing.assert_array_equal(result, expected)


def test_random_state_instance_is_drawn_from(digits):
    state = np.random.RandomState(0)
    one = weights_of(small(MLPNetClassifier, random_state=state).fit(*digits))
    two = weights_of(small(MLPNetClassifier, random_state=state).fit(*digits))
    assert not np.array_equal(one, two)


def settings_of_the_process():
    return (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_grad_enabled(),
        torch.backends.mkldnn.matmul.fp32_precision,
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.enabled,
    )


@pytest.mark.parametrize("random_state", [0, None])
def test_settings_of_the_process_are_untouched(any_class, digits, random_state):
    X, y = digits
    params = {"n_threads": 1, "random_state": random_state}
    before = settings_of_the_process()
    net = noisy(any_class, precision="fp64", **params).fit(X, y)
    net.predict_proba(X)
    assert settings_of_the_process() == before

    def fail(estimator, X, y):
        raise RuntimeError("stop here")

    def interrupt(estimator, X, y):
        raise KeyboardInterrupt

    cases = (fail, RuntimeError), (interrupt, KeyboardInterrupt), ("accuracy", ValueError)
    for scoring, error in cases:
        diverging = {"optimizer": "sgd", "lr": 1e38, "batch_norm": False, "lr_schedule": "constant"}
        more = diverging if error is ValueError else {}
        broken = noisy(any_class, scoring=scoring, **params, **more)
        with pytest.raises(error):
            broken.fit(X, y)
        assert settings_of_the_process() == before
        assert not hasattr(broken, "net_")


def test_n_threads_is_set_during_fit_and_given_back(digits):
    X, y = digits
    seen = []

    def watch(estimator, X, y):
        seen.append(torch.get_num_threads())
        return 0.5

    own = torch.get_num_threads()
    n_threads = own + 1
    net = small(MLPNetClassifier, n_threads=n_threads, scoring=watch).fit(X, y, X_val=X, y_val=y)
    assert seen == [n_threads] * 3
    assert torch.get_num_threads() == own
    net.predict(X)
    assert torch.get_num_threads() == own


FITTED = {}


def fitted(cls, precision, n_threads):
    """Return a fitted estimator and 700 images, made once; of a backbone, which is slow, fewer."""
    key = cls, precision, n_threads
    if key not in FITTED:
        rng = np.random.RandomState(0)
        n_pixels = 784 if cls in FAST else 64
        n = 700 if cls in LEARNING else {"fp32": 300, "fp64": 150}[precision]  # more than a block
        X = rng.randint(0, 256, (n, n_pixels)).astype(np.uint8)
        y = np.arange(n) % 3
        X[y == 1, : n_pixels // 2] //= 2
        X[y == 2, n_pixels // 2 :] //= 2
        net = light(cls).set_params(
            precision=precision, max_epochs=1, random_state=0, n_threads=n_threads
        )
        net.fit(X, y)
        FITTED[key] = net, X, net.decision_function(X), net.transform(X)
    return FITTED[key]


@pytest.mark.parametrize("cls", kinds(ESTIMATORS, fast=LEARNING))
@pytest.mark.parametrize(
    ("precision", "n_threads"),
    [
        ("fp32", 1),
        pytest.param("fp32", 2, marks=pytest.mark.slow),
        pytest.param("fp64", 2, marks=pytest.mark.slow),
    ],
)
@settings(max_examples=10)
@given(data=st.data())
def test_a_row_is_predicted_the_same_whatever_its_company(cls, precision, n_threads, data):
    """Bit for bit: any number of rows, any order, any neighbours."""
    if precision == "fp64" and cls is TimmClassifier:
        pytest.skip("The layers are torchvision's, and in float64 they take minutes.")
    net, X, logits, features = fitted(cls, precision, n_threads)
    n = len(X)
    rows = data.draw(
        st.one_of(
            st.lists(st.integers(0, n - 1), min_size=1, max_size=40),
            st.integers(1, n - 1).map(lambda stop: list(range(stop))),
            st.integers(0, n - 2).map(lambda start: list(range(start, n))),
            st.randoms(use_true_random=False).map(lambda r: r.sample(range(n), n - n // 7)),
        )
    )
    np.testing.assert_array_equal(net.decision_function(X[rows]), logits[rows])
    np.testing.assert_array_equal(net.transform(X[rows]), features[rows])


@pytest.mark.parametrize("cls", kinds(LEARNING, fast=FAST))
@settings(max_examples=12)
@given(
    width=st.integers(1, 70),
    image_shape=st.sampled_from([(5, 7), (8, 8), (1, 9)]),
    kernel_size=st.integers(1, 7),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    precision=st.sampled_from(["fp32", "fp64"]),
    n_threads=st.sampled_from([1, 2, 3, 8]),
    is_tried=st.booleans(),
    rows=st.one_of(
        st.lists(st.integers(0, 299), min_size=1, max_size=40),
        st.randoms(use_true_random=False).map(lambda random: random.sample(range(300), 210)),
    ),
)
# A row's matrices of attention begin at another place in memory in each row.
@example(
    width=13,
    image_shape=(5, 7),
    kernel_size=3,
    activation="relu",
    precision="fp32",
    n_threads=1,
    is_tried=True,
    rows=[0, 0],
)
# The last values are not enough for vector instructions; one image and a filter of a pixel.
@example(
    width=18,
    image_shape=(5, 7),
    kernel_size=1,
    activation="gelu",
    precision="fp32",
    n_threads=1,
    is_tried=True,
    rows=[0],
)
def test_layers_of_any_width_predict_a_row_the_same(
    cls, width, image_shape, kernel_size, activation, precision, n_threads, is_tried, rows
):
    rng = np.random.RandomState(0)
    X = rng.randint(0, 256, (300, image_shape[0] * image_shape[1])).astype(np.uint8)
    wide = {"hidden_layer_sizes": (width,), "channels": (width % 20 + 1,), "width": width}
    wide |= {"kernel_size": kernel_size, "n_heads": 1, "activation": activation}
    net = small(cls, **wide, precision=precision, max_epochs=1, n_threads=n_threads)
    net.set_params(image_shape=image_shape).fit(X, np.arange(300) % 3)
    maker = arithmetic.processor_maker() if is_tried else "GenuineIntel"
    with patch.object(arithmetic, "processor_maker", lambda: maker):
        whole = net.predict_proba(X)
        np.testing.assert_array_equal(net.predict_proba(X[rows]), whole[rows])
        np.testing.assert_array_equal(net.transform(X[rows]), net.transform(X)[rows])
        if few_rows_suffice():
            net.set_params(n_threads=1)
            np.testing.assert_array_equal(net.predict_proba(X), whole)


@pytest.mark.parametrize("n_threads", [2, 3, 5, 8])
@pytest.mark.parametrize("layer", [cls() for cls in ROUNDED])
def test_an_activation_has_the_same_bits_in_any_share_of_the_threads(layer, n_threads):
    X = torch.from_numpy(np.random.RandomState(0).randn(70_000))
    own = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for dtype in (torch.float64, torch.float32):
            x = X.to(dtype)
            whole = in_vectors(layer, x.clone())
            for size in (63, 9_000, 16_400, 17_291, 30_003, 40_001, 66_666):
                assert torch.equal(in_vectors(layer, x[-size:].clone()), whole[-size:])
    finally:
        torch.set_num_threads(own)


@pytest.mark.skipif(not few_rows_suffice(), reason="This was tried on AMD's processors alone.")
@pytest.mark.parametrize("n_columns", [20, 36, 40])
def test_a_linear_layer_has_the_same_bits_with_every_number_of_threads(n_columns):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(1192, 784, generator=generator)
    layer = PaddedLinear(torch.randn(n_columns, 784, generator=generator))
    with torch.inference_mode():
        with borrowed_threads(1):
            alone = layer(X)
        for n_threads in (2, 3, 8):
            with borrowed_threads(n_threads):
                assert torch.equal(layer(X), alone)
                assert torch.equal(layer(X[-5:]), alone[-5:])


class Products(TorchFunctionMode):
    """Keeps how many rows are multiplied, and how many images convolved, at a time."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (torch.mm, torch.mkldnn_convolution):
            self.found.add((function.__name__, len(args[0])))
        if function is torch.addmm:
            self.found.add(("mm", len(args[1])))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("maker", "of_dense", "of_conv"),
    [
        ("AuthenticAMD", {("mm", 4)}, {("mkldnn_convolution", 1), ("mm", 4)}),
        ("GenuineIntel", {("mm", 256)}, {("mkldnn_convolution", 16), ("mm", 16)}),
        (None, {("mm", 256)}, {("mkldnn_convolution", 16), ("mm", 16)}),
    ],
)
def test_few_rows_are_filled_up_further_where_nobody_has_tried_less(
    maker, of_dense, of_conv, digits, monkeypatch
):
    X, y = digits
    monkeypatch.setattr(arithmetic, "processor_maker", lambda: maker)
    for cls, expected in (MLPNetClassifier, of_dense), (ConvNetClassifier, of_conv):
        net = small(cls, max_epochs=1, n_threads=1).fit(X[:60], y[:60])
        with Products() as products:
            net.predict_proba(X[:1])
        assert products.found == expected


@pytest.mark.parametrize("n_threads", [1, 2])
def test_whole_blocks_and_parts_of_them_predict_the_same(n_threads):
    rng = np.random.RandomState(0)
    X = rng.randint(0, 256, (2500, 784)).astype(np.uint8)
    net = MLPNetClassifier(max_epochs=1, random_state=0, n_threads=n_threads)
    net.fit(X[:300], np.arange(300) % 3)
    size = net.net_.module_.inference_block_size
    assert size < 1250
    logits = net.decision_function(X)
    for start, stop in ((0, size), (size - 7, size + 9), (3, 2 * size + 5), (2499, 2500)):
        np.testing.assert_array_equal(net.decision_function(X[start:stop]), logits[start:stop])


@pytest.mark.parametrize("block", ["basic", "depthwise"])
def test_convolutions_of_a_pixel_predict_a_row_the_same_in_any_company(block):
    rng = np.random.RandomState(0)
    strips = rng.randn(300, 10).astype(np.float32)
    net = ResNetClassifier(block=block, max_epochs=1, batch_size=50, random_state=0, n_threads=1)
    net.set_params(precision="fp32").fit(strips, np.arange(300) % 3)
    logits = net.decision_function(strips)
    for rows in ([0], [3, 5], range(9), range(40), range(100, 187)):
        np.testing.assert_array_equal(net.decision_function(strips[list(rows)]), logits[list(rows)])


def test_a_backbone_predicts_a_row_the_same_in_any_company(monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.randint(0, 256, (40, 64)).astype(np.uint8)
    net = small(TorchvisionClassifier, max_epochs=1, n_threads=1).fit(X, np.arange(40) % 3)
    for maker in (arithmetic.processor_maker(), "GenuineIntel"):
        monkeypatch.setattr(arithmetic, "processor_maker", lambda maker=maker: maker)
        logits = net.decision_function(X)
        for rows in ([0], [3, 5], range(9), range(17, 40)):
            found = net.decision_function(X[list(rows)])
            np.testing.assert_array_equal(found, logits[list(rows)])


@pytest.mark.slow
def test_hash_seed_does_not_matter():
    program = (
        "import hashlib\n"
        "from sklearn.datasets import load_digits\n"
        "from skfashion import MLPNetClassifier\n"
        "X, y = load_digits(return_X_y=True)\n"
        "names = [f'digit {label}' for label in y]\n"
        "net = MLPNetClassifier(max_epochs=1, random_state=0, n_threads=1,\n"
        "                       class_weight={'digit 3': 2.0}).fit(X, names)\n"
        "digest = hashlib.sha256(net.predict_proba(X).tobytes()).hexdigest()\n"
    )
    here = {}
    exec(program, here)
    # This process has a seed of its own, drawn at its start.
    there = subprocess.run(
        [sys.executable, "-c", program + "print(digest)"],
        env={"PYTHONHASHSEED": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.split() == [here["digest"]]
