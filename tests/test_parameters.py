"""How parameters are declared: annotations, constraints, defaults and groups agree."""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import torch
from common import small, weights_of
from sklearn.base import clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, make_constraint

import skfashion
from skfashion import Augmentation, ClassBalancedLoss, ConvNetClassifier, MLPNetClassifier
from skfashion.ensemble import SnapshotEnsembleClassifier
from skfashion.parameters.declaring import GROUPS, DeviceNames, Splitter, constraints_of, param

PUBLIC = [getattr(skfashion, name) for name in skfashion.__all__]
DECLARING = [thing for thing in PUBLIC if inspect.isclass(thing)]
CLASSIFIERS = [cls for cls in DECLARING if cls.__name__.endswith("Classifier")]


def types_of_annotation(annotation):
    """Return the classes that an annotation names, and the strings of its literals."""
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(types_of_annotation, get_args(annotation)))
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return {get_origin(annotation) or annotation}


def types_of_constraint(constraint):
    """Return the same for a constraint."""
    if isinstance(constraint, DeviceNames):
        return {str}
    if isinstance(constraint, StrOptions):
        return set(constraint.options)
    if isinstance(constraint, Interval):
        constraint = constraint.type
    if isinstance(constraint, HasMethods):
        return {Callable if constraint.methods == ["__call__"] else Splitter}
    if isinstance(constraint, str):
        return {
            "boolean": {bool},
            "array-like": {Sequence, np.ndarray},
            "random_state": {int, np.random.RandomState, NoneType},
            "verbose": {int},
        }[constraint]
    plain = {Integral: int, Real: float, None: NoneType, callable: Callable}
    return {plain.get(constraint, constraint)}


@pytest.mark.parametrize("cls", DECLARING)
def test_annotations_say_what_the_constraints_say(cls):
    annotations = get_type_hints(cls)
    for name, constraints in constraints_of(cls).items():
        expected = set().union(*map(types_of_constraint, constraints))
        assert types_of_annotation(annotations[name]) == expected, name


@pytest.mark.parametrize("cls", DECLARING)
def test_defaults_are_what_the_constraints_allow(cls):
    signature = inspect.signature(cls)
    for name, constraints in constraints_of(cls).items():
        default = signature.parameters[name].default
        assert any(make_constraint(c).is_satisfied_by(default) for c in constraints), name


def groups_of(cls):
    """Return the groups that a docstring lists, with the names of their parameters."""
    before = cls.__doc__.partition("    Parameters\n")[0]
    items = re.findall(r"^    - ([a-z ]+): (.*(?:\n      .*)*)", before, re.M)
    return {group: re.findall(r"`(\w+)`", names) for group, names in items}


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_parameters_stand_in_groups_in_one_order(cls):
    groups = groups_of(cls)
    assert tuple(groups) == GROUPS
    order = [name for names in groups.values() for name in names]
    assert list(inspect.signature(cls).parameters) == order
    assert re.findall(r"^    (\w+) : .*default=", cls.__doc__, re.M) == order


@pytest.mark.parametrize("cls", CLASSIFIERS)
def test_the_architecture_is_what_not_all_classifiers_have(cls):
    shared = set.intersection(*(set(inspect.signature(c).parameters) for c in CLASSIFIERS))
    assert set(groups_of(cls)["architecture"]) == set(inspect.signature(cls).parameters) - shared


def test_an_unknown_group_is_refused():
    with pytest.raises(ValueError, match="Got group='speed', expected one of .*'running'"):
        param(int, default=1, doc="Channels.", group="speed")


# Numbers of NumPy's that would overflow, or be rounded, in their own types.
NUMBERS = {
    "max_epochs": np.uint8(30),
    "step_size": np.int8(100),
    "n_threads": np.uint8(1),
    "lr": np.float16(0.01),
    "weight_decay": np.longdouble(0.01),
    "random_state": np.uint8(3),
    "batch_norm": np.bool_(True),
    "activation": np.str_("tanh"),
    "label_smoothing": np.float32(0.1),
    "lr_schedule": np.str_("cosine"),
    "hidden_layer_sizes": [np.uint8(16), np.uint8(9)],
    "class_weight": {3: np.float16(0.1)},
    "prior": np.full(10, 0.1, dtype=np.float32),
    "tta": np.uint8(3),
}


