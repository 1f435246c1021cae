"""The report: numbers that are scikit-learn's, text that stays text, one file and no more."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from clothes import net
from markupsafe import escape
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skfashion import MLPNetClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.exceptions import DataShiftWarning
from skfashion.inspection import make_report
from skfashion.inspection.report.scores import differences, intervals, scores_of
from skfashion.metrics import expected_calibration_error

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

X, y = load_fashion_sample(subset="test", return_X_y=True)
NAMES = load_fashion_sample(subset="test").target_names


@pytest.fixture(scope="module")
def models():
    return {
        "net": net(MLPNetClassifier, max_epochs=2).fit(X[:400], y[:400]),
        "line": LogisticRegression(max_iter=20, tol=1.0).fit(X[:400] / 255, y[:400]),
    }


@pytest.fixture(scope="module")
def report(models):
    return make_report(models, X, y, class_names=NAMES, y_train=y[:400], n_resamples=50)


def constant(html, name):
    """Return what a page's script is given."""
    return json.loads(re.search(rf"^const {name} = (.*);$", html, re.MULTILINE).group(1))


def test_images_that_look_inverted_are_said_to_be_so_once(models):
    with pytest.warns(DataShiftWarning, match="look inverted") as caught:
        make_report(models["net"], 255 - X[:99], y[:99], n_resamples=2)
    assert [warning.filename for warning in caught] == [__file__]


def test_scores_are_those_of_scikit_learn(report, models):
    table = report.scores.set_index(["model", "score"])
    for name, model in models.items():
        proba = model.predict_proba(X)
        predicted = proba.argmax(axis=1)
        expected = {
            "accuracy": accuracy_score(y, predicted),
            "balanced_accuracy": balanced_accuracy_score(y, predicted),
            "f1_macro": f1_score(y, predicted, average="macro"),
            "log_loss": log_loss(y, proba),
            "ece": expected_calibration_error(y, proba),
        }
        for score, value in expected.items():
            found = table.loc[(name, score)]
            assert found["value"] == pytest.approx(value)
            assert found["low"] - 1e-9 <= value <= found["high"] + 1e-9
    assert len(table) == 10


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.RandomState(0)
    covered = 0
    for _ in range(200):
        codes = rng.randint(2, size=100)
        right = rng.rand(100) < 0.8
        probabilities = np.where((codes == right)[:, None], [0.3, 0.7], [0.7, 0.3])
        predicted = probabilities.argmax(axis=1)
        _, low, high = intervals(scores_of(codes, predicted, probabilities, 200, rng))["accuracy"]
        covered += low <= 0.8 <= high
    assert 0.88 < covered / 200 < 0.99


def test_the_interval_of_the_calibration_error_holds_it():
    # Resampled, a sum of sizes grows: percentiles would lie above a small error.
    rng = np.random.RandomState(0)
    confidence = rng.uniform(0.5, 1, size=2000)
    codes = (rng.rand(2000) > confidence).astype(int)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    scored = scores_of(codes, np.zeros(2000, int), probabilities, 500, rng)
    value, low, high = intervals(scored)["ece"]
    assert 0 <= low <= value <= high


def test_differences_are_of_the_same_draws():
    # A model beside one that is wrong on the same rows and some more.
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=1000)
    wrong = rng.rand(1000) < 0.2
    first, second = codes ^ wrong, codes ^ (wrong | (rng.rand(1000) < 0.02))
    a, b = (
        scores_of(codes, one, np.eye(2)[one] * 0.8 + 0.1, 200, np.random.RandomState(1))
        for one in (first, second)
    )
    difference, low, high = differences(b, a)["accuracy"]
    assert difference == pytest.approx((second == codes).mean() - (first == codes).mean())
    assert low < difference < high < 0
    _, low_b, high_b = intervals(b)["accuracy"]
    assert high - low < (high_b - low_b) / 2
    assert all(value == low == high == 0 for value, low, high in differences(a, a).values())


def test_differences_are_those_of_a_direct_bootstrap(report, models):
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=2)[0]
    rng = np.random.RandomState(seed)
    draws = [slice(None), *(rng.randint(len(y), size=len(y)) for _ in range(50))]
    probas = [model.predict_proba(X) for model in models.values()]
    table = report.differences.set_index(["model", "score"])
    for score, function in {"ece": expected_calibration_error, "log_loss": log_loss}.items():
        a, b = ([function(y[rows], proba[rows]) for rows in draws] for proba in probas)
        value, *resampled = np.subtract(b, a)
        shift = value - np.mean(resampled) if score == "ece" else 0
        ends = np.quantile(resampled, [0.025, 0.975]) + shift
        assert table.loc[("line", score)].tolist() == pytest.approx([value, *ends])
    assert len(table) == 5
    alone = make_report(models["net"], X[:50], y[:50], n_resamples=2).differences
    assert alone.empty and alone.columns.tolist() == report.scores.columns.tolist()


