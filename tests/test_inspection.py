"""Display classes: what they show, in any axes, of any layout of images."""

import re
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from clothes import net, pick
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from matplotlib.testing.compare import compare_images
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import (
    AttributionDisplay,
    ClassDistributionDisplay,
    EmbeddingDisplay,
    ErrorAnalysisDisplay,
    FilterDisplay,
    PredictionGridDisplay,
    ProbabilityDisplay,
    ReliabilityDisplay,
    SampleGridDisplay,
    TrainingCurveDisplay,
)
from skfashion.inspection.arguments import as_pictures
from skfashion.inspection.displays.embedding import _chart
from skfashion.inspection.drawing import CLASS_COLORS, SYMBOLS
from skfashion.metrics import expected_calibration_error

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BASELINES = Path(__file__).parent / "baseline"
# Root mean square of the differences of levels, 0 to 255, with which a picture still passes.
TOLERANCE = 2
NAMES = load_fashion_sample(subset="test").target_names
X, y = load_fashion_sample(subset="test", return_X_y=True)


@pytest.fixture(scope="module")
def probabilities():
    """Of a classifier that is right in most cases, without any training."""
    rows, labels = load_fashion_sample(return_X_y=True)
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(10)])
    distances = np.linalg.norm(X[:, None, :] - means[None], axis=2)
    shares = np.exp(-(distances - distances.min(axis=1, keepdims=True)) / 100)
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def fitted():
    return net(MLPNetClassifier, max_epochs=3).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])


# --- images ---------------------------------------------------------------------------------------


@given(st.sampled_from([1, 3]), st.integers(4, 9), st.integers(4, 9), st.sampled_from(["u1", "f4"]))
def test_every_layout_shows_the_same_picture(c, h, w, dtype):
    rng = np.random.RandomState(c + 10 * h + 100 * w)
    planes = rng.randint(256, size=(5, c, h, w)).astype(dtype)
    planes[0, 0, 0, :2] = 0, 255  # so that floats are scaled as levels are
    last = planes.transpose(0, 2, 3, 1)
    shown = as_pictures(planes)
    assert shown.shape == ((5, h, w) if c == 1 else (5, h, w, 3))
    np.testing.assert_allclose(shown, (last[..., 0] if c == 1 else last) / 255, atol=1e-6)
    np.testing.assert_array_equal(as_pictures(last), shown)
    np.testing.assert_array_equal(as_pictures(last.reshape(5, -1), (h, w, c)), shown)
    np.testing.assert_array_equal(as_pictures(planes.reshape(5, -1), (c, h, w)), shown)
    if c == 1:
        np.testing.assert_array_equal(as_pictures(planes[:, 0]), shown)


def test_pictures_of_nothing_and_of_one_level():
    assert as_pictures(np.zeros((0, 784))).shape == (0, 28, 28)
    assert as_pictures(np.zeros((0, 12)), (2, 2, 3)).shape == (0, 2, 2, 3)
    assert not as_pictures(np.full((2, 16), 7.0)).any()


# --- axes -----------------------------------------------------------------------------------------


def displays(probabilities, ax=None):
    """Yield every display of ten classes, each drawn where it is told to."""
    options = {"class_names": NAMES}
    predicted = probabilities.argmax(axis=1)
    yield "samples", lambda ax: SampleGridDisplay.from_data(X, y, ax=ax, **options)
    yield (
        "classes",
        lambda ax: ClassDistributionDisplay.from_labels(
            {"before": y[:500], "after": y}, ax=ax, **options
        ),
    )
    yield (
        "predictions",
        lambda ax: PredictionGridDisplay.from_predictions(
            X, y, probabilities, which="random", ax=ax, **options
        ),
    )
    yield (
        "probabilities",
        lambda ax: ProbabilityDisplay.from_predictions(
            X[0], probabilities[0], y[0], ax=ax, **options
        ),
    )
    yield (
        "errors",
        lambda ax: ErrorAnalysisDisplay.from_predictions(X, y, predicted, ax=ax, **options),
    )
    yield (
        "reliability",
        lambda ax: ReliabilityDisplay.from_predictions(
            y, probabilities, name="nearest mean", ax=ax
        ),
    )
    yield "training", lambda ax: TrainingCurveDisplay(histories()).plot(ax=ax)
    waves = [np.cos(GRID), np.sin(GRID), np.cos(2 * GRID)]
    shapes = np.stack([np.outer(a, b) for a in waves for b in waves])
    yield "filters", lambda ax: FilterDisplay(shapes).plot(n_columns=4, ax=ax)
    maps = {"saliency": np.abs(X[:3] / 255.0), "occlusion": X[1:4] / 255.0 - 0.3}
    maps = {name: values.reshape(3, 28, 28) for name, values in maps.items()}
    pictures = as_pictures(X[:3], (28, 28))
    yield (
        "attributions",
        lambda ax: AttributionDisplay(pictures, maps, list(NAMES[y[:3]])).plot(ax=ax),
    )
    yield (
        "embedding",
        lambda ax: EmbeddingDisplay.from_features(
            probabilities[:, :2], y, reducer=FunctionTransformer(), ax=ax, **options
        ),
    )


