"""An unknown keyword is answered with what it may have meant."""

import inspect

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skfashion
from skfashion import Augmentation, ConvNetClassifier, FocalLoss, MLPNetClassifier
from skfashion.inspection import make_report
from skfashion.studies import fairness_study, group_metrics
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


def test_all_translations_lead_to_names_that_exist():
    functions = [getattr(skfashion, name) for name in skfashion.__all__]
    functions += [MLPNetClassifier.fit, group_metrics, make_report]
    known = {name for function in functions for name in inspect.signature(function).parameters}
    assert set(TRANSLATIONS.values()) <= known
    assert not set(TRANSLATIONS) & known
    assert set(NOTES) | set(OTHER_PLACES) <= set(TRANSLATIONS)
    assert all(advice_on(word, known) for word in TRANSLATIONS)
