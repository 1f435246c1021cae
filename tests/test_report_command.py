"""The report as a command, and what neither it nor make_report takes."""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from clothes import net
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from skfashion import MLPNetClassifier
from skfashion.__main__ import main
from skfashion.datasets import data_hash, load_fashion_sample
from skfashion.inspection import make_report
from skfashion.inspection.report.tables import table_as_text

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

X, y = load_fashion_sample(subset="test", return_X_y=True)


@pytest.fixture(scope="module")
def models():
    return {"net": net(MLPNetClassifier, max_epochs=2).fit(X[:400], y[:400])}


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


def test_the_command_reads_arrays(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    joblib.dump(models["net"], "net.joblib")
    np.savez("data.npz", X=X[:100], y=y[:100])
    words = ["report", "net.joblib", "--data", "data.npz", "--resamples", "2", "-o", "page.html"]
    assert main(words) == 0
    said = Path("page.html").read_text("utf-8")
    assert "100 images of data.npz" in said
    assert "<li>Nothing was said about where these images are from.</li>" in said
    words += ["--data-name", "photographs", "--limit", "Of one shop.", "--limit", "By day."]
    assert main(words) == 0
    said = Path("page.html").read_text("utf-8")
    assert "100 photographs" in said and "<li>Of one shop.</li><li>By day.</li>" in said
    assert "Nothing was said" not in said


def test_the_command_reads_files_of_medmnist(models, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    joblib.dump(models["net"], "net.joblib")
    arrays = {"train_images": X[:9], "train_labels": y[:300, None], "val_images": X[:9]}
    arrays |= {"val_labels": y[:9, None], "test_images": X[:100].reshape(-1, 28, 28)}
    np.savez("med.npz", **arrays, test_labels=y[:100, None])
    words = ["report", "net.joblib", "--data", "med.npz", "--resamples", "2", "-o", "page.html"]
    assert main(words) == 0
    assert "100 images of med.npz" in Path("page.html").read_text("utf-8")
    np.savez("med.npz", **arrays, test_labels=np.zeros((100, 14), int))
    assert main(words) == 2
    assert "test_labels of shape (100, 14)" in capsys.readouterr().err


def test_the_command_takes_models_that_have_learned_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = np.asarray(load_fashion_sample().target_names)
    model = make_pipeline(RandomOverSampler(random_state=0), net(MLPNetClassifier, max_epochs=1))
    joblib.dump(model.fit(X[:300], names[y[:300]]), "names.joblib")
    assert main(["report", "names.joblib", "--resamples", "2"]) == 0
    page = Path("report.html").read_text("utf-8")
    assert f"{model.score(X, names[y]):.2%}" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.joblib"], "No such file"),
        (["text.joblib"], "Got text.joblib, which cannot be read as a file of joblib.dump"),
        (["new.joblib"], "not fitted yet"),
        (["a=x.joblib", "a=y.joblib"], "Got models of equal names"),
        (["x.joblib", "--data", "images.csv"], "expected sample, fashion-mnist or an .npz file"),
        (["dict.joblib"], "dict.joblib, which holds dict, expected a fitted classifier"),
        (["class.joblib"], "class.joblib, which holds the class LinearSVC"),
        (["damaged.joblib"], "Got damaged.joblib, which cannot be read as a file of joblib.dump ("),
        (
            ["new.joblib", "--data", "cut.npz"],
            "cut.npz, which cannot be read as an .npz file (BadZipFile",
        ),
        (["new.joblib", "--data", "one.npz"], "one.npz, which cannot be read as an .npz file"),
        (["gone.joblib"], "gone.joblib, which needs code that is not found here"),
        (["new.joblib", "--table", "A=class.joblib"], "class.joblib, which cannot be read as"),
        (["new.joblib", "-o", "nowhere/page.html"], "-o nowhere/page.html, whose folder does not"),
    ],
)
def test_errors_of_the_command_are_short(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.joblib").write_text("no model")
    for name, content in {"new": LinearSVC(), "dict": {"a": 1}, "class": LinearSVC}.items():
        joblib.dump(content, f"{name}.joblib")
    # As a class of a script that has ended.
    Path("gone.joblib").write_bytes(b"\x80\x02c__main__\nGoneClassifier\n.")
    Path("damaged.joblib").write_bytes(Path("dict.joblib").read_bytes()[:-4])
    np.savez("whole.npz", X=X[:10], y=y[:10])
    Path("cut.npz").write_bytes(Path("whole.npz").read_bytes()[:500])
    with open("one.npz", "wb") as file:
        np.save(file, X[:10])
    assert main(["report", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said
    assert len(said.splitlines()) == 1


def test_what_cannot_be_compared_is_refused(models):
    other = LogisticRegression().fit(X[:20], [0, 1] * 10)
    with pytest.raises(ValueError, match="Got models of different classes: net knows"):
        make_report(models | {"other": other}, X, y)
    with pytest.raises(ValueError, match="Got no models"):
        make_report({}, X, y)
    with pytest.raises(ValueError, match="Got a list of models, expected a fitted classifier or"):
        make_report([models["net"]], X, y)
    with pytest.raises(ValueError, match="Got a, a str, expected a fitted classifier"):
        make_report({"a": "net.joblib"}, X, y)
    svm = LinearSVC().fit(X[:20], y[:20])
    with pytest.raises(ValueError, match="Got svm, a LinearSVC without predict_proba"):
        make_report({"svm": svm}, X, y)
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        make_report(MLPNetClassifier(), X, y)
    with pytest.raises(ValueError, match="Got data_limits='few', expected a sequence"):
        make_report(models["net"], X, y, data_limits="few")
    for n in (0, "10", 2.5):
        with pytest.raises(ValueError, match=f"must be an int in the range .* Got {n!r} instead"):
            make_report(models["net"], X, y, n_resamples=n)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[999, 1000\]"):
        make_report(models["net"], X, y[1:])
    with pytest.raises(ValueError, match="y should be a 1d array"):
        make_report(models["net"], X, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match="Got no test images"):
        make_report(models["net"], X[:0], y[:0])
    with pytest.raises(ValueError, match=r"Got models named \[1, '1'\], some of which are equal"):
        make_report({1: models["net"], "1": models["net"]}, X, y)


def test_without_altair_the_error_says_what_to_install(models, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[report\]'"):
        make_report(models["net"], X, y)


def test_the_index_of_a_table_is_kept_unless_it_counts():
    frame = pd.DataFrame({"a": [0.5, np.nan]}, index=["noise", "blur"])
    noise, blur = {"keys": ["noise"], "values": ["0.5"]}, {"keys": ["blur"], "values": ["\u2013"]}
    assert table_as_text(frame) == {"columns": ["", "a"], "body": [noise, blur]}
    assert table_as_text(frame.rename_axis(0))["columns"] == ["0", "a"]
    pairs = pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["kind", None])
    assert table_as_text(frame.set_index(pairs))["columns"] == ["kind", "", "a"]
    assert table_as_text(frame.set_index(pairs))["body"][1]["keys"] == ["y", "2"]
    assert table_as_text(frame.reset_index(drop=True))["columns"] == ["a"]
