"""What an editor makes of the public names: right calls pass, and wrong ones are refused.

``make lint`` has pyright read this file; nothing runs it. A comment that ignores an error is itself
one where there is none.
"""

from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd
from sklearn.metrics import make_scorer
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold
from torch import nn

from skfashion import (
    TRUSTED_TYPES,
    AttentionNetClassifier,
    Augmentation,
    BalancedSoftmaxLoss,
    ClassBalancedLoss,
    ConvNetClassifier,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    MLPNetClassifier,
    ModuleClassifier,
    ResNetClassifier,
    TimmClassifier,
    TorchvisionClassifier,
    load,
)
from skfashion.adaptation import adapt_batch_norm
from skfashion.classifiers.base import ImageClassifier
from skfashion.datasets import (
    SEVERITIES,
    data_hash,
    fetch_cifar10,
    fetch_emnist,
    fetch_fashion_mnist,
    fetch_kmnist,
    fetch_mnist,
    load_fashion_sample,
    load_image_folder,
    make_corrupted,
    make_groups,
    make_imbalanced,
    read_idx,
)
from skfashion.ensemble import SnapshotEnsembleClassifier, average_weights
from skfashion.exceptions import DataShiftWarning
from skfashion.inspection import (
    AttributionDisplay,
    ClassDistributionDisplay,
    Dashboard,
    EmbeddingDisplay,
    ErrorAnalysisDisplay,
    FilterDisplay,
    PredictionGridDisplay,
    ProbabilityDisplay,
    ReliabilityDisplay,
    Report,
    SampleGridDisplay,
    TrainingCurveDisplay,
    make_dashboard,
    make_report,
)
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.monitoring import (
    DriftMonitor,
    DriftReport,
    ReferenceProfile,
    shift_probabilities,
)
from skfashion.nets.network import Network
from skfashion.parameters.declaring import COUNT, estimator, param, redefault
from skfashion.preprocessing import ImageReader, PhotoToFashion
from skfashion.studies import (
    DRIFTS,
    MITIGATIONS,
    TREATMENTS,
    Augment,
    ClassSkew,
    Clean,
    CorrelationRemoval,
    Corruption,
    ExponentiatedGradientReduction,
    GridSearchReduction,
    GroupSampling,
    GroupShare,
    GroupWeights,
    NewClass,
    Nothing,
    ThresholdOptimization,
    drift_study,
    fairness_study,
    group_metrics,
    imbalance_study,
    summarize_study,
)


def files():
    MLPNetClassifier().save(Path("net.safetensors"))
    assert_type(load("net.safetensors"), ImageClassifier)
    assert_type(load("net.safetensors", module=nn.Flatten), ImageClassifier)
    assert_type(TRUSTED_TYPES, tuple[str, ...])
    load(3)  # pyright: ignore[reportArgumentType]


def pictures():
    load_image_folder("photos", size=28, mode="L", crop="pad", labels={"a.png": 1}, out="x.npy")
    load_image_folder("photos", labels=pd.DataFrame({"file": ["a.png"], "label": [1]}))
    load_image_folder("photos", labels=pd.Series(["a"], index=["a.png"]), return_X_y=True)
    ImageReader((28, 20), mode="RGB", flatten=True, n_jobs=2).fit(["a.png"]).transform([b""])
    PhotoToFashion(tolerance=0.1).fit_transform([np.zeros((9, 9))])
    assert_type(read_idx("labels-idx1-ubyte").shape, tuple[int, ...])

    ImageReader(shape=28)  # pyright: ignore[reportCallIssue]


