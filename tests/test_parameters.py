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
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, make_constraint

import skfashion
from skfashion.parameters.declaring import GROUPS, Splitter, constraints_of, param

DECLARING = [getattr(skfashion, name) for name in skfashion.__all__]
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
    if isinstance(constraint, StrOptions):
        return set(constraint.options)
    if isinstance(constraint, Interval):
        constraint = constraint.type
    if isinstance(constraint, HasMethods):
        return {Splitter}
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


PUBLIC = ["", "adaptation", "datasets", "ensemble", "inspection", "model_selection", "studies"]


@pytest.mark.parametrize("module", PUBLIC)
def test_type_checkers_see_every_public_name_in_use(module):
    examples = ast.parse(Path(__file__).with_name("typing_examples.py").read_text(encoding="utf-8"))
    # An import is no ast.Name.
    used = {node.id for node in ast.walk(examples) if isinstance(node, ast.Name)}
    assert set(importlib.import_module(f"skfashion.{module}".strip(".")).__all__) <= used