def as_python(value):
    if isinstance(value, np.floating):
        return float(value)
    if isinstance(value, dict):
        return {key: as_python(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_python(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def test_numpys_numbers_mean_the_number(digits):
    X, y = digits
    given = small(MLPNetClassifier, **NUMBERS)
    expected = small(MLPNetClassifier, **{name: as_python(v) for name, v in NUMBERS.items()})
    np.testing.assert_array_equal(weights_of(given.fit(X, y)), weights_of(expected.fit(X, y)))
    np.testing.assert_array_equal(given.predict_proba(X), expected.predict_proba(X))
    assert given.history_["lr"].tolist() == expected.history_["lr"].tolist()
    for net in (given, clone(given)):  # which holds what it was given
        assert all(type(net.get_params()[name]) is type(value) for name, value in NUMBERS.items())
    given.partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(given), weights_of(expected.partial_fit(X, y)))


def test_so_they_do_in_objects_inside_and_in_ensembles(digits):
    X, y = digits
    nets = []
    for number in (np.float16, float):
        augment = Augmentation(shift=np.uint8(1) if number is np.float16 else 1, scale=number(0.1))
        loss = ClassBalancedLoss(beta=number(0.99))
        if number is float:
            augment.scale, loss.beta = float(np.float16(0.1)), float(np.float16(0.99))
        nets.append(small(ConvNetClassifier, augment=augment, loss=loss).fit(X, y))
        assert nets[-1].augment is augment
        assert nets[-1].loss is loss
    np.testing.assert_array_equal(*map(weights_of, nets))
    net = small(MLPNetClassifier, max_epochs=np.uint8(255))
    ensemble = SnapshotEnsembleClassifier(net, n_snapshots=np.uint8(100))
    assert ensemble._lengths_of_cycles(net, X) == [3] * 55 + [2] * 45


def test_what_is_set_after_a_fit_is_checked_in_the_same_words(digits):
    X, y = digits
    net = small(ConvNetClassifier, max_epochs=1).fit(X, y)
    wrong = {"n_threads": 0, "device": "gpu", "prior": "unifrom", "tta": 1}
    wrong |= {"n_threads  ": True, "n_threads   ": np.True_}
    wrong |= {"n_threads ": 2**31, "device ": "cuda:x", "prior ": [0.5, 0.5]}
    for name, value in wrong.items():
        name = name.strip()
        net.set_params(**{name: value})
        with pytest.raises(ValueError) as at_fit:
            clone(net).fit(X, y)
        for call in (net.predict, net.predict_proba, net.decision_function):
            with pytest.raises(ValueError, match=f"Got {name}=|'{name}' parameter") as error:
                call(X)
            assert str(error.value) == str(at_fit.value)
        net.set_params(**{name: ConvNetClassifier().get_params()[name]})
    assert net.predict(X).shape == y.shape


def test_a_device_by_number(digits):
    for device in ("cuda:0", "cuda:15"):
        if not torch.cuda.is_available() or int(device[5:]) >= torch.cuda.device_count():
            with pytest.raises(ValueError, match=f"Got device='{device}', which PyTorch does not"):
                small(MLPNetClassifier, device=device).fit(*digits)


PUBLIC = ["", "adaptation", "datasets", "ensemble", "exceptions", "inspection"]
PUBLIC += ["model_selection", "monitoring", "studies"]


@pytest.mark.parametrize("module", PUBLIC)
def test_type_checkers_see_every_public_name_in_use(module):
    examples = ast.parse(Path(__file__).with_name("typing_examples.py").read_text(encoding="utf-8"))
    # An import is no ast.Name.
    used = {node.id for node in ast.walk(examples) if isinstance(node, ast.Name)}
    assert set(importlib.import_module(f"skfashion.{module}".strip(".")).__all__) <= used