def test_differences_of_shares_are_percentage_points():
    from skfashion.inspection.report.parts import _difference, _score

    assert _difference(0.012, "accuracy") == "+1.20"
    assert _difference(-0.00001, "accuracy") == _difference(0.0, "ece") == "0.00"
    assert _difference(-0.0001, "log_loss") == _score(-0.0, "log_loss") == "0.000"


def rows_of(html):
    """Return the cells of tables by their captions."""
    rows = {}
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        caption = re.search(r"<caption>(.*?)</caption>", table)
        cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
        rows[caption and caption[1]] = cells
    return rows


SIDE_BY_SIDE = "F1, side by side; the best in bold, which may be chance"


def test_models_stand_side_by_side(report, models):
    rows = rows_of(report.html)
    f1 = [f1_score(y, model.predict(X), average=None) for model in models.values()]
    table = rows[SIDE_BY_SIDE]
    assert table[0] == ["class", *models]
    for i, (name, *texts_there) in enumerate(table[1:]):
        assert name == NAMES[i]
        texts = [f"{100 * of_model[i]:.1f}" for of_model in f1]
        best = max(texts, key=float) if len(set(texts)) > 1 else None
        for text, cell in zip(texts, texts_there, strict=True):
            assert cell == (f"<b>{text}&nbsp;%</b>" if text == best else f"{text}&nbsp;%")
    assert rows["Differences from net"][0] == ["score", "line"]
    values = report.scores.set_index(["model", "score"])["value"]
    difference = values["line", "accuracy"] - values["net", "accuracy"]
    assert rows["Differences from net"][1][1].startswith(f"{100 * difference:+.2f} points <")
    assert "In small print: intervals of 95 %, from 50 bootstrap samples" in report.html
    assert "a negative difference of these is the better one" in report.html
    assert "Differences from" not in make_report(models["net"], X[:50], y[:50], n_resamples=2).html


def test_cells_count_all_images_and_show_some(report, models):
    cells = constant(report.html, "CELLS")
    images = constant(report.html, "IMAGES")
    for of_model, model in zip(cells, models.values(), strict=True):
        predicted = model.predict(X)
        counts = [[cell["count"] for cell in line] for line in of_model]
        assert counts == confusion_matrix(y, predicted).tolist()
        for i, line in enumerate(of_model):
            for j, cell in enumerate(line):
                assert len(cell["rows"]) == min(12, cell["count"])
                assert (y[cell["rows"]] == i).all() and (predicted[cell["rows"]] == j).all()
                assert all(str(row) in images for row in cell["rows"])
                proba = model.predict_proba(X[cell["rows"]])[:, j] if cell["rows"] else []
                assert cell["shares"] == [f"{share:.0%}" for share in proba]
    assert all(address.startswith("data:image/png;base64,") for address in images.values())


def test_of_many_classes_the_matrix_has_those_with_the_most_errors(monkeypatch):
    monkeypatch.setattr("skfashion.inspection.report.examples.MAX_CLASSES", 5)
    labels = np.repeat(np.arange(9), [3, 1, 4, 1, 5, 2, 6, 5, 3])
    pixels = np.arange(len(labels) * 16).reshape(-1, 16)
    model = DummyClassifier(strategy="constant", constant=3).fit(pixels, labels)
    html = make_report(model, pixels, labels, n_resamples=2).html
    (cells,) = constant(html, "CELLS")
    # All is called class 3; the others have been wrong most often.
    assert constant(html, "IN_MATRIX") == [[2, 3, 4, 6, 7]]
    assert [[cell["count"] for cell in line] for line in cells] == [
        [0, n, 0, 0, 0] for n in (4, 1, 5, 6, 5)
    ]
    assert "Of 9 classes, the 5 with the most errors." in html
    assert len(rows_of(html)["DummyClassifier"]) == 1 + 9


def test_a_class_may_be_missing(models):
    few = y != 3
    report = make_report(models, X[few], y[few], class_names=NAMES, n_resamples=2)
    ece = report.scores.set_index(["model", "score"]).loc[("net", "ece"), "value"]
    proba = models["net"].predict_proba(X[few])
    assert ece == pytest.approx(expected_calibration_error(y[few], proba))
    assert sum(sum(c["count"] for c in line) for line in constant(report.html, "CELLS")[0]) == 900
    rows = rows_of(report.html)
    assert rows[SIDE_BY_SIDE][4] == [NAMES[3], "–", "–"]  # noqa: RUF001
    name, precision, recall, f1, n = rows["net"][4]
    assert (name, recall, f1, n) == (NAMES[3], "–", "–", "0")  # noqa: RUF001
    # Nothing is best where all are alike, as they are written.
    alike = make_report({"a": models["net"], "b": models["net"]}, X, y, n_resamples=2).html
    assert "<b>" not in alike