KINDS = ["samples", "classes", "predictions", "probabilities", "errors", "reliability"]
KINDS += ["training", "filters", "attributions", "embedding"]
GRID = np.linspace(-2, 2, 5)
# Those of several axes, which divide the one that they are given.
DIVIDED = {"probabilities", "training"}


def histories():
    """Three runs of one net and one of another, as `history_` has them."""
    epochs = np.arange(1, 7)

    def run(shift):
        return pd.DataFrame(
            {
                "train_loss": 1 / epochs + shift,
                "valid_loss": 1 / epochs + shift + 0.02 * epochs,
                "train_accuracy": 1 - 0.5 / epochs - shift,
                "valid_score": 0.85 - 0.01 * (epochs - 4) ** 2 - shift,
                "lr": 1e-3 * np.cos(epochs / 4),
            }
        )

    return {"CNN": [run(0.0), run(0.02), run(0.05)], "MLP": [run(0.1)]}


@pytest.mark.parametrize("kind", KINDS)
def test_displays_draw_in_the_axes_they_are_given(kind, probabilities):
    draw = dict(displays(probabilities))[kind]
    figure, axes = plt.subplots(1, 2, figsize=(12, 5))
    display = draw(axes[1])
    assert display.figure_ is figure
    if kind not in DIVIDED:
        assert display.ax_ is axes[1]
    assert not axes[0].has_data()
    figure.canvas.draw()
    again = display.plot()
    assert again is display
    assert display.figure_ is not figure
    # What it holds, and no address in memory.
    assert re.fullmatch(rf"{type(display).__name__}\([\w, ]+\)", repr(display))


