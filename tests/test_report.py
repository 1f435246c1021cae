"""The report: numbers that are scikit-learn's, text that stays text, one file and no more."""

import json
import re
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from clothes import net
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
)
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skfashion import MLPNetClassifier
from skfashion.__main__ import main
from skfashion.datasets import data_hash, load_fashion_sample
from skfashion.inspection import make_report
from skfashion.inspection.report.scores import differences, intervals, scores_of
from skfashion.studies.metrics import expected_calibration_error

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


def test_models_stand_side_by_side(report, models):
    rows = {}
    for table in re.findall(r"<table>.*?</table>", report.html, re.DOTALL):
        caption = re.search(r"<caption>(.*?)</caption>", table)
        cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
        rows[caption and caption[1]] = cells
    f1 = [f1_score(y, model.predict(X), average=None) for model in models.values()]
    table = rows["F1, side by side; the best in bold"]
    assert table[0] == ["class", *models]
    for i, (name, *cells) in enumerate(table[1:]):
        assert name == NAMES[i]
        for of_model, cell in zip(f1, cells, strict=True):
            assert f"{100 * of_model[i]:.1f}&nbsp;%" in cell
            assert cell.startswith("<b>") == (of_model[i] == max(one[i] for one in f1))
    assert rows["Differences from net"][0] == ["score", "line"]
    values = report.scores.set_index(["model", "score"])["value"]
    difference = values["line", "accuracy"] - values["net", "accuracy"]
    assert rows["Differences from net"][1][1].startswith(f"{difference:+.2%}")
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
    assert all(address.startswith("data:image/png;base64,") for address in images.values())


def test_a_class_may_be_missing(models):
    few = y != 3
    report = make_report(models["net"], X[few], y[few], class_names=NAMES, n_resamples=2)
    ece = report.scores.set_index("score").loc["ece", "value"]
    proba = models["net"].predict_proba(X[few])
    assert ece == pytest.approx(expected_calibration_error(y[few], proba))
    assert sum(sum(c["count"] for c in line) for line in constant(report.html, "CELLS")[0]) == 900


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
    markup = re.sub(r"<script.*?</script>", "", report.html, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", markup)
    assert report._repr_html_().startswith("<iframe")


@pytest.mark.parametrize("where", ["class", "model", "title", "table"])
def test_text_stays_text(where, models):
    bad = "<script>alert('x')</script>"
    names = [bad if where == "class" else "first", *NAMES[1:]]
    report = make_report(
        {bad if where == "model" else "net": models["net"]},
        *(X, y),
        class_names=names,
        title=bad if where == "title" else "Report",
        tables={bad: pd.DataFrame({bad: [bad]})} if where == "table" else None,
        n_resamples=2,
    )
    assert bad not in report.html
    assert "<script>alert" not in report.html
    if where == "class":
        assert constant(report.html, "NAMES")[0] == bad


def test_tables_are_added(models):
    frame = pd.DataFrame({"accuracy": [0.912345]}, index=pd.Index(["noise"], name="kind"))
    report = make_report(models["net"], X, y, tables={"Robustness": frame}, n_resamples=2)
    assert '<h2 id="h-table-1">Robustness</h2>' in report.html
    assert "<td>noise</td><td>0.9123</td>" in report.html
    assert "random_state" in report.html


def test_what_cannot_be_compared_is_refused(models):
    other = LogisticRegression().fit(X[:20], [0, 1] * 10)
    with pytest.raises(ValueError, match="Got models of different classes: net knows"):
        make_report(models | {"other": other}, X, y)
    with pytest.raises(ValueError, match="Got no models"):
        make_report({}, X, y)
    svm = LinearSVC().fit(X[:20], y[:20])
    with pytest.raises(ValueError, match="Got svm, a LinearSVC without predict_proba"):
        make_report({"svm": svm}, X, y)
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        make_report(MLPNetClassifier(), X, y)
    with pytest.raises(ValueError, match="Got data_limits='few', expected a sequence"):
        make_report(models["net"], X, y, data_limits="few")
    with pytest.raises(ValueError, match="Got n_resamples=0, expected 1 or more"):
        make_report(models["net"], X, y, n_resamples=0)


def test_without_altair_the_error_says_what_to_install(models, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ImportError, match=r"pip install 'skfashion\[report\]'"):
        make_report(models["net"], X, y)


def test_large_images_become_small():
    rng = np.random.RandomState(0)
    images = rng.randint(256, size=(40, 200, 150, 3)).astype(np.uint8)
    labels = np.arange(40) % 2
    model = net(MLPNetClassifier, max_epochs=1, hidden_layer_sizes=4).fit(images, labels)
    report = make_report(model, images, labels, n_resamples=2)
    assert len(report.html) < 3e6


# --- the command ----------------------------------------------------------------------------------


def test_the_command_writes_a_page(models, tmp_path, capsys):
    joblib.dump(models["net"], tmp_path / "net.joblib")
    pd.DataFrame({"group": ["a"], "recall": [0.5]}).to_csv(tmp_path / "groups.csv", index=False)
    out = tmp_path / "page.html"
    # A name with an equals sign is a file's, if there is such a file.
    joblib.dump(models["net"], tmp_path / "lr=0.1.joblib")
    words = [f"mine={tmp_path / 'net.joblib'}", str(tmp_path / "net.joblib")]
    words += [str(tmp_path / "lr=0.1.joblib"), "-o", str(out)]
    words += ["--table", f"Groups={tmp_path / 'groups.csv'}", "--resamples", "5"]
    assert main(["report", *words]) == 0
    page = out.read_text()
    assert all(f"<h3>{name}</h3>" in page for name in ("mine", "net", "lr=0.1"))
    assert "<td>a</td><td>0.5</td>" in page
    assert "Ankle boot" in page
    for limit in ("Whose clothes.", "Gendered styles.", "Label noise.", "Zalando SE"):
        assert limit in page
    assert data_hash(X, y) in page
    assert "MB" in capsys.readouterr().err


def test_the_command_reads_arrays(models, tmp_path):
    joblib.dump(models["net"], tmp_path / "net.joblib")
    np.savez(tmp_path / "data.npz", X=X[:100], y=y[:100])
    words = [str(tmp_path / "net.joblib"), "--data", str(tmp_path / "data.npz")]
    assert main(["report", *words, "--resamples", "2", "-o", str(tmp_path / "page.html")]) == 0
    assert "100 images of data.npz" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.joblib"], "No such file"),
        (["text.joblib"], "text.joblib cannot be read as a file of joblib.dump"),
        (["new.joblib"], "not fitted yet"),
        (["a=x.joblib", "a=y.joblib"], "Got models of equal names"),
        (["x.joblib", "--data", "images.csv"], "expected sample, fashion-mnist or an .npz file"),
    ],
)
def test_errors_of_the_command_are_short(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.joblib").write_text("no model")
    joblib.dump(LinearSVC(), "new.joblib")
    assert main(["report", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said
    assert len(said.splitlines()) == 1
