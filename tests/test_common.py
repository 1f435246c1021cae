"""The contract that every public estimator keeps, found by reflection."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from common import ESTIMATORS, FAST, LEARNING, light, small
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    generate_invalid_param_val,
    make_constraint,
)
from sklearn.utils.estimator_checks import (
    check_transformer_preserve_dtypes,
    estimator_checks_generator,
    parametrize_with_checks,
)
from skorch.callbacks import EpochScoring

from skfashion import MLPNetClassifier

SAMPLE_WEIGHT_CHECKS = dict.fromkeys(
    (
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ),
    "Dropping or repeating rows changes the mini-batches, as in scikit-learn's own "
    "SGDClassifier; test_weights.py proves the equivalence on full batches.",
)


def checks(estimators):
    return parametrize_with_checks(
        estimators, expected_failed_checks=lambda estimator: SAMPLE_WEIGHT_CHECKS
    )


def run(estimator, check):
    """Run a check, for a single epoch if it asks for nothing that must be learned."""
    if "classifier" not in check.func.__name__:
        estimator = clone(estimator).set_params(max_epochs=1)
    check(estimator)


@checks([light(cls) for cls in FAST])
def test_scikit_learn_checks(estimator, check):
    run(estimator, check)


@pytest.mark.slow
@checks([light(cls) for cls in ESTIMATORS if cls not in FAST])
def test_scikit_learn_checks_of_deep_networks(estimator, check):
    if type(estimator) not in LEARNING and check.keywords.get("readonly_memmap"):
        pytest.skip(
            "The check of a training is run on plain arrays: on memory maps, which all other "
            "classifiers are checked with, it would train a backbone for ten minutes more."
        )
    run(estimator, check)


def learning_checks(estimator):
    """Return scikit-learn's checks of what a classifier learns, as parameters of a test."""
    checks = (check for _, check in estimator_checks_generator(estimator, mark=None))
    return [
        pytest.param(check, id=check.func.__name__)
        for check in checks
        if "classifier" in getattr(check, "func", check).__name__
    ]


@pytest.mark.slow
@pytest.mark.parametrize("check", learning_checks(MLPNetClassifier()))
def test_scikit_learn_checks_with_defaults(check):
    check(MLPNetClassifier())


def test_checks_are_not_quietly_few(estimator_class):
    names = {
        check.func.__name__ if hasattr(check, "func") else check.__name__
        for _, check in estimator_checks_generator(estimator_class(), mark=None)
    }
    assert len(names) > 55
    assert "check_methods_subset_invariance" in names
    assert "check_transformer_preserve_dtypes" in names


def bad_values(cls):
    """Yield a parameter of `cls` and a value that its constraints forbid."""
    for name, constraints in cls()._parameter_constraints.items():
        yield name, type("BadType", (), {})()
        for constraint in constraints:
            if isinstance(constraint, Interval) and constraint.right is not None:
                yield name, constraint.right + (constraint.closed in {"right", "both"})
            if isinstance(constraint, Interval) and constraint.closed == "neither":
                yield name, constraint.left
            try:
                yield name, generate_invalid_param_val(make_constraint(constraint))
            except NotImplementedError:
                continue


def bad_parameters():
    """Yield cases: of each class its own parameters, and once those that all share."""
    seen = set()
    for cls in LEARNING + [cls for cls in ESTIMATORS if cls not in LEARNING]:
        for i, (name, value) in enumerate(bad_values(cls)):
            constraints = str(cls()._parameter_constraints[name])
            if (name, constraints) not in seen:
                yield pytest.param(cls, name, value, id=f"{cls.__name__}-{name}-{i}")
        seen |= {(n, str(c)) for n, c in cls()._parameter_constraints.items()}


@pytest.mark.parametrize(("cls", "name", "value"), list(bad_parameters()))
def test_bad_parameter_gives_the_standard_error(cls, name, value, digits):
    estimator = cls(**{name: value})
    for fit in (estimator.fit, lambda X, y: estimator.partial_fit(X, y, classes=np.arange(10))):
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of"):
            fit(*digits)