def overlapping(figure):
    """Return pairs of texts that lie on each other, as they are drawn."""
    figure.canvas.draw()
    beyond = set()  # ticks outside of the axes have labels that are never drawn
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                beyond |= {tick.label1, tick.label2}
    texts = [
        text
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_visible() and text.get_text().strip() and text not in beyond
    ]
    boxes = [(text.get_text(), text.get_window_extent().padded(-1)) for text in texts]
    boxes = [(text, box) for text, box in boxes if box.width > 0 and box.height > 0]
    return [
        (a, b)
        for i, (a, one) in enumerate(boxes)
        for b, other in boxes[i + 1 :]
        if one.overlaps(other)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", ["own figure", "half of a figure"])
def test_no_text_lies_on_another_with_ten_names(kind, given, probabilities):
    draw = dict(displays(probabilities))[kind]
    if given == "own figure":
        display = draw(None)
    else:
        display = draw(plt.subplots(1, 2, figsize=(14, 6), layout="constrained")[1][0])
    # Axes without data have labels of ticks that are never drawn.
    for axes in display.figure_.axes:
        if not axes.axison or not axes.has_data():
            axes.set(xticks=[], yticks=[])
    assert overlapping(display.figure_) == []


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_those_that_were_looked_at(kind, style, probabilities, tmp_path):
    with matplotlib.style.context(style):
        display = dict(displays(probabilities))[kind](None)
        path = tmp_path / f"{kind}_{style}.png"
        display.figure_.savefig(path, dpi=60)
    expected = BASELINES / path.name
    assert expected.exists(), f"No such picture: look at {path} and copy it there if it is good."
    # Other releases of matplotlib and of its fonts move letters by a pixel.
    difference = compare_images(str(expected), str(path), tol=TOLERANCE)
    assert difference is None, f"{difference}\nIf that was meant, copy the new one to {expected}."


# --- arguments ------------------------------------------------------------------------------------


def calls_with_labels(model, probabilities):
    """Yield what makes a display of ten images and labels, for every one that takes both."""
    images, shares, right = X[:10], probabilities[:10], y[:10]
    options = {"classes": np.arange(10)}
    yield "samples", lambda y: SampleGridDisplay.from_data(images, y)
    yield (
        "labels with weights",
        lambda y: ClassDistributionDisplay.from_labels(y, sample_weight=np.ones(10)),
    )
    yield (
        "sampler",
        lambda y: ClassDistributionDisplay.from_sampler(
            RandomOverSampler(random_state=0), images, y
        ),
    )
    for display in (
        EmbeddingDisplay,
        ErrorAnalysisDisplay,
        PredictionGridDisplay,
        ReliabilityDisplay,
        AttributionDisplay,
    ):
        yield (
            f"{display.__name__} of an estimator",
            lambda y, display=display: display.from_estimator(model, images, y),
        )
    yield "features", lambda y: EmbeddingDisplay.from_features(shares, y)
    yield (
        "features of images",
        lambda y: EmbeddingDisplay.from_features(shares[: len(y)], y, X=images),
    )
    yield "errors", lambda y: ErrorAnalysisDisplay.from_predictions(images, y, right, **options)
    yield (
        "wrong predictions",
        lambda y: ErrorAnalysisDisplay.from_predictions(images, right, y, **options),
    )
    yield "grid", lambda y: PredictionGridDisplay.from_predictions(images, y, shares, **options)
    yield (
        "grid of predictions",
        lambda y: PredictionGridDisplay.from_predictions(
            images, right, shares, y_pred=y, **options
        ),
    )
    yield "reliability", lambda y: ReliabilityDisplay.from_predictions(y, shares, **options)


CALLS = ["samples", "labels with weights", "sampler", "features", "features of images", "errors"]
CALLS += ["wrong predictions", "grid", "grid of predictions", "reliability"]
CALLS += [
    f"{name}Display of an estimator"
    for name in ("Embedding", "ErrorAnalysis", "PredictionGrid", "Reliability", "Attribution")
]


@pytest.mark.parametrize("n", [9, 11])
@pytest.mark.parametrize("kind", CALLS)
def test_labels_of_another_number_are_refused(kind, n, fitted, probabilities):
    call = dict(calls_with_labels(fitted, probabilities))[kind]
    labels = np.arange(n) % 10
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        call(labels)
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(10, 2"):
        call(np.zeros((10, 2), dtype=int))
    assert {name for name, _ in calls_with_labels(fitted, probabilities)} == set(CALLS)


OF_IMAGES = (ErrorAnalysisDisplay, PredictionGridDisplay, EmbeddingDisplay)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        *[(display.from_estimator, {"n_images": -1}) for display in OF_IMAGES],
        *[(display.from_estimator, {"n_images": 2.5}) for display in OF_IMAGES],
        (ErrorAnalysisDisplay.from_estimator, {"n_pairs": 0}),
        (ErrorAnalysisDisplay.from_estimator, {"n_images": None}),
        (PredictionGridDisplay.from_estimator, {"n_columns": 0}),
        (PredictionGridDisplay.from_estimator, {"which": "best"}),
        (PredictionGridDisplay.from_estimator, {"random_state": "seed"}),
        (ReliabilityDisplay.from_estimator, {"n_bins": 0}),
        (FilterDisplay.from_estimator, {"n_filters": -3}),
        (FilterDisplay.from_estimator, {"n_columns": 0}),
        (AttributionDisplay.from_estimator, {"baseline": "black"}),
        (AttributionDisplay.from_estimator, {"baseline": np.nan}),
        (ErrorAnalysisDisplay.from_estimator, {"class_names": 10}),
        (SampleGridDisplay.from_data, {"n_images": -1}),
        (SampleGridDisplay.from_data, {"classes": 3}),
        (ErrorAnalysisDisplay.from_predictions, {"n_pairs": -1}),
        (ErrorAnalysisDisplay.from_predictions, {"n_images": 0}),
        (PredictionGridDisplay.from_predictions, {"n_images": 0}),
        (PredictionGridDisplay.from_predictions, {"n_columns": 0}),
        (ReliabilityDisplay.from_predictions, {"n_bins": 0}),
        (EmbeddingDisplay.from_features, {"n_images": 0}),
        (FilterDisplay(np.ones((3, 2, 2))).plot, {"n_columns": 0}),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else str(value),
)
def test_parameters_that_make_no_sense_are_refused(make, options, fitted, probabilities):
    images, labels, shares = X[:20], y[:20], probabilities[:20]
    given = {
        "plot": (),
        "from_data": (images, labels),
        "from_estimator": (fitted, images, labels),
        "from_features": (shares, labels),
        "from_predictions": (images, labels, shares),
    }[make.__name__]
    if make.__name__ == "from_predictions" and make.__self__ is ErrorAnalysisDisplay:
        given = (images, labels, labels)
    if make.__self__ is ReliabilityDisplay and len(given) == 3 and given[2] is shares:
        given = (labels, shares)
    if make.__self__ is FilterDisplay:
        given = (fitted,)
    (name,) = options
    # In the words of the method that was called, not of one that it calls.
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {make.__qualname__} must be"):
        make(*given, **options)


def test_all_images_are_drawn_with_none(fitted):
    display = EmbeddingDisplay.from_estimator(fitted, X[:50], y[:50], n_images=None)
    assert len(display.points) == 50


@pytest.mark.parametrize("display", [FilterDisplay, TrainingCurveDisplay])
def test_other_classifiers_are_refused(display):
    with pytest.raises(ValueError, match="Got a LogisticRegression without .*_, expected a fitted"):
        display.from_estimator(make_pipeline(MinMaxScaler(), LogisticRegression()))


# --- trainings ------------------------------------------------------------------------------------


def test_a_training_is_drawn_with_its_best_epoch(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted)
    loss, _, lr = display.axes_
    history = fitted.history_
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), history["train_loss"])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), history["valid_loss"])
    np.testing.assert_array_equal(lr.lines[0].get_ydata(), history["lr"])
    best = int(history["valid_score"].argmax()) + 1
    assert display.best_epochs_ == {"MLPNetClassifier": best}
    assert loss.lines[-1].get_xdata() == best
    assert [axes.get_xlabel() for axes in display.axes_] == ["epoch"] * 3
    assert display.ax_ is loss