def test_all_parameters_and_seeds_are_there(report, models):
    for name, value in models["net"].get_params().items():
        assert f"<dt>{name}</dt><dd>{escape(repr(value))!s}</dd>" in report.html
    shares = np.bincount(y[:400], minlength=10) / 400
    words = ", ".join(f"{name} {share:.1%}" for name, share in zip(NAMES, shares, strict=True))
    assert f"<dt>share of each class in training</dt><dd>{words}</dd>" in report.html
    tree = DecisionTreeClassifier(random_state=7)
    search = GridSearchCV(tree, {"max_depth": [3]}, cv=2).fit(X[:100], y[:100] % 2)
    calibrated = CalibratedClassifierCV(tree, cv=2).fit(X[:100], y[:100] % 2)
    rng = np.random.RandomState(0)
    both = {"search": search, "calibrated": calibrated}
    html = make_report(both, X[:50], y[:50] % 2, n_resamples=2, random_state=rng).html
    assert html.count("<dt>estimator__random_state</dt><dd>7</dd>") == 2
    assert "<dt>best of the search</dt><dd>max_depth=3</dd>" in html
    assert "random_state is a RandomState." in html and "MT19937" not in html


def test_tables_and_names_and_pipelines(tmp_path):
    frame = load_fashion_sample(subset="test", as_frame=True).data
    labels = np.asarray(NAMES)[y]
    model = make_pipeline(PCA(30, random_state=0), net(MLPNetClassifier, max_epochs=1))
    model.fit(frame[:300], labels[:300])
    report = make_report(model, frame[300:], labels[300:], n_resamples=2)
    assert constant(report.html, "NAMES") == sorted(NAMES)
    value = report.scores.set_index("score").loc["accuracy", "value"]
    assert value == pytest.approx(model.score(frame[300:], labels[300:]))
    assert len(repr(report)) < 2000


def test_ten_thousand_images_are_below_five_megabytes(models):
    many = np.tile(X, (10, 1))
    report = make_report(models, many, np.tile(y, 10), class_names=NAMES, n_resamples=2)
    assert len(report.html.encode()) < 5e6


def test_a_page_is_one_small_file_that_asks_for_nothing(report, tmp_path):
    path = report.save(tmp_path / "page.html")
    assert path.stat().st_size < 5e6
    assert "default-src 'none'" in report.html
    assert "unsafe-eval" not in report.html.split("<title>")[0]
    markup = re.sub(r"<script.*?</script>", "", report.html, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", markup)
    assert report._repr_html_().startswith("<iframe")


@pytest.mark.parametrize("where", ["class", "model", "title", "table"])
def test_text_stays_text(where, models):
    bad = "</script><script>alert('x')</script>"
    quoted = """a" onclick='alert(1)' b="'"""
    names = [bad if where == "class" else "first", *NAMES[1:]]
    report = make_report(
        dict(zip((bad, quoted) if where == "model" else models, models.values(), strict=True)),
        *(X, y),
        class_names=names,
        title=bad if where == "title" else "Report",
        tables={bad: pd.DataFrame({bad: [bad]})} if where == "table" else None,
        n_resamples=2,
    )
    assert bad not in report.html
    assert "<script>alert" not in report.html
    assert quoted not in report.html
    if where == "class":
        assert constant(report.html, "NAMES")[0] == bad


def test_tables_are_added(models):
    frame = pd.DataFrame({"accuracy": [0.912345]}, index=pd.Index(["noise"], name="kind"))
    report = make_report(models["net"], X, y, tables={"Robustness": frame}, n_resamples=2)
    assert '<h2 id="h-table-1">Robustness</h2>' in report.html
    assert '<th scope="row">noise</th><td>0.9123</td>' in report.html
    assert '<th scope="col">kind</th><th scope="col">accuracy</th>' in report.html


def test_the_numbers_of_charts_are_there(report, models):
    texts = re.findall(r"<details>.*?</details>", report.html, re.DOTALL)
    reliability, curves, counts = (text for text in texts if "<summary>Numbers" in text)
    assert reliability.count('<th scope="row">net</th>') > 2
    history = models["net"].history_
    for i, loss in enumerate(history["train_loss"], 1):
        assert f'<th scope="row">net</th><td>{i}</td><td>{loss:.4g}</td>' in curves
    assert f'<th scope="row">{NAMES[1]}</th><td>{(y[:400] == 1).sum()}</td><td>100</td>' in counts


def test_large_images_become_small():
    rng = np.random.RandomState(0)
    images = rng.randint(256, size=(40, 200, 150, 3)).astype(np.uint8)
    labels = np.arange(40) % 2
    model = net(MLPNetClassifier, max_epochs=1, hidden_layer_sizes=4).fit(images, labels)
    report = make_report(model, images, labels, n_resamples=2)
    assert len(report.html) < 3e6
