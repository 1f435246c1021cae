"""The dashboard as a function and as a command: what it takes, what it refuses, what it says."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from skfashion.__main__ import main
from skfashion.inspection import make_dashboard
from skfashion.studies import imbalance_study

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

STUDY = pd.DataFrame(
    {
        "treatment": ["nothing", "SMOTE"] * 4,
        "seed": [0, 0, 1, 1] * 2,
        "metric": ["accuracy"] * 4 + ["recall"] * 4,
        "class": [None] * 4 + ["</script>"] * 4,
        "value": [0.5, 0.625, 0.75, 0.875, 0.25, 0.375, 0.125, np.nan],
    }
)
DRIFT = [
    {
        "window": window,
        "tests": {
            kind: {"statistic": window / 2, "threshold": 1.5, "alarm": window > 3}
            for kind in ("pixels", "classes")
        },
    }
    for window in range(1, 5)
]


def sections(html):
    """Return what the scripts of a page work with."""
    return json.loads(re.search(r"^const SECTIONS = (.*);$", html, re.MULTILINE)[1])


def values_of(section):
    """Return the values of a study, by what is compared, measure and part."""
    data = section["data"]
    return [
        (
            data["values"][data["runs"][run][0]],
            data["metrics"][m]["metric"],
            data["parts"][p],
            value,
        )
        for run, m, p, value in data["rows"]
    ]


def write(table, path):
    """Write a table as what the name of the file says."""
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=path.suffix == ".jsonl")


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "parquet"])
def test_a_study_is_read_from_every_kind_of_file(kind, tmp_path):
    path = tmp_path / f"my study.{kind}"
    write(STUDY, path)
    out = tmp_path / "page.html"
    assert main(["dashboard", str(path), f"again={path}", "-o", str(out)]) == 0
    first, again = sections(out.read_text("utf-8"))
    assert (first["name"], again["name"], first["kind"]) == ("my study", "again", "study")
    expected = [
        (
            row["treatment"],
            row["metric"],
            row["class"] if isinstance(row["class"], str) else "",
            row["value"],
        )
        for row in STUDY.dropna(subset="value").to_dict("records")
    ]
    assert values_of(first) == expected == values_of(again)
    # A name that looks like a script is a text.
    assert "</script>" not in re.search("const SECTIONS = .*", out.read_text("utf-8"))[0]


def test_a_table_with_a_column_a_metric_is_a_study():
    table = pd.DataFrame({"method": ["a", "b"], "seed": [0, 0], "accuracy": [0.5, 0.75]})
    [section] = sections(make_dashboard(table).html)
    assert values_of(section) == [("a", "accuracy", "", 0.5), ("b", "accuracy", "", 0.75)]


def test_rows_of_result_files_are_a_study(tmp_path):
    rows = [
        {
            "mitigation": name,
            "commit": "abc",
            "metrics": {"accuracy": 0.5},
            "by_class": {"day": {"bag": {"recall": 0.25}}},
            "by_group": {"day": {"accuracy": 0.75}},
        }
        for name in ("nothing", "weights")
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    [section] = sections(make_dashboard(path).html)
    assert values_of(section)[:3] == [
        ("nothing", "accuracy", "", 0.5),
        ("nothing", "recall", "day, bag", 0.25),
        ("nothing", "accuracy", "day", 0.75),
    ]
    assert section["data"]["factors"] == []  # a commit is nothing to compare


@pytest.mark.parametrize("form", ["dict", "csv", "json"])
def test_a_search_is_read_with_its_parameters(form, tmp_path):
    grid = {"alpha": [1e-4, 1e-2, 1.0], "penalty": ["l2", None]}
    X = np.random.RandomState(0).normal(size=(60, 4))
    search = GridSearchCV(SGDClassifier(random_state=0), grid, cv=2).fit(X, X[:, 0] > 0)
    results = search.cv_results_
    if form == "csv":
        results = tmp_path / "search.csv"
        pd.DataFrame(search.cv_results_).to_csv(results)
    elif form == "json":
        results = tmp_path / "search.json"
        columns = {key: np.asarray(value).tolist() for key, value in search.cv_results_.items()}
        results.write_text(json.dumps(columns))
    [section] = sections(make_dashboard({"mine": results}).html)
    data = section["data"]
    axes = {axis["column"]: axis for axis in data["axes"]}
    assert list(axes) == ["param_alpha", "param_penalty", "mean_fit_time", "mean_test_score"]
    assert axes["param_alpha"]["kind"] == "log"
    assert axes["param_penalty"]["texts"] == ["l2", "none"]
    assert [row[0] for row in data["places"]] == pytest.approx([0, 0, 0.5, 0.5, 1, 1])
    points = {(c, split): value for c, split, value in data["curves"]["score"]["points"]}
    assert points[2, 1] == search.cv_results_["split1_test_score"][2] and len(points) == 12
    assert data["order"][0] == search.best_index_


def test_a_halving_search_has_curves_over_its_resources():
    frame = pd.DataFrame(
        {
            "iter": [0, 0, 1],
            "n_resources": [1, 1, 3],
            "param_lr": [0.1, 0.2, 0.2],
            "mean_test_score": [0.5, 0.75, np.nan],
        }
    )
    [section] = sections(make_dashboard({"halving": frame}).html)
    curves = section["data"]["curves"]["score"]
    assert curves == {"along": "n_resources", "points": [[0, 1, 0.5], [1, 1, 0.75], [2, 1, 0.75]]}
    # What has no score is nowhere on that axis, and last in the table.
    assert [row[-1] for row in section["data"]["places"]] == [0, 1, None]
    assert section["data"]["order"] == [1, 0, 2]


@pytest.mark.parametrize("is_flat", [True, False])
def test_a_drift_log_is_read(is_flat, tmp_path):
    rows = DRIFT
    if is_flat:
        rows = [
            {"time": f"2026-01-0{report['window']}T12:00:00Z", "kind": kind, **test}
            for report in DRIFT
            for kind, test in report["tests"].items()
        ]
    path = tmp_path / "drift.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    html = make_dashboard(path).html
    [section] = sections(html)
    assert section["kind"] == "drift" and section["data"]["kinds"] == ["pixels", "classes"]
    assert [row["ratio"] for row in section["data"]["rows"]][::2] == pytest.approx(
        [1 / 3, 2 / 3, 1, 4 / 3]
    )
    assert "<p>4 windows, 2 tests each, 2 alarms.</p>" in html
    assert section["data"]["along"] == ("time" if is_flat else "window")


@pytest.mark.parametrize("models", [["clothes"], ["clothes", "small"]])
def test_saved_answers_of_a_service_are_a_drift_log(models, tmp_path):
    nothing = [{"model": name, "report": None} for name in models]
    early = [{"model": name, "report": {"window": 0, "tests": {}}} for name in models]
    rows = [{"model": name, "report": report} for report in DRIFT for name in models]
    path = tmp_path / "drift.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*nothing, *early, *rows]))
    [section] = sections(make_dashboard(path).html)
    named = [f"{name}: {kind}" for name in models for kind in ("pixels", "classes")]
    kinds = ["pixels", "classes"] if len(models) == 1 else named
    assert section["kind"] == "drift" and section["data"]["kinds"] == kinds
    assert [row["place"] for row in section["data"]["rows"]][:: len(kinds)] == [1, 2, 3, 4]
    # One answer alone is a file of JSON.
    path = tmp_path / "drift.json"
    path.write_text(json.dumps(rows[0]))
    assert sections(make_dashboard(path).html)[0]["data"]["kinds"] == ["pixels", "classes"]
    path.write_text(json.dumps(nothing[0]))
    with pytest.raises(ValueError, match="before the first full window have none"):
        make_dashboard(path)


def test_windows_are_whole_numbers_on_their_axis():
    def ticks(windows, **columns):
        rows = {"kind": "pixels", "statistic": 1.0, "threshold": 2.0, "window": windows} | columns
        html = make_dashboard({"drift": pd.DataFrame(rows)}).html
        chart = json.loads(re.search(r"^const CHARTS = (.*);$", html, re.MULTILINE)[1])["drift-0"]
        return chart["layer"][0]["encoding"]["x"]["axis"].get("values")

    assert ticks([1, 2, 3]) == [1, 2, 3]
    assert ticks([1, 7, 60]) == [10, 20, 30, 40, 50, 60]
    assert ticks([0.5, 1.5]) is None
    assert ticks([1, 2], time=["2026-01-01", "2026-01-02"]) is None


def test_negated_scores_are_shown_as_losses():
    frame = pd.DataFrame(
        {
            "param_lr": [0.1, 0.2, 0.3],
            "split0_test_neg_log_loss": [-0.5, -0.25, -1.0],
            "mean_test_neg_log_loss": [-0.5, -0.25, -1.0],
            "mean_test_accuracy": [0.8, 0.9, 0.7],
        }
    )
    [section] = sections(make_dashboard({"search": frame}).html)
    data = section["data"]
    assert data["scores"] == ["log_loss", "accuracy"]
    labels = {axis["label"]: axis for axis in data["axes"]}
    assert (labels["test log_loss"]["low"], labels["test log_loss"]["high"]) == (0.25, 1)
    assert data["curves"]["log_loss"]["points"] == [[0, 0, 0.5], [1, 0, 0.25], [2, 0, 1.0]]
    assert data["order"] == [1, 0, 2]
    # Where there are both already, none takes the other's place.
    both = frame.assign(mean_test_log_loss=[0.5, 0.25, 1.0])
    [section] = sections(make_dashboard({"search": both}).html)
    assert section["data"]["scores"] == ["neg_log_loss", "accuracy", "log_loss"]


def test_a_cache_says_which_runs_it_holds(tmp_path):
    X = np.random.RandomState(0).normal(size=(90, 3))
    y = np.repeat(["a", "b", "c"], 30)
    frame = imbalance_study(
        {"bayes": GaussianNB()},
        *(X, y, X, y),
        treatments=["nothing", "RandomOverSampler"],
        profiles="as_is",
        cache=tmp_path,
        verbose=0,
    )
    [section] = sections(make_dashboard({"mine": tmp_path}).html)
    [of_frame] = sections(make_dashboard({"mine": frame}).html)

    def recalls(part):
        return sorted(row for row in values_of(part) if row[1] == "recall")

    assert recalls(section) == recalls(of_frame) and len(recalls(section)) == 6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.joblib", "", r"model.joblib, expected \.csv, \.json, .*to_csv"),
        ("empty.csv", "treatment,metric,value\n", "without rows.*--watch"),
        ("nothing.csv", "", "cannot be read as .csv"),
        ("broken.jsonl", '{"a": 1}\n{"a":', "cannot be read as .jsonl"),
        ("list.json", "[1, 2]", "something else than objects"),
        ("words.csv", "a,b\nc,d\n", r"columns \['a', 'b'\], expected a study .*Rename"),
        ("numbers.csv", "seed,accuracy\n0,0.5\n", "expected a study"),
        ("half.csv", "kind,statistic\npixels,1\n", "threshold is missing"),
        ("scores.csv", "mean_test_score\n0.5\n", "'params', or a column param_"),
        ("none.csv", "kind,statistic,threshold\npixels,,1\n", "are no numbers"),
        ("gone/", None, "without runs of a study"),
    ],
)
def test_what_is_no_result_is_refused(name, content, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.mkdir() if content is None else path.write_text(content)
    assert main(["dashboard", str(path)]) == 2
    assert re.search(message, capsys.readouterr().err)
    # Nothing is left behind.
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "b/a.csv"], "equal names"),
        (["a.csv", "-o", "gone/page.html"], "folder does not exist"),
        (["gone.csv"], "gone.csv"),
    ],
)
def test_words_of_the_command_are_checked(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    for path in ("a.csv", "b/a.csv"):
        write(STUDY, tmp_path / path)
    assert main(["dashboard", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("results", "error", "message"),
    [
        ({}, ValueError, "a dict of these"),
        ({"a": 3}, TypeError, "'a' of int, expected a table"),
        ({"a": {"x": [1], "y": [1, 2]}}, ValueError, "no table"),
    ],
)
def test_what_is_no_table_is_refused(results, error, message):
    with pytest.raises(error, match=message):
        make_dashboard(results)


def test_a_dashboard_is_saved_and_shown(tmp_path):
    dashboard = make_dashboard({"mine": STUDY}, title="Of <b>mine</b>")
    path = dashboard.save(tmp_path / "page.html")
    page = path.read_text("utf-8")
    assert "<h1>Of &lt;b&gt;mine&lt;/b&gt;</h1>" in page
    assert "const RELOAD = null" in page
    assert dashboard._repr_html_().startswith("<iframe")
    assert "html=" not in repr(dashboard)
