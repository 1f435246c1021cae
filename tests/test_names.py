"""An unknown keyword is answered with what it may have meant."""

import inspect
import pickle
from importlib import import_module

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skfashion
from skfashion import Augmentation, ConvNetClassifier, FocalLoss, MLPNetClassifier
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.export import to_onnx
from skfashion.inspection import ErrorAnalysisDisplay, make_report
from skfashion.model_selection import EpochHalvingSearchCV
from skfashion.monitoring import DriftMonitor
from skfashion.studies import fairness_study, group_metrics
from skfashion.studies.thresholds import ClassFactorsClassifier
from skfashion.utils.names import NOTES, OTHER_PLACES, TRANSLATIONS, advice_on

# Of a classifier, in every way in which a parameter is named.
WORDS = {
    "max_iter": "Did you mean 'max_epochs'?",
    "learning_rate": "Did you mean 'lr'? How it changes from step to step is lr_schedule.",
    "learning_rate_init": "Did you mean 'lr'?",
    "alpha": "Did you mean 'weight_decay'?",
    "patience": "Did you mean 'n_iter_no_change'? It counts with early_stopping=True.",
    "epochs": "Did you mean 'max_epochs'?",
    "solver": "Did you mean 'optimizer'?",
    "n_jobs": "Did you mean 'n_threads'? To train several nets at a time",
    "eval_set": "Validation data are given to fit: fit",
    "pretrained": "Pretrained weights are weights of TorchvisionClassifier",
    "filters": "Their number is channels in ConvNetClassifier",
    "target_names": "They are the class_names of displays",
    "sensitive_features": "They are the groups of group_metrics",
    "hiden_layer_sizes": "Did you mean 'hidden_layer_sizes'?",
}


@pytest.mark.parametrize(("word", "advice"), WORDS.items())
def test_a_neighbours_word_is_translated(word, advice):
    with pytest.raises(TypeError) as error:
        MLPNetClassifier(**{word: 3})
    start = f"MLPNetClassifier.__init__() got an unexpected keyword argument {word!r}. {advice}"
    assert str(error.value).startswith(start)
    net = MLPNetClassifier(lr=0.1)
    with pytest.raises(ValueError, match=f"Invalid parameter {word!r} for estimator") as error:
        net.set_params(lr=0.2, **{word: 3})
    assert f"]. {advice}" in str(error.value)
    assert net.lr == 0.1


@pytest.mark.parametrize(
    ("word", "advice"),
    {
        "epochs": r"It is a parameter: ConvNetClassifier\(max_epochs=…\)\.$",
        "batch_size": r"It is a parameter: ConvNetClassifier\(batch_size=…\)\.$",
        "validation_split": r"\(validation_split=…\)\. A share is validation_fraction,",
        "validation_data": "Did you mean 'X_val'",
        "sample_weights": r"Did you mean 'sample_weight'\?$",
        "zzz": r"argument 'zzz'\.$",
    }.items(),
)
def test_fit_knows_the_parameters_of_its_class(word, advice):
    with pytest.raises(TypeError, match=rf"^ConvNetClassifier\.fit\(\) got .*{advice}"):
        ConvNetClassifier().fit([[0.0]], [0], **{word: 3})


def test_functions_of_a_classifier_do_not_take_its_parameters_for_theirs():
    for word in ("batch_size", "seed"):
        with pytest.raises(TypeError, match=rf"^to_onnx\(\) got .*argument '{word}'\.$"):
            to_onnx(MLPNetClassifier(), "net.onnx", **{word: 3})


def test_nothing_is_said_where_nothing_is_like_it():
    with pytest.raises(TypeError, match=r"argument 'zzz'\.$"):
        MLPNetClassifier(zzz=1)


def test_a_word_means_what_the_class_has():
    with pytest.raises(TypeError, match="Did you mean 'channels'"):
        ConvNetClassifier(filters=8)
    with pytest.raises(TypeError, match="Did you mean 'rotation'"):
        Augmentation(rotate=8)
    with pytest.raises(TypeError, match=r"'alpha'\.$"):
        FocalLoss(alpha=1)


def test_names_inside_of_others_and_in_searches(digits):
    with pytest.raises(ValueError, match="'flp' for estimator .*Did you mean 'flip'"):
        MLPNetClassifier(augment=Augmentation()).set_params(augment__flp=True)
    pipeline = make_pipeline(StandardScaler(), MLPNetClassifier())
    search = GridSearchCV(pipeline, {"mlpnetclassifier__max_iter": [1]}, cv=2)
    with pytest.raises(ValueError, match="Did you mean 'max_epochs'"):
        search.fit(*digits)