def test_unknown_parameter_is_refused(estimator_class):
    with pytest.raises(TypeError, match="learning_rate"):
        estimator_class(learning_rate=1e-3)
    with pytest.raises(ValueError, match="Invalid parameter 'learning_rate'"):
        estimator_class().set_params(learning_rate=1e-3)


def test_exact_precision_is_what_transform_says(digits):
    exact = small(MLPNetClassifier, precision="fp64")
    assert get_tags(exact).transformer_tags.preserves_dtype == ["float64"]
    assert exact.fit(digits[0].astype(np.float32), digits[1]).transform(digits[0]).dtype == "f8"
    check_transformer_preserve_dtypes("exact", exact)


def documented(section, doc):
    """Return the names, and the text after the colon, of a numpydoc section."""
    body = re.search(rf"{section}\n-+\n(.*?)(?=\n\n\w[\w ]*\n-+\n|\Z)", doc, re.S).group(1)
    return dict(re.findall(r"^(\w+) : (.*)$", body, re.M))


def test_documented_parameters_are_the_signature(estimator_class):
    params = estimator_class().get_params()
    doc = documented("Parameters", _dedented(estimator_class.__doc__))
    assert set(doc) == set(params)
    for name, value in params.items():
        assert doc[name].endswith(f"default={value!r}"), name


def test_documented_attributes_are_those_that_fit_sets(estimator_class, digits):
    doc = set(documented("Attributes", _dedented(estimator_class.__doc__)))
    X, y = digits
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    estimator = small(estimator_class).fit(frame, y, X_val=frame, y_val=y)
    missing = {name for name in doc if not hasattr(estimator, name)}
    assert not missing
    fitted = {name for name in vars(estimator) if name.endswith("_")}
    assert fitted <= doc


def _dedented(doc):
    return re.sub(r"^    ", "", doc, flags=re.M)


def test_nothing_is_fitted_before_fit(estimator_class):
    estimator = estimator_class()
    names = documented("Attributes", _dedented(estimator_class.__doc__))
    assert not [name for name in names if hasattr(estimator, name)]


def test_fit_changes_no_parameter(any_class, digits):
    callbacks = [("acc", EpochScoring("accuracy", name="acc", on_train=True))]
    estimator = small(any_class, skorch_callbacks=callbacks, class_weight={0: 2.0})
    before = pickle.dumps(estimator.get_params())
    estimator.fit(*digits)
    assert pickle.dumps(estimator.get_params()) == before
    assert estimator.skorch_callbacks is callbacks
    assert not hasattr(callbacks[0][1], "best_score_")
    assert "acc" in estimator.net_.history[-1]


def test_dask_tokens_tell_fits_apart(any_class, digits):
    tokenize = pytest.importorskip("dask.base").tokenize
    X, y = digits
    unfitted = small(any_class)
    one = small(any_class).fit(X, y)
    same = small(any_class).fit(X, y)
    other = small(any_class).fit(X[:150], y[:150])
    assert tokenize(one) == tokenize(same)
    assert len({tokenize(e) for e in (unfitted, one, other)}) == 3


def test_import_is_quiet_and_light_and_so_is_a_training():
    program = (
        "import sys, random, numpy as np, torch, skorch, sklearn.base\n"
        "before = torch.get_rng_state(), torch.get_num_threads(), np.random.get_state()[1].copy()\n"
        "import skfashion\n"
        "assert torch.equal(before[0], torch.get_rng_state())\n"
        "assert before[1] == torch.get_num_threads()\n"
        "assert (before[2] == np.random.get_state()[1]).all()\n"
        "heavy = {'torchvision', 'matplotlib', 'imblearn', 'fairlearn', 'dask'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        # It would make every process that trains for the first time load hundreds of modules.
        "X, y = np.arange(6400).reshape(100, 64) % 255, np.arange(100) % 2\n"
        "for optimizer in ('adamw', 'adam', 'sgd', 'muon'):\n"
        "    net = skfashion.ConvNetClassifier(optimizer=optimizer, max_epochs=1).fit(X, y)\n"
        "    net.predict(X)\n"
        "    assert not {'torch._dynamo', 'sympy'} & set(sys.modules), optimizer\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
