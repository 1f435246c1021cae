"""What a fit takes and gives back: any rows, labels, shapes; and fits that fail."""

import os
import signal
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from common import small, weights_of
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample


def test_failed_fit_leaves_the_fit_before_it(any_class, digits):
    X, y = digits
    net = small(any_class).fit(X, y)
    before = list(vars(net)), weights_of(net)
    for bad_X, bad_y in ((X[:, :9], y[:3]), (X * np.nan, y), (X, np.zeros(len(y)))):
        with pytest.raises(ValueError):
            net.fit(bad_X, bad_y)
    assert list(vars(net)) == before[0]
    np.testing.assert_array_equal(weights_of(net), before[1])
    assert net.n_features_in_ == 64


def interrupt_soon():
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_real_ctrl_c_is_raised(digits):
    # A patience that never runs out, however late the interrupt comes on a busy machine.
    callbacks = [EarlyStopping(patience=10**6)]
    net = small(MLPNetClassifier, max_epochs=100_000, skorch_callbacks=callbacks)
    X, y = digits
    # A first fit imports much of PyTorch, which no interrupt should leave half-done.
    clone(net).set_params(max_epochs=1).fit(X, y, X_val=X, y_val=y)
    # A shell's background job ignores the signal, and so would tests that run in one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = interrupt_soon()
    try:
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, y, X_val=X, y_val=y)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert not hasattr(net, "net_")


def test_history_is_a_frame_of_epochs(digits):
    history = small(MLPNetClassifier).fit(*digits).history_
    columns = ["epoch", "train_loss", "train_accuracy", "lr", "seconds"]
    assert list(history.columns) == columns
    assert list(history["epoch"]) == [1, 2, 3]
    assert (history["seconds"] > 0).all()


def test_device_that_is_missing(digits):
    if torch.cuda.is_available():
        pytest.skip("The machine has a CUDA device, so naming one is no error here.")
    with pytest.raises(ValueError, match="Got device='cuda'.*Use device='auto' or 'cpu'"):
        MLPNetClassifier(device="cuda").fit(*digits)


def test_extreme_logits_stay_probabilities(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    with torch.no_grad():
        net.net_.module_.head.weight.mul_(1e5)
    logits = net.decision_function(X)
    assert np.abs(logits).max() > 1e4
    np.testing.assert_allclose(net.predict_proba(X).sum(1), 1, atol=1e-12)
    assert np.isfinite(net.predict_log_proba(X)).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["b", "a", "ccc"]),
        np.array([True, False]),
        np.array([-5, 40, 7]),
        np.array(["x", "y"], dtype=object),
        np.array([0.0, 3.0]),
        np.array([1, 200], dtype=np.uint8),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_come_back_as_they_went_in(labels):
    rng = np.random.RandomState(0)
    codes = np.arange(90) % len(labels)
    X = rng.normal(size=(90, 16)) + 3 * codes[:, None]
    y = labels[codes]
    net = small(MLPNetClassifier, max_epochs=20, lr=0.02).fit(X, y)
    np.testing.assert_array_equal(net.classes_, np.unique(labels))
    predicted = net.predict(X)
    assert predicted.dtype == y.dtype
    assert np.mean(predicted == y) > 0.9
    columns = net.predict_proba(X).argmax(1)
    np.testing.assert_array_equal(net.classes_[columns], predicted)


def test_one_class_is_refused(any_class, digits):
    X, y = digits
    with pytest.raises(ValueError, match="needs samples of at least 2 classes.*only one class"):
        any_class().fit(X, np.full(len(y), "Bag"))


def test_constant_and_black_images(any_class):
    for value in (0, 7):
        X, y = np.full((20, 16), value, dtype=np.uint8), np.arange(20) % 2
        probabilities = small(any_class).fit(X, y).predict_proba(X)
        assert np.isfinite(probabilities).all()
        np.testing.assert_array_equal(probabilities, probabilities[:1].repeat(20, axis=0))


def test_standardize_false_leaves_pixels_alone(digits):
    X, y = digits
    net = small(MLPNetClassifier, standardize=False).fit(X, y)
    assert float(net.net_.module_.standardize.mean) == 0
    assert float(net.net_.module_.standardize.scale) == 1


def test_transform_gives_the_last_hidden_layer(fast_class, digits):
    X, y = digits
    net = small(fast_class, hidden_layer_sizes=(24, 11), max_epochs=10).fit(X, y)
    features = net.transform(X)
    assert features.shape == (300, 11)
    assert features.dtype == np.float32
    assert net.transform(X.astype(np.float64)).dtype == np.float64
    name = fast_class.__name__.lower()
    assert list(net.get_feature_names_out()) == [f"{name}{i}" for i in range(11)]
    head = net.net_.module_.head
    logits = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(net.decision_function(X), logits, rtol=1e-4, atol=1e-4)