def test_seeds_are_a_band_and_names_are_curves(fitted):
    others = [net(MLPNetClassifier, random_state=seed).fit(X[:200], y[:200]) for seed in range(3)]
    display = TrainingCurveDisplay.from_estimator(
        {"three": others, "one": make_pipeline(fitted)}, panels=("loss",)
    )
    (axes,) = display.axes_
    losses = [other.history_["train_loss"] for other in others]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.mean(losses, axis=0))
    (band,) = axes.collections
    upper = band.get_paths()[0].vertices[:, 1].max()
    assert upper == pytest.approx((np.mean(losses, axis=0) + np.std(losses, axis=0, ddof=1)).max())
    assert display.best_epochs_ == {"one": display.best_epochs_["one"]}
    search = GridSearchCV(net(MLPNetClassifier), {"lr": [1e-3]}, cv=2).fit(X[:200], y[:200])
    assert TrainingCurveDisplay.from_estimator(search, panels=["lr"]).axes_.shape == (1,)


def test_a_score_that_is_the_loss_is_drawn_once():
    both = {"X_val": X[300:], "y_val": y[300:]}
    by_loss = net(MLPNetClassifier, scoring="loss").fit(X[:300], y[:300], **both)
    loss, score, _ = TrainingCurveDisplay.from_estimator(by_loss).axes_
    assert [line.get_label() for line in score.lines] == ["training accuracy"]
    assert loss.get_legend_handles_labels()[1][-1].startswith("best epoch: ")
    by_score = net(MLPNetClassifier, scoring="accuracy").fit(X[:300], y[:300], **both)
    _, score, _ = TrainingCurveDisplay.from_estimator(by_score).axes_
    assert [line.get_label() for line in score.lines][1] == "validation score"


def test_runs_of_different_length_are_averaged_as_far_as_they_go():
    runs = [pd.DataFrame({"train_loss": values}) for values in ([4.0, 2.0, 1.0], [2.0, 1.0])]
    (axes,) = TrainingCurveDisplay({"net": runs}).plot(panels=["loss"]).axes_
    assert axes.lines[0].get_ydata().tolist() == [3.0, 1.5, 1.0]


def test_what_is_no_training_is_refused(fitted):
    with pytest.raises(ValueError, match="Got a LogisticRegression without history_"):
        TrainingCurveDisplay.from_estimator(LogisticRegression())
    with pytest.raises(ValueError, match="Got no estimator"):
        TrainingCurveDisplay.from_estimator([])
    with pytest.raises(ValueError, match=r"Got panels=\('speed',\), expected some of"):
        TrainingCurveDisplay.from_estimator(fitted, panels=("speed",))
    with pytest.raises(ValueError, match="Got 2 axes, expected a single one"):
        TrainingCurveDisplay.from_estimator(fitted, ax=plt.subplots(1, 2)[1])


