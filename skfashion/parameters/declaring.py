"""Parameters of estimators, declared once: default, constraint and documentation together."""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, Protocol, TypeVar, dataclass_transform, get_args

import numpy as np
from sklearn.base import BaseEstimator

from skfashion.utils._sklearn import Interval, StrOptions, make_constraint
from skfashion.utils.names import Advising, advises

# Constraints that many parameters have.
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")

# Annotations that several parameters have.
Sizes = int | Sequence[int] | np.ndarray
Activation = Literal["identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu"]
Optimizer = Literal["adamw", "adam", "sgd", "muon"] | type


class Splitter(Protocol):
    """What divides rows into parts, as the classes of ``sklearn.model_selection`` do."""

    def split(self, *args: Any, **kwargs: Any) -> Any:
        """Yield pairs of numbers of rows: those to train on, and those held out."""

    def get_n_splits(self, *args: Any, **kwargs: Any) -> Any:
        """Return how many pairs there are."""


# The groups of a classifier's parameters, in the order of signatures and docstrings.
Group = Literal[
    "architecture",
    "optimisation",
    "regularisation and augmentation",
    "imbalance",
    "validation",
    "input",
    "running",
]
GROUPS = get_args(Group)

Value = TypeVar("Value")
Class = TypeVar("Class", bound=type)


class ThreadCounts(Interval):
    """The constraint of a number of threads: an int from 1 to 1,024, and no bool."""

    def __init__(self):
        super().__init__(Integral, 1, 1024, closed="both")

    def is_satisfied_by(self, value):
        """Tell whether a value is such a number; Python counts True as 1."""
        return super().is_satisfied_by(value) and not isinstance(value, bool)

    def __str__(self):
        return "an int (no bool) in the range [1, 1024]"


class DeviceNames(StrOptions):
    """The constraint of a device: "auto", "cpu", "cuda", "mps", or "cuda:" and a number."""

    def __init__(self):
        super().__init__({"auto", "cpu", "cuda", "mps"})

    def is_satisfied_by(self, value):
        """Tell whether a value is such a name."""
        is_numbered = isinstance(value, str) and re.fullmatch(r"cuda:(0|[1-9]\d?)", value)
        return super().is_satisfied_by(value) or bool(is_numbered)

    def __str__(self):
        return "a str among {'auto', 'cpu', 'cuda', 'cuda:0', 'cuda:1', …, 'mps'}"