def own_parameters():
    MLPNetClassifier(hidden_layer_sizes=(3, 2), activation="gelu", batch_norm=True, dropout=0)
    MLPNetClassifier(hidden_layer_sizes=np.array([3, 2]))
    ConvNetClassifier(channels=[8, 16], depth=2, kernel_size=5, conv_dropout=0.1)
    ResNetClassifier(width=8, depth=1, block="preact", stem_stride=1, stochastic_depth=0.1)
    AttentionNetClassifier(width=8, depth=1, n_heads=2, mlp_ratio=1, n_stem_blocks=1)
    TorchvisionClassifier(backbone="resnet18", weights=Path("w.pt"), freeze=2, layer_lr_decay=0.5)
    ModuleClassifier(module=nn.Flatten, module_params={"start_dim": 1}, module_input="rows")
    ModuleClassifier(module=nn.Flatten(), channels=3, criterion=nn.NLLLoss, features="0")
    ModuleClassifier(module="nn.Flatten")  # pyright: ignore[reportArgumentType]
    TimmClassifier(backbone="resnet10t", weights=None, resize=64, freeze="backbone")

    MLPNetClassifier((3, 2))  # pyright: ignore[reportCallIssue]
    MLPNetClassifier(hidden_layers=3)  # pyright: ignore[reportCallIssue]
    MLPNetClassifier(channels=(8,))  # pyright: ignore[reportCallIssue]
    MLPNetClassifier(hidden_layer_sizes="3")  # pyright: ignore[reportArgumentType]
    ConvNetClassifier(activation="rely")  # pyright: ignore[reportArgumentType]
    ConvNetClassifier(kernel_size=2.5)  # pyright: ignore[reportArgumentType]
    ResNetClassifier(block="bottleneck")  # pyright: ignore[reportArgumentType]
    AttentionNetClassifier(n_heads="2")  # pyright: ignore[reportArgumentType]
    TimmClassifier(resize="large")  # pyright: ignore[reportArgumentType]
    TorchvisionClassifier(freeze="all")  # pyright: ignore[reportArgumentType]


def shared_parameters(net: MLPNetClassifier):
    MLPNetClassifier(optimizer="sgd", lr=1, batch_size=32, max_epochs="auto", warmup_fraction=0.1)
    MLPNetClassifier(max_grad_norm=1.0, warm_start=True, init_from=net)
    MLPNetClassifier(init_from="weights.pt", augment="standard", tta=4, ema_decay=0.99)
    MLPNetClassifier(teacher=net, distillation_weight=1, distillation_temperature=2.0)
    MLPNetClassifier(augment=Augmentation(flip="alternate", rotation=10), tta="flip")
    MLPNetClassifier(augment=lambda images, generator: images, sam_rho=None)
    MLPNetClassifier(loss="focal", class_weight={"shirt": 2}, sampling="sqrt", prior=[0.5, 0.5])
    MLPNetClassifier(loss=LDAMLoss(max_margin=0.3), sampling={0: 1, 1: 2}, prior=np.ones(2) / 2)
    MLPNetClassifier(scoring=make_scorer(len), target_score=0.9, image_shape=(28, 28))
    MLPNetClassifier(early_stopping=True, validation_split=GroupShuffleSplit(1))
    MLPNetClassifier(early_stopping=True, validation_split=StratifiedGroupKFold())
    MLPNetClassifier(precision="bf16", random_state=np.random.RandomState(0), verbose=True)
    MLPNetClassifier(checkpoint_dir=Path("there"), log_dir="here", skorch_callbacks=[])

    MLPNetClassifier(learning_rate=1e-3)  # pyright: ignore[reportCallIssue]
    MLPNetClassifier(optimizer="adamm")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(lr="auto")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(max_epochs=None)  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(augment="weak")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(teacher="net.pt")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(loss="hinge")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(class_weight="sqrt")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(prior="even")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(validation_split=0.2)  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(image_shape="square")  # pyright: ignore[reportArgumentType]
    MLPNetClassifier(device=1)  # pyright: ignore[reportArgumentType]


def parameter_objects():
    BalancedSoftmaxLoss()
    FocalLoss(gamma=1)
    ClassBalancedLoss(beta=0.99)
    LogitAdjustedLoss(tau=0.5)

    BalancedSoftmaxLoss(tau=1.0)  # pyright: ignore[reportCallIssue]
    LDAMLoss(scale=None)  # pyright: ignore[reportArgumentType]
    Augmentation(flip="sometimes")  # pyright: ignore[reportArgumentType]
    Augmentation(zoom=0.1)  # pyright: ignore[reportCallIssue]


def warning_classes():
    assert issubclass(DataShiftWarning, UserWarning)


