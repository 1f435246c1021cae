"""Following a training: event files read back, MLflow's store read back."""

import errno
import os
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from clothes import net, pick
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from skorch.callbacks import Callback

from skfashion import ConvNetClassifier, MLPNetClassifier
from skfashion.model_selection import EpochHalvingSearchCV

X, y = pick({"Bag": 60, "Sneaker": 40, "Trouser": 20})
X_val, y_val = pick(dict.fromkeys(["Bag", "Sneaker", "Trouser"], 20), start=60)


# --- TensorBoard ----------------------------------------------------------------------------------


def runs(folder):
    """Return what TensorBoard reads of each run, by the names of the folders."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return {path.name: EventAccumulator(str(path)).Reload() for path in sorted(folder.iterdir())}


def values(run, chart):
    return [event.value for event in run.Scalars(chart)]


def test_a_run_holds_what_the_history_holds(any_class, tmp_path):
    model = net(any_class, max_epochs=2, scoring="accuracy", log_dir=tmp_path)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    ((name, run),) = runs(tmp_path).items()
    assert name.startswith(f"{any_class.__name__}-")
    history = model.history_
    for column, chart in {
        "train_loss": "loss/train",
        "valid_loss": "loss/valid",
        "train_accuracy": "score/train_accuracy",
        "valid_score": "score/valid_score",
        "lr": "training/lr",
    }.items():
        np.testing.assert_allclose(values(run, chart), history[column], rtol=1e-6)
    np.testing.assert_allclose(
        values(run, "training/images_per_second"), len(X) / history["seconds"], rtol=1e-6
    )
    assert [event.step for event in run.Scalars("loss/train")] == [1, 2]
    for column in ("train_loss", "valid_loss", "train_accuracy", "valid_score"):
        (final,) = values(run, f"final/{column}")
        assert final == pytest.approx(history[column].iloc[-1])
    assert len(run.Images("predictions/images")) == 1
    text = run.Tensors("predictions/table/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text.count("\n") == 1 + 16
    assert {"Bag", "Sneaker", "Trouser"} >= {line.split(" | ")[1] for line in text.split("\n")[2:]}


def test_finals_are_those_of_the_epoch_that_is_kept(tmp_path):
    scores = iter([0.5, 0.9, 0.1, 0.2])
    model = net(
        MLPNetClassifier,
        max_epochs=4,
        early_stopping=True,
        scoring=lambda estimator, X, y: next(scores),
        log_dir=tmp_path,
    ).fit(X, y, X_val=X_val, y_val=y_val)
    (run,) = runs(tmp_path).values()
    for column in ("train_loss", "valid_loss", "train_accuracy", "valid_score"):
        (final,) = values(run, f"final/{column}")
        assert final == pytest.approx(model.history_[column][1])


def test_a_score_that_is_the_loss_has_no_chart(tmp_path):
    net(MLPNetClassifier, max_epochs=2, log_dir=tmp_path).fit(X, y, X_val=X_val, y_val=y_val)
    (run,) = runs(tmp_path).values()
    charts = run.Tags()["scalars"]
    assert "loss/valid" in charts
    assert not [chart for chart in charts if "valid_score" in chart]


def test_shown_predictions_are_those_of_the_net(tmp_path):
    model = net(MLPNetClassifier, max_epochs=3, log_dir=tmp_path).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    (run,) = runs(tmp_path).values()
    text = run.Tensors("predictions/table/text_summary")[0].tensor_proto.string_val[0].decode()
    rows = [line.strip("| ").split(" | ") for line in text.split("\n")[2:]]
    probabilities = model.predict_proba(X_val[:16])
    assert [row[1] for row in rows] == y_val[:16].tolist()
    assert [row[2] for row in rows] == model.predict(X_val[:16]).tolist()
    assert [float(row[3]) for row in rows] == pytest.approx(probabilities.max(axis=1), abs=2e-3)


def test_shown_predictions_are_those_of_the_estimator(tmp_path):
    # With a prior and mirrored views, which the net alone knows nothing of; a bar is no column.
    model = net(
        ConvNetClassifier,
        max_epochs=2,
        prior="uniform",
        tta="flip",
        batch_norm=False,
        log_dir=tmp_path,
    ).fit(
        X, np.char.replace(y, "Bag", "A|B"), X_val=X_val, y_val=np.char.replace(y_val, "Bag", "A|B")
    )
    (run,) = runs(tmp_path).values()
    text = run.Tensors("predictions/table/text_summary")[0].tensor_proto.string_val[0].decode()
    rows = [line.strip("| ").split(" | ") for line in text.split("\n")[2:]]
    expected = model.predict_proba(X_val[:16])
    assert [float(row[3]) for row in rows] == pytest.approx(expected.max(axis=1), abs=6e-4)
    assert {"A&#124;B"} < {row[1] for row in rows} <= {"A&#124;B", "Sneaker", "Trouser"}
    plain = model.set_params(prior=None, tta=None).predict_proba(X_val[:16]).max(axis=1)
    assert np.abs(plain - expected.max(axis=1)).max() > 0.01


def test_hyper_parameters_stand_beside_final_scores(tmp_path):
    from tensorboard.plugins.hparams import plugin_data_pb2

    net(MLPNetClassifier, max_epochs=2, lr=0.004, log_dir=tmp_path).fit(X, y)
    (run,) = runs(tmp_path).values()
    found = run.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(found).session_start_info
    assert start.hparams["lr"].number_value == 0.004
    assert start.hparams["hidden_layer_sizes"].string_value
    assert start.hparams["candidate"].string_value in run.path
    assert "final/train_accuracy" in run.Tags()["scalars"]


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_each_candidate_is_a_run(n_jobs, tmp_path):
    model = net(MLPNetClassifier, max_epochs=1, log_dir=tmp_path)
    search = GridSearchCV(model, {"lr": [1e-3, 5e-3]}, cv=2, n_jobs=n_jobs).fit(X, y)
    assert len(runs(tmp_path)) == 5
    # Two folds a candidate, and the last fit with the best one's parameters.
    candidates = Counter(name.split("-")[1] for name in runs(tmp_path))
    assert sorted(candidates.values()) == [2, 3]
    plain = GridSearchCV(net(MLPNetClassifier, max_epochs=1), {"lr": [1e-3, 5e-3]}, cv=2).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_a_training_that_pauses_is_no_run(tmp_path):
    model = net(MLPNetClassifier, log_dir=tmp_path)
    EpochHalvingSearchCV(model, {"lr": [1e-3, 5e-3]}, max_resources=2, factor=2, cv=2).fit(X, y)
    (run,) = runs(tmp_path).values()
    assert [event.step for event in run.Scalars("loss/train")] == [1, 2]


def test_a_run_changes_no_bit(tmp_path):
    plain = net(ConvNetClassifier).fit(X, y)
    logged = net(ConvNetClassifier, log_dir=tmp_path / "new" / "folder").fit(X, y)
    np.testing.assert_array_equal(plain.predict_proba(X_val), logged.predict_proba(X_val))
    assert not any("log" in name for name, _ in logged.net_.callbacks_)


class FailInTheSecondEpoch(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            raise RuntimeError("enough")


def test_a_run_that_fails_is_closed(tmp_path):
    model = net(
        MLPNetClassifier,
        max_epochs=3,
        log_dir=tmp_path,
        skorch_callbacks=[FailInTheSecondEpoch()],
    )
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, y)
    (run,) = runs(tmp_path).values()
    (event,) = run.Scalars("loss/train")
    assert event.step == 1
    assert np.isfinite(event.value)


def test_a_log_that_cannot_be_written_costs_no_training(tmp_path, monkeypatch):
    from torch.utils.tensorboard import SummaryWriter

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    plain = net(MLPNetClassifier, max_epochs=3).fit(X, y)
    for method in ("add_scalar", "add_text", "close"):
        with monkeypatch.context() as patch:
            patch.setattr(SummaryWriter, method, full)
            model = net(MLPNetClassifier, max_epochs=3, log_dir=tmp_path)
            with pytest.warns(RuntimeWarning, match="Could not write the log in .*No space left"):
                model.fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X_val), plain.predict_proba(X_val))


def test_names_that_are_no_valid_unicode_are_logged(tmp_path):
    latin = b"caf\xe9".decode("utf-8", "surrogateescape")  # as os.listdir gives a name in Latin-1
    names = np.where(y == "Bag", latin, y.astype(object))
    net(MLPNetClassifier, max_epochs=1, log_dir=tmp_path).fit(X, names)
    (run,) = runs(tmp_path).values()
    text = run.Tensors("predictions/table/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "caf\\udce9" in text


PROGRAM = """
import resource, signal, warnings
import numpy as np
from skfashion import MLPNetClassifier

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # what a full disk looks like
X, y = np.eye(20), np.arange(20) % 2
net = MLPNetClassifier(hidden_layer_sizes=4, max_epochs=60, log_dir={folder!r}, random_state=0)
with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    net.fit(X, y)
print(net.n_iter_, [str(one.message)[:27] for one in found if one.category is RuntimeWarning])
"""


@pytest.mark.slow
def test_a_full_disk_ends_the_log_and_not_the_training(tmp_path):
    call = [sys.executable, "-c", PROGRAM.format(folder=str(tmp_path))]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert done.stdout == "60 ['Could not write the log in ']\n", done.stderr


def test_without_tensorboard_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[tracking\]'"):
        net(MLPNetClassifier, log_dir=tmp_path).fit(X, y)


# --- MLflow ---------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path, monkeypatch):
    """MLflow with a database of its own, whose default experiment keeps its files beside it.

    A database, because MLflow warns that its store of plain files is no longer kept up.
    """
    mlflow = pytest.importorskip("mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = mlflow.get_tracking_uri()
        monkeypatch.chdir(tmp_path)
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
        yield mlflow
        mlflow.sklearn.autolog(disable=True)
        mlflow.set_tracking_uri(before)


@pytest.mark.slow
def test_mlflow_logs_pipelines_and_models_load_back(store):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store.sklearn.autolog()
        model = make_pipeline(MinMaxScaler(), net(MLPNetClassifier)).fit(X / 255, y)
        run = store.last_active_run()
        assert run.data.params["mlpnetclassifier__hidden_layer_sizes"]
        assert run.data.metrics["training_accuracy_score"] == pytest.approx(
            model.score(X / 255, y), abs=1e-6
        )
        loaded = store.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    np.testing.assert_array_equal(loaded.predict_proba(X_val), model.predict_proba(X_val))


def callback_of_the_page():
    """Return the class ``LogEpochs`` that docs/tracking.md has."""
    page = (Path(__file__).parents[1] / "docs" / "tracking.md").read_text(encoding="utf-8")
    (block,) = (block for block in page.split("```")[1::2] if "class LogEpochs" in block)
    namespace = {"__name__": "__page__"}
    exec(block.split("\nnet = ")[0], namespace)
    return namespace["LogEpochs"]


@pytest.mark.slow
def test_mlflow_has_the_epochs_of_a_net_by_a_callback(store):
    model = net(MLPNetClassifier, max_epochs=3, skorch_callbacks=[callback_of_the_page()()])
    with store.start_run() as run:
        store.log_params(model.get_params())
        model.fit(X, y, X_val=X_val, y_val=y_val)
    client = store.MlflowClient()
    for name in ("train_loss", "valid_loss", "valid_score"):
        logged = client.get_metric_history(run.info.run_id, name)
        assert [metric.step for metric in logged] == [1, 2, 3]
        np.testing.assert_allclose([metric.value for metric in logged], model.history_[name])
    assert client.get_run(run.info.run_id).data.params["max_epochs"] == "3"


@pytest.mark.slow
def test_mlflow_logs_searches_as_nested_runs(store):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store.sklearn.autolog(max_tuning_runs=10)
        pipeline = make_resampling_pipeline(RandomOverSampler(), net(MLPNetClassifier))
        grid = {"mlpnetclassifier__lr": [1e-3, 5e-3, 1e-2]}
        search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
        found = store.search_runs()
    children = found[found["tags.mlflow.parentRunId"].notna()]
    assert len(children) == 3
    parent = found[found["tags.mlflow.parentRunId"].isna()].iloc[0]
    assert parent["metrics.best_cv_score"] == pytest.approx(search.best_score_)