# --- data -----------------------------------------------------------------------------------------


def test_samples_are_of_their_class_and_the_same_each_time():
    first = SampleGridDisplay.from_data(X, y, n_images=4, class_names=NAMES)
    again = SampleGridDisplay.from_data(X, y, n_images=4)
    known = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
    for label, (images, same) in enumerate(zip(first.pictures, again.pictures, strict=True)):
        np.testing.assert_array_equal(images, same)
        rows = np.rint(images * 255).astype(np.uint8).reshape(4, 784)
        assert {known[row.tobytes()] for row in rows} == {label}
    other = SampleGridDisplay.from_data(X, y, n_images=4, random_state=1)
    assert not np.array_equal(other.pictures[0], first.pictures[0])


def test_rare_classes_have_shorter_rows():
    few = np.r_[np.flatnonzero(y == 0)[:2], np.flatnonzero(y == 1)[:20]]
    display = SampleGridDisplay.from_data(X[few], y[few])
    assert [len(images) for images in display.pictures] == [2, 10]
    assert len(display.ax_.images) == 12


def test_counts_are_those_of_the_sampler():
    rows, labels = pick({"Bag": 40, "Sneaker": 10})
    display = ClassDistributionDisplay.from_sampler(
        RandomOverSampler(random_state=0), rows.reshape(-1, 28, 28), labels
    )
    assert display.names == ["Bag", "Sneaker"]
    assert {name: counts.tolist() for name, counts in display.counts.items()} == {
        "before": [40, 10],
        "after": [40, 40],
    }
    widths = [bar.get_width() for bars in display.ax_.containers for bar in bars]
    assert widths == [40, 10, 40, 40]
    weighted = ClassDistributionDisplay.from_labels(labels, sample_weight=np.full(50, 0.25))
    assert weighted.counts["rows"].tolist() == [10, 2.5]
    assert [text.get_text() for text in weighted.ax_.texts] == ["10.0", "2.5"]
    assert weighted.ax_.get_xlabel() == "sum of the weights"
    with pytest.raises(ValueError, match="Got sample_weight with 2 sets"):
        ClassDistributionDisplay.from_labels({"a": labels, "b": labels}, sample_weight=[1] * 50)


# --- predictions ----------------------------------------------------------------------------------


def test_rows_are_chosen_as_asked(probabilities):
    predicted, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = predicted != y

    def rows(which, n_images=30):
        return PredictionGridDisplay.from_predictions(
            X, y, probabilities, which=which, n_images=n_images
        ).rows

    assert wrong[rows("wrong")].all()
    confident = rows("confident_wrong")
    assert wrong[confident].all()
    assert surest[confident].min() >= np.sort(surest[wrong])[-30]
    top = np.sort(probabilities, axis=1)
    margin = top[:, -1] - top[:, -2]
    assert margin[rows("uncertain")].max() == np.sort(margin)[29]
    assert 0 < wrong[rows("random", 500)].mean() < 1
    assert len(rows("wrong", 10_000)) == wrong.sum()
    with pytest.raises(ValueError, match="The 'which' parameter"):
        rows("best")


def test_right_and_wrong_differ_without_colour(probabilities):
    display = PredictionGridDisplay.from_predictions(
        X, y, probabilities, which="random", n_images=40, class_names=NAMES
    )
    is_right = [a == b for a, b in zip(display.predicted, display.true, strict=True)]
    dashed = [frame.get_linestyle() != "-" for frame in display.ax_.patches]
    assert dashed == [not right for right in is_right]
    texts = [text.get_text().split("\n")[1] for text in display.ax_.texts]
    assert [not text for text in texts] == is_right
    wrong = is_right.index(False)
    assert texts[wrong] == f"is {display.true[wrong]}"


def test_nothing_wrong_is_said():
    perfect = np.eye(10)[y]
    display = PredictionGridDisplay.from_predictions(X, y, perfect)
    assert [text.get_text() for text in display.ax_.texts] == ["none of the images"]
    display = ErrorAnalysisDisplay.from_predictions(X, y, y)
    assert [text.get_text() for text in display.ax_.texts] == ["nothing is confused"]