def methods(X: np.ndarray, y: np.ndarray):
    net = assert_type(MLPNetClassifier().fit(X, y, X_val=X, y_val=y), MLPNetClassifier)
    assert_type(net.fit(X, y, groups=y), MLPNetClassifier)
    assert_type(net.fit(X, y, soft_targets=X), MLPNetClassifier)
    assert_type(net.partial_fit(X, y, classes=[0, 1]), MLPNetClassifier)
    assert_type(net.predict(X), np.ndarray)
    assert_type(net.predict_proba(X), np.ndarray)
    assert_type(net.predict_log_proba(X), np.ndarray)
    assert_type(net.decision_function(X), np.ndarray)
    assert_type(net.transform(X), np.ndarray)
    assert_type(net.classes_, np.ndarray)
    assert_type(net.loss_curve_, list[float])
    assert_type(net.best_validation_score_, float | None)
    assert_type(net.lr, float)
    net.score(X, y)
    net.set_params(lr=1e-3).get_params(deep=False)
    net.net_.save_params(f_params="net.pt")

    net.fit(X)  # pyright: ignore[reportCallIssue]
    net.fit(X, y, X_valid=X)  # pyright: ignore[reportCallIssue]
    print(net.layers_)  # pyright: ignore[reportAttributeAccessIssue]


def around_a_classifier(X: np.ndarray, y: np.ndarray):
    net = ConvNetClassifier()
    EpochHalvingSearchCV(net, {"lr": [1e-3]}, n_candidates=2, factor=2.5, min_resources=2)
    snapshots = SnapshotEnsembleClassifier(net, n_snapshots=3).fit(X, y)
    snapshots.predict(X)
    average_weights([net, net], X).predict(X)
    adapt_batch_norm(net, X, n_source=16).predict(X)

    EpochHalvingSearchCV(net, {}, n_epochs=2)  # pyright: ignore[reportCallIssue]
    SnapshotEnsembleClassifier(net, n_snapshots="3")  # pyright: ignore[reportArgumentType]
    average_weights([net], images=X)  # pyright: ignore[reportCallIssue]
    adapt_batch_norm(net, X, 16)  # pyright: ignore[reportCallIssue]


def data(X: np.ndarray, y: np.ndarray):
    fetch_fashion_mnist(subset="all", data_home=Path("there"), download_if_missing=False)
    fetch_mnist(subset="test", data_home="there", return_X_y=True)
    fetch_kmnist(as_frame=True)
    fetch_emnist(split="letters", subset="all")
    fetch_cifar10(download_if_missing=False)
    load_fashion_sample(subset="test", return_X_y=True)
    load_fashion_sample(as_frame=True)
    assert_type(data_hash(X, y), str)
    make_corrupted(X, next(iter(SEVERITIES)), 5, image_shape=(28, 28))
    make_groups(X, y, image_shape=(28, 28), random_state=None)
    make_imbalanced(X, y, {"shirt": 0.1}, ratio=2.5)

    load_fashion_sample("test")  # pyright: ignore[reportCallIssue]
    make_imbalanced(X, y, ratio="high")  # pyright: ignore[reportArgumentType]


def displays(net: ConvNetClassifier, X: np.ndarray, y: np.ndarray):
    AttributionDisplay.from_estimator(net, X, y, methods=["saliency"]).plot()
    ClassDistributionDisplay.from_labels(y, class_names=["coat", "shirt"]).plot(ax=None)
    EmbeddingDisplay.from_estimator(net, X, y, reducer="tsne", n_images=None).to_html("map.html")
    EmbeddingDisplay.from_features(X, y, random_state=None).plot()
    ErrorAnalysisDisplay.from_predictions(X, y, y, n_pairs=2, image_shape=(28, 28)).plot()
    FilterDisplay.from_estimator(net, n_filters=8).plot(n_columns=4)
    PredictionGridDisplay.from_estimator(net, X, y, random_state=None).plot(n_columns=3)
    ProbabilityDisplay.from_estimator(net, X[0], y[0]).plot()
    ReliabilityDisplay.from_predictions(y, net.predict_proba(X), n_bins=10).plot(color="red")
    SampleGridDisplay.from_data(X, y, n_images=3).plot()
    TrainingCurveDisplay.from_estimator(net, panels=["loss"]).plot(panels=["score", "lr"])

    EmbeddingDisplay.from_estimator(net, X, y, n_images="all")  # pyright: ignore[reportArgumentType]
    FilterDisplay.from_estimator(net, X)  # pyright: ignore[reportCallIssue]
    TrainingCurveDisplay.from_estimator(net, panels=1)  # pyright: ignore[reportArgumentType]