def param(*constraints, default: Value, doc: str, group: Group | None = None) -> Value:
    """Declare a parameter of an estimator, as the value of an annotated class attribute.

    For a type checker it returns the default, whose type the annotation must admit.

    Parameters
    ----------
    *constraints : scikit-learn constraints
        What the parameter may be (``Interval``, ``StrOptions``, a type, None …); one must hold.
    default : object
        An immutable default.
    doc : str
        What it means, for the class's docstring.
    group : str or None, default=None
        Which of `GROUPS` it belongs to; None is the class's ``_default_group``, if it has one.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    if group is not None and group not in GROUPS:
        raise ValueError(f"Got group={group!r}, expected one of {GROUPS}.")
    metadata = {"constraints": constraints, "doc": doc, "group": group}
    return dataclasses.field(default=default, metadata=metadata)


def redefault(cls, name: str, *, default: Value) -> Value:
    """Declare a parameter of a parent again, with another default and nothing else changed."""
    field = next(f for f in dataclasses.fields(cls) if f.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


@dataclass_transform(kw_only_default=True, field_specifiers=(param, redefault))
def estimator(cls: Class) -> Class:
    """Make a class with :func:`param` attributes an estimator.

    The constructor, with an explicit keyword-only signature that ``clone``, ``GridSearchCV`` and
    editors understand, comes from :mod:`dataclasses`; of an unknown name it says what that may have
    meant. Three words in the class's docstring are replaced: ``{parameters}`` by the documentation
    of all parameters, those of its parents included, ``{groups}`` by their names, a line a group,
    and ``{attributes}`` by the class's ``_attributes_doc``.
    """
    cls = dataclasses.dataclass(kw_only=True, eq=False, repr=False)(cls)
    fields = _fields_by_group(cls)
    signature = inspect.signature(cls.__init__)
    order = ["self", *(field.name for field in fields)]
    vars(advises(cls))["__init__"].__signature__ = signature.replace(
        parameters=[signature.parameters[name] for name in order]
    )
    parts = {
        "parameters": _entries(fields),
        "groups": _overview(cls, fields),
        "attributes": getattr(cls, "_attributes_doc", ""),
    }
    for word, text in parts.items():
        cls.__doc__ = cls.__doc__.replace(f"    {{{word}}}", textwrap.indent(text, "    "))
    return cls


class Declared(Advising, BaseEstimator):
    """An estimator whose parameters are declared."""


def with_plain_numbers(declared):
    """Return an estimator, or an object inside it, with NumPy's numbers as Python's, to read from.

    NumPy's small types are computed with in themselves: twice a ``uint8`` of 200 is 144. The
    object itself keeps the values that it was given, as ``clone`` demands; it is returned where
    there is nothing to change.
    """
    values = {field.name: getattr(declared, field.name) for field in dataclasses.fields(declared)}
    plain = {name: _plain(value) for name, value in values.items()}
    changed = {name: plain[name] for name, value in values.items() if plain[name] is not value}
    return dataclasses.replace(declared, **changed) if changed else declared


def _plain(value):
    """Return one of NumPy's numbers as Python's, and the same for an object with parameters."""
    if isinstance(value, np.floating):
        return float(value)  # `item` would leave a long double
    if isinstance(value, np.generic):
        return value.item()
    return with_plain_numbers(value) if isinstance(value, Declared) else value


def constraints_of(cls):
    """Return the constraints of each parameter, in the form scikit-learn validates."""
    return {f.name: list(f.metadata["constraints"]) for f in dataclasses.fields(cls)}


def _fields_by_group(cls):
    """Return the fields of a class in the order of `GROUPS`, as declared within a group."""
    order = (*GROUPS, None)
    return sorted(dataclasses.fields(cls), key=lambda field: order.index(_group_of(cls, field)))


def _group_of(cls, field):
    """Return the group of a field of a class, None where it has none."""
    return field.metadata["group"] or getattr(cls, "_default_group", None)


def _entries(fields):
    """Return the entries of a numpydoc section "Parameters"."""
    entries = []
    for field in fields:
        kinds = [_kind(constraint) for constraint in field.metadata["constraints"]]
        entries.append(f"{field.name} : {' or '.join(kinds)}, default={field.default!r}")
        text = " ".join(field.metadata["doc"].split())
        entries.append(textwrap.fill(text, 90, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(entries)


def _overview(cls, fields):
    """Return the names of the parameters as a list, an item a group."""
    items = []
    for group in GROUPS:
        names = [f"`{field.name}`" for field in fields if _group_of(cls, field) == group]
        if names:
            item = f"- {group}: {', '.join(names)}"
            items.append(textwrap.fill(item, 90, subsequent_indent="  "))
    return "The parameters by group, in this order:\n\n" + "\n".join(items)


# Words for docstrings; scikit-learn's own are made for error messages.
KINDS = {
    "boolean": "bool",
    "random_state": "int, RandomState instance or None",
    "array-like": "array-like of int",
    "verbose": "int or bool",
}


def _kind(constraint):
    """Return a constraint in words for a docstring, options sorted."""
    if isinstance(constraint, str):
        return KINDS[constraint]
    if type(constraint) is StrOptions:
        return "{" + ", ".join(repr(option) for option in sorted(constraint.options)) + "}"
    return str(make_constraint(constraint)).removeprefix("a str among ")


def as_sizes(name, value):
    """Return checked sizes of layers as a tuple of ints; a bare int is one layer."""
    sizes = (value,) if isinstance(value, Integral) else tuple(value)
    if not all(isinstance(size, Integral) and size > 0 for size in sizes):
        raise ValueError(f"Got {name}={value!r}, expected positive integers, one for each layer.")
    return tuple(int(size) for size in sizes)