def test_estimators_are_asked(fitted):
    given = fitted.predict_proba(X)
    asked = PredictionGridDisplay.from_estimator(fitted, X.reshape(-1, 28, 28), y)
    np.testing.assert_array_equal(
        asked.rows, PredictionGridDisplay.from_predictions(X, y, given).rows
    )
    np.testing.assert_array_equal(
        ProbabilityDisplay.from_estimator(fitted, X[3], y[3]).probabilities, given[3]
    )
    found = ErrorAnalysisDisplay.from_estimator(fitted, X, y).confusions
    expected = ErrorAnalysisDisplay.from_predictions(X, y, fitted.predict(X)).confusions
    assert [one[:4] for one in found] == [one[:4] for one in expected]
    assert ReliabilityDisplay.from_estimator(fitted, X, y).ece == pytest.approx(
        expected_calibration_error(y, given)
    )


def test_labels_that_are_text_are_their_own_names():
    rows, labels = pick({"Bag": 40, "Sneaker": 40})
    model = net(MLPNetClassifier, max_epochs=1).fit(rows, labels)
    display = PredictionGridDisplay.from_estimator(model, rows, labels, which="random")
    assert set(display.true) == {"Bag", "Sneaker"}
    with pytest.raises(ValueError, match="Got y with the labels .*Coat.*, expected only"):
        PredictionGridDisplay.from_estimator(model, rows[:1], ["Coat"])
    with pytest.raises(ValueError, match="Got 1 class_names and 2 classes"):
        PredictionGridDisplay.from_estimator(model, rows, labels, class_names=["Bag"])


def test_classes_that_are_not_there_keep_their_places(fitted, probabilities):
    few = y != 3
    options = {"classes": np.arange(10)}
    display = PredictionGridDisplay.from_predictions(
        X[few], y[few], probabilities[few], which="random", n_images=2000, **options
    )
    assert display.is_right.mean() == (probabilities[few].argmax(axis=1) == y[few]).mean()
    reliability = ReliabilityDisplay.from_predictions(y[few], probabilities[few], **options)
    assert reliability.ece == pytest.approx(expected_calibration_error(y[few], probabilities[few]))
    for display in (PredictionGridDisplay, ReliabilityDisplay):
        given = (y[few], probabilities[few])
        given = given if display is ReliabilityDisplay else (X[few], *given)
        with pytest.raises(ValueError, match="9 classes, expected a column for each; name all"):
            display.from_predictions(*given)
    samples = SampleGridDisplay.from_data(X[few], y[few], class_names=NAMES, **options)
    assert [len(images) for images in samples.pictures][2:5] == [10, 0, 10]
    counts = ClassDistributionDisplay.from_labels(y[few], class_names=NAMES, **options).counts
    assert counts["rows"][3] == 0
    points = EmbeddingDisplay.from_estimator(fitted, X[few][:99], y[few][:99], class_names=NAMES)
    labels = points.ax_.get_legend_handles_labels()[1]
    assert "Dress" not in labels and "Coat" in labels


def test_predictions_are_what_predict_says(fitted):
    class Contrary(type(fitted)):
        """Predict the least probable class."""

        def predict(self, X):
            return self.classes_[self.predict_proba(X).argmin(axis=1)]

    contrary = Contrary.__new__(Contrary)
    contrary.__dict__ = fitted.__dict__
    display = PredictionGridDisplay.from_estimator(contrary, X, y, which="random")
    assert display.predicted == [str(label) for label in contrary.predict(X[display.rows])]
    least = fitted.predict_proba(X[display.rows]).min(axis=1)
    np.testing.assert_array_equal(display.probabilities, least)


def test_tables_keep_the_names_of_their_columns():
    frame = load_fashion_sample(subset="test", as_frame=True).data
    model = make_pipeline(MinMaxScaler(), net(MLPNetClassifier)).fit(frame[:300], y[:300])
    rows, labels = frame[300:400], y[300:400]
    for display in (PredictionGridDisplay, ErrorAnalysisDisplay):
        display.from_estimator(model, rows, labels)
    EmbeddingDisplay.from_estimator(model, rows, labels, n_images=50)
    one = ProbabilityDisplay.from_estimator(model, rows.iloc[0], labels[0])
    np.testing.assert_array_equal(one.probabilities, model.predict_proba(rows[:1])[0])


def test_a_step_before_the_net_may_change_the_columns():
    model = make_pipeline(PCA(20, random_state=0), net(MLPNetClassifier)).fit(X[:300], y[:300])
    display = PredictionGridDisplay.from_estimator(model, X, y)
    np.testing.assert_allclose(display.pictures.reshape(20, -1) * 255, X[display.rows], atol=1e-3)