def test_auto_gives_few_rows_enough_steps(fast_class, digits):
    X, y = digits
    net = fast_class(random_state=0).fit(X[:150], y[:150])
    n_batches = 150 // net.net_.batch_size
    assert net.net_.batch_size == 16
    assert net.n_iter_ * n_batches > 500
    assert (
        net.score(X[150:], y[150:])
        > LogisticRegression(max_iter=5000).fit(X[:150], y[:150]).score(X[150:], y[150:]) - 0.03
    )


@pytest.mark.parametrize("n", [2, 3, 17, 31, 33])
def test_any_number_of_rows(any_class, n):
    X = np.random.RandomState(0).normal(size=(n, 9))
    net = small(any_class, batch_size=16).fit(X, np.arange(n) % 2)
    assert np.isfinite(net.predict_proba(X)).all()


def test_convolutions_on_any_image_size():
    for shape in ((1, 1), (1, 40), (40, 1), (2, 3), (5, 5, 3), (2, 9, 9)):
        X = np.random.RandomState(0).normal(size=(20, int(np.prod(shape))))
        net = small(ConvNetClassifier, channels=(2, 3, 4, 5), kernel_size=4, image_shape=shape)
        assert np.isfinite(net.fit(X, np.arange(20) % 2).predict_proba(X)).all()


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "leaky_relu", "gelu"])
def test_activations(digits, activation):
    X, y = digits
    net = small(MLPNetClassifier, activation=activation, max_epochs=15, batch_size=16).fit(X, y)
    assert net.score(X, y) > 0.7


@pytest.mark.parametrize("sizes", [(0,), (3.5,), ("a",), (5, -1)])
def test_layer_sizes_are_positive_integers(digits, sizes):
    with pytest.raises(ValueError, match="Got hidden_layer_sizes=.*expected positive integers"):
        MLPNetClassifier(hidden_layer_sizes=sizes).fit(*digits)


def test_layer_sizes_in_any_form(digits):
    expected = weights_of(small(MLPNetClassifier, hidden_layer_sizes=(7,)).fit(*digits))
    for sizes in (7, [7], np.array([7]), np.int64(7)):
        net = small(MLPNetClassifier, hidden_layer_sizes=sizes).fit(*digits)
        np.testing.assert_array_equal(weights_of(net), expected)
    logistic = small(MLPNetClassifier, hidden_layer_sizes=()).fit(*digits)
    assert logistic.net_.module_.head.in_features == 64


def test_transform_of_a_frame_keeps_its_dtype(digits):
    X, y = digits
    net = small(MLPNetClassifier).fit(pd.DataFrame(X.astype(float)), y)
    assert net.transform(pd.DataFrame(X.astype(float))).dtype == np.float64
    assert net.transform(pd.DataFrame(X.astype(np.float32))).dtype == np.float32


@pytest.mark.parametrize("shape", [(64,), (1, 1, 8, 8), ()])
def test_image_shape_of_other_than_two_or_three_sides(digits, shape):
    with pytest.raises(ValueError, match="expected two or three sides"):
        MLPNetClassifier(image_shape=shape).fit(*digits)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
def test_a_column_is_refused_in_words(digits, method):
    X, y = digits
    net = small(MLPNetClassifier).fit(X, y)
    for column in (pd.Series(X[0]), X[0]):
        with pytest.raises(ValueError, match="Expected 2D array"):
            getattr(net, method)(column)


@pytest.mark.parametrize("shape", [(-8, -8), (8.0, 8.0), ("a", "b"), (8,)])
def test_image_shape_of_nonsense(digits, shape):
    with pytest.raises(ValueError, match=r"image_shape=|images of shape"):
        MLPNetClassifier(image_shape=shape).fit(*digits)


@pytest.mark.slow
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_defaults_are_good_on_small_tables(fast_class, load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    linear = cross_val_score(LogisticRegression(max_iter=1000), X, y, cv=folds).mean()
    net = cross_val_score(fast_class(random_state=0), X, y, cv=folds).mean()
    # A convolution looks for neighbours that columns of a table do not have.
    assert net > linear - (0.03 if fast_class is ConvNetClassifier else 0.015)


@pytest.mark.slow
def test_defaults_are_good_on_2000_images(fast_class):
    X, y = load_fashion_sample(return_X_y=True)
    X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    rows = np.random.RandomState(0).permutation(len(y))[:2000]
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its convergence is not what is tested
        linear.fit(X[rows], y[rows])
    net = fast_class(random_state=0).fit(X[rows], y[rows])
    assert net.score(X_test, y_test) > linear.score(X_test, y_test) - 0.01