def report(net: ConvNetClassifier, X: np.ndarray, y: np.ndarray):
    assert_type(make_dashboard({"a study": "study.csv"}, title="Mine"), Dashboard)
    make_dashboard("study.csv", name="Mine")  # pyright: ignore[reportCallIssue]
    page = make_report({"net": net}, X, y, data_limits=["One shop."], random_state=None)
    assert_type(page, Report)
    assert_type(page.html, str)
    assert_type(page.scores, pd.DataFrame)
    assert_type(page.differences, pd.DataFrame)
    page.save(Path("report.html"))

    make_report(net, X, y, image_shape="square", n_samples=10)  # pyright: ignore[reportCallIssue]
    make_report(net, X, y, data_limits=1)  # pyright: ignore[reportArgumentType]


def monitoring(net: ConvNetClassifier, X: np.ndarray, y: np.ndarray):
    profile = assert_type(ReferenceProfile.from_estimator(net, X, y), ReferenceProfile)
    ReferenceProfile.from_predictions(net.predict_proba(X), y, features=X, pixels=None)
    net.save("net.safetensors", profile=profile)
    monitor = DriftMonitor(profile.to_dict(), window=200, false_alarm_rate=0.01)
    report = assert_type(monitor.update(net.predict_proba(X), pixels=X), DriftReport)
    assert_type(report.alarm, bool)
    assert_type(report.alarms, tuple[str, ...])
    assert_type(monitor.report(), DriftReport)
    shift_probabilities(net.predict_proba(X), profile.prior, report.class_prior)

    DriftMonitor(profile, 200)  # pyright: ignore[reportCallIssue]
    monitor.update()  # pyright: ignore[reportCallIssue]


def drifts(net: ConvNetClassifier, X: np.ndarray, y: np.ndarray):
    own = {"none": Clean(), "blur": Corruption("blur", 2), "dark": GroupShare("lighting", 0.1)}
    own |= {"skew": ClassSkew("exponential", 100), "new": NewClass(share=0.2)}
    drift_study({"net": net}, X, y, X, y, drifts=own, windows=[200], seeds=(0, 1))
    drift_study({"net": net}, X, y, X, y, drifts=list(DRIFTS))

    drift_study(net, X, y)  # pyright: ignore[reportCallIssue]
    Corruption(severity="3")  # pyright: ignore[reportArgumentType]


def studies(net: ConvNetClassifier, X: np.ndarray, y: np.ndarray, groups: np.ndarray):
    mitigations = {
        "nothing": Nothing(),
        "weights": GroupWeights(),
        "sampling": GroupSampling(),
        "augment": Augment(Augmentation(rotation=10)),
        "exponentiated gradient": ExponentiatedGradientReduction(max_iter=3, eps=0.02),
        "grid search": GridSearchReduction(grid_size=5, constraint_weight=0.3),
        "thresholds": ThresholdOptimization(objective="balanced_accuracy_score"),
        "remover": CorrelationRemoval(alpha=0.5),
    }
    table = fairness_study(net, X, y, groups, X, y, groups, mitigations=mitigations, seeds=range(2))
    fairness_study({"net": net}, X, y, groups, X, y, groups, mitigations=list(MITIGATIONS))
    imbalance_study(net, X, y, X, y, treatments=list(TREATMENTS), seeds=(0, 1), n_jobs=2)
    summarize_study(table)
    group_metrics(y, y, groups, classes=[0, 1])
    Augment("standard")
    Augment(lambda images, generator: images)
    Augment(None)

    Augment(3)  # pyright: ignore[reportArgumentType]
    GridSearchReduction(grid_size="5")  # pyright: ignore[reportArgumentType]
    fairness_study(net, X, y, groups, X, y)  # pyright: ignore[reportCallIssue]
    fairness_study(net, X, y, groups, X, y, groups, seeds=3)  # pyright: ignore[reportArgumentType]
    imbalance_study(net, X, y, X, y, n_seeds=3)  # pyright: ignore[reportCallIssue]


@estimator
class OwnClassifier(ImageClassifier):
    """A network of the user's."""

    lr: float = redefault(ImageClassifier, "lr", default=1e-3)
    width: int = param(COUNT, default=8, doc="Channels.")
    depth: int = param(COUNT, default="2", doc="Layers.")  # pyright: ignore[reportAssignmentType]
    tol: float = redefault(ImageClassifier, "tol", default="0")  # pyright: ignore[reportAssignmentType]

    def _build_module(self, image_shape, n_classes):
        return Network(image_shape[0])


def own_classifier():
    OwnClassifier(width=2, max_epochs=2)

    OwnClassifier(width="2")  # pyright: ignore[reportArgumentType]
    OwnClassifier(hidden_layer_sizes=2)  # pyright: ignore[reportCallIssue]