@pytest.mark.parametrize("kind", ["predictions", "errors"])
def test_no_text_lies_on_another_in_any_axes(kind, probabilities):
    draw = dict(displays(probabilities))[kind]
    whole = plt.figure(figsize=(14, 7), layout="constrained")
    left, right = whole.subfigures(1, 2)
    draw(left.add_subplot())
    wide, _, _ = right.subplot_mosaic([["a", "a", "b"], ["a", "a", "c"]]).values()
    draw(wide)
    assert overlapping(whole) == []
    free = plt.figure(figsize=(8, 8))
    draw(free.add_axes((0.1, 0.1, 0.6, 0.8)))
    assert overlapping(free) == []


def test_the_true_class_is_marked(probabilities):
    display = ProbabilityDisplay.from_predictions(X[0], probabilities[0], y[0], class_names=NAMES)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[y[0]] == f"{NAMES[y[0]]} (true)"
    assert sum("(true)" in label for label in labels) == 1
    assert [bar.get_width() for bar in display.ax_.patches] == probabilities[0].tolist()
    hatched = [bar for bar in display.ax_.patches if bar.get_hatch()]
    assert hatched == [display.ax_.patches[y[0]]]
    assert hatched[0].get_edgecolor() != hatched[0].get_facecolor()
    with pytest.raises(ValueError, match="y should be a 1d array"):
        ProbabilityDisplay.from_predictions(X[0], probabilities[0], y[:2])
    plain = ProbabilityDisplay.from_predictions(X[0], probabilities[0])
    assert [label.get_text() for label in plain.ax_.get_yticklabels()] == list("0123456789")


def test_confusions_are_the_most_frequent_ones(probabilities):
    predicted = probabilities.argmax(axis=1)
    display = ErrorAnalysisDisplay.from_predictions(X, y, predicted, n_pairs=4, n_images=3)
    counts = confusion_matrix(y, predicted)
    np.fill_diagonal(counts, 0)
    found = [one.count for one in display.confusions]
    assert found == sorted(counts.ravel(), reverse=True)[:4]
    for one, images in zip(display.confusions, display.pictures, strict=True):
        i, j = int(one.true), int(one.predicted)
        assert counts[i, j] == one.count
        assert one.share == one.count / (y == i).sum()
        assert (y[one.rows] == i).all() and (predicted[one.rows] == j).all()
        np.testing.assert_allclose(images.reshape(len(images), -1) * 255, X[one.rows], atol=1e-3)


def test_reliability_is_that_of_the_bins(probabilities):
    display = ReliabilityDisplay.from_predictions(y, probabilities)
    assert display.ece == pytest.approx(expected_calibration_error(y, probabilities))
    assert display.counts.sum() == len(y)
    right = (probabilities.argmax(axis=1) == y).mean()
    assert display.counts @ display.accuracy / len(y) == pytest.approx(right)
    assert len(display.ax_.lines) == 2
    ReliabilityDisplay.from_predictions(y, probabilities**3, ax=display.ax_)
    assert len(display.ax_.lines) == 3  # one diagonal


def test_reliability_is_named_as_trainings_are(fitted):
    names = [
        ReliabilityDisplay.from_estimator(model, X, y).name
        for model in (fitted, make_pipeline(fitted))
    ]
    assert names == ["MLPNetClassifier"] * 2
    given = ReliabilityDisplay.from_estimator(make_pipeline(fitted), X, y, name="a net")
    assert given.name == "a net"


# --- inside of nets -------------------------------------------------------------------------------


def test_points_are_those_of_the_features(fitted):
    display = EmbeddingDisplay.from_estimator(fitted, X, y, n_images=200, class_names=NAMES)
    rows = display.rows
    assert len(rows) == 200
    expected = PCA(2, random_state=0).fit_transform(fitted.transform(X[rows]))
    np.testing.assert_allclose(display.points, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(display.codes, y[rows])
    np.testing.assert_allclose(display.pictures.reshape(200, -1) * 255, X[rows], atol=1e-3)
    markers = {
        collection.get_paths()[0].vertices.tobytes() for collection in display.ax_.collections
    }
    assert len(markers) == 10


# What those see who lack no cones, the first or the second kind (Machado et al., 2009).
SEEN = [
    np.eye(3),
    np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
]
# Of linear levels to cones, and of their cube roots to OKLab, where distances are as they are seen.
TO_CONES = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
TO_LAB = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]