def test_fit_and_studies_are_asked_in_neighbours_words(digits):
    X, y = digits
    with pytest.raises(TypeError, match=r"fit\(\) got .*'eval_set'\. Did you mean 'X_val'"):
        MLPNetClassifier().fit(X, y, eval_set=[(X, y)])
    for function in (group_metrics, fairness_study):
        with pytest.raises(TypeError, match="'sensitive_features'. Did you mean 'groups'"):
            function(sensitive_features=y)


MODULES = ["", ".adaptation", ".datasets", ".ensemble", ".inspection", ".model_selection"]
MODULES += [".monitoring", ".preprocessing"]
MODULES = [import_module(f"skfashion{name}") for name in [*MODULES, ".serving", ".studies"]]
PUBLIC = {name: getattr(module, name) for module in MODULES for name in module.__all__}
PUBLIC["ClassFactorsClassifier"] = ClassFactorsClassifier


def is_ours(function):
    module = getattr(inspect.unwrap(function), "__module__", None)
    return str(module).startswith("skfashion.")


def callables():
    """Yield all that is public, methods and constructors included, by its name."""
    for name, thing in PUBLIC.items():
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            methods = inspect.getmembers(thing, lambda m: inspect.isroutine(m) and is_ours(m))
            public = {method for method, _ in methods if not method.startswith("_")}
            for method in sorted(public | {"__init__"}):
                yield f"{name}.{method}", getattr(thing, method)


def has_options(function):
    """Tell whether it has parameters with a default, and does not pass others on to somebody."""
    parameters = inspect.signature(function).parameters.values()
    has_default = any(parameter.default is not parameter.empty for parameter in parameters)
    return has_default and all(p.kind is not p.VAR_KEYWORD for p in parameters)


WITH_OPTIONS = {name: function for name, function in callables() if has_options(function)}


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_all_that_is_public_and_has_options_gives_advice(name):
    function = WITH_OPTIONS[name]
    *_, option = inspect.signature(function).parameters
    with pytest.raises(TypeError) as error:
        function(**{f"{option}_": None})
    text = f"got an unexpected keyword argument '{option}_'. Did you mean {option!r}?"
    assert str(error.value) == f"{inspect.unwrap(function).__qualname__}() {text}"


def test_words_of_displays_searches_and_studies(digits):
    X, y = digits
    net = MLPNetClassifier()
    for function in (make_report, ErrorAnalysisDisplay.from_predictions, PUBLIC["make_groups"]):
        advice = "'class_names'" if "class_names" in inspect.signature(function).parameters else ""
        with pytest.raises(TypeError, match=f"{advice}.*They are the class_names of displays"):
            function(net, X, y, target_names=list("0123456789"))
    search = EpochHalvingSearchCV(net, {"lr": [0.1, 0.01]})
    with pytest.raises(TypeError, match="Did you mean 'n_candidates'"):
        EpochHalvingSearchCV(net, {"lr": [0.1]}, n_iter=3)
    with pytest.raises(TypeError, match="Did you mean 'param_grid'"):
        EpochHalvingSearchCV(net, param_distributions={"lr": [0.1]})
    ensemble = SnapshotEnsembleClassifier(net)
    for estimator, own in ((search, "param_grid"), (ensemble, "n_snapshots")):
        with pytest.raises(ValueError, match=rf"'{own}s'[^?]*\]\. Did you mean '{own}'"):
            estimator.set_params(**{f"{own}s": 1})
        with pytest.raises(ValueError, match="Did you mean 'max_epochs'"):
            estimator.set_params(estimator__max_iter=3)
        assert clone(estimator).get_params().keys() == estimator.get_params().keys()
    assert pickle.loads(pickle.dumps(PUBLIC["Augment"]())) == PUBLIC["Augment"]()


def test_all_translations_lead_to_names_that_exist():
    functions = [thing for name in skfashion.__all__ if callable(thing := getattr(skfashion, name))]
    functions += [MLPNetClassifier.fit, group_metrics, make_report, DriftMonitor.update]
    known = {name for function in functions for name in inspect.signature(function).parameters}
    names = {name for names in TRANSLATIONS.values() for name in np.atleast_1d(names).tolist()}
    assert names <= known | set(inspect.signature(EpochHalvingSearchCV).parameters)
    assert set(TRANSLATIONS) & known == {"criterion"}  # of one class alone
    assert set(NOTES) | set(OTHER_PLACES) <= set(TRANSLATIONS)
    assert all(advice_on(word, known | names) for word in TRANSLATIONS)