def test_ten_classes_have_colours_that_everyone_can_tell_apart():
    levels = np.array([matplotlib.colors.to_rgb(color) for color in CLASS_COLORS])
    assert len(levels) == 10
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    for seen in SEEN:
        cones = np.clip(linear @ seen.T, 0, 1) @ np.transpose(TO_CONES)
        lab = np.cbrt(cones) @ np.transpose(TO_LAB)
        distances = np.linalg.norm(lab[:, None] - lab[None], axis=2)
        assert distances[np.triu_indices(10, 1)].min() > 0.07
    light = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    assert (light / 0.05).min() > 3  # contrast to black
    assert (1.05 / light).min() > 1.6  # to white


def test_points_look_the_same_on_a_page():
    pytest.importorskip("altair")
    n = 12
    display = EmbeddingDisplay.from_features(
        np.random.RandomState(0).rand(n, 2), np.arange(n), reducer=FunctionTransformer()
    )
    frame = pd.DataFrame({"x": 0.0, "y": 0.0, "class": display.names, "image": ""})
    encoding = _chart(frame, display.names, display.labels).to_dict()["encoding"]
    scales = [encoding[channel]["scale"] for channel in ("color", "shape")]
    assert [scale["domain"] for scale in scales] == [display.names] * 2
    colors, shapes = (scale["range"] for scale in scales)
    drawn = [
        matplotlib.colors.to_hex(points.get_facecolor()[0]).upper()
        for points in display.ax_.collections
    ]
    assert drawn == colors
    assert len(set(drawn[:10])) == 10 and drawn[10:] == drawn[:2]
    assert len(set(shapes)) == len(SYMBOLS) == n
    for points, shape in zip(display.ax_.collections, shapes, strict=True):
        (marker,) = (marker for marker, name in SYMBOLS if name == shape)
        style = matplotlib.markers.MarkerStyle(marker)
        path = style.get_path().transformed(style.get_transform())
        np.testing.assert_allclose(points.get_paths()[0].vertices, path.vertices)


def test_other_reducers(fitted, monkeypatch):
    display = EmbeddingDisplay.from_estimator(fitted, X[:60], y[:60], reducer="tsne")
    assert display.ax_.get_xlabel() == "t-SNE 1"
    with pytest.raises(ImportError, match="pip install umap-learn"):
        monkeypatch.setitem(sys.modules, "umap", None)
        EmbeddingDisplay.from_estimator(fitted, X[:60], y[:60], reducer="umap")
    with pytest.raises(ValueError, match="Got reducer='lda', expected one of"):
        EmbeddingDisplay.from_estimator(fitted, X[:60], y[:60], reducer="lda")
    with pytest.raises(ValueError, match="Got a reducer that returned an array of shape"):
        EmbeddingDisplay.from_estimator(fitted, X[:60], y[:60], reducer=PCA(3))


@pytest.mark.slow  # numba compiles
def test_umap_makes_points_of_few_images_without_a_warning(fitted):
    with warnings.catch_warnings():
        # Of parts of the package that miss other packages, which are not needed here.
        warnings.simplefilter("ignore")
        pytest.importorskip(
            "umap",
            reason="umap-learn is not installed, so that the points it makes cannot be looked at.",
        )
    for n in (12, 60):
        display = EmbeddingDisplay.from_estimator(fitted, X[:n], y[:n], reducer="umap")
        assert display.points.shape == (n, 2)
        assert np.isfinite(display.points).all()
    assert display.ax_.get_xlabel() == "UMAP 1"
    again = EmbeddingDisplay.from_estimator(fitted, X[:60], y[:60], reducer="umap")
    np.testing.assert_array_equal(display.points, again.points)


def test_filters_are_the_weights_of_the_first_layer(fitted):
    display = FilterDisplay.from_estimator(fitted, n_filters=5)
    weights = next(fitted.net_.module_.features.parameters()).detach().numpy()
    norms = np.linalg.norm(weights, axis=1)
    kept = np.sort(np.argsort(-norms)[:5])
    np.testing.assert_array_equal(display.filters.reshape(5, -1), weights[kept])
    cnn = net(ConvNetClassifier, max_epochs=1).fit(X[:100].repeat(3, axis=1), y[:100])
    assert FilterDisplay.from_estimator(cnn).filters.shape[1:] == (3, 3, 3)
    assert len(FilterDisplay.from_estimator(cnn).ax_.images) == len(
        FilterDisplay.from_estimator(cnn).filters
    )
