"""Parameters of estimators, declared once: default, constraint and documentation together."""

import dataclasses
import textwrap
from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions, make_constraint

# Constraints that many parameters have.
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")


def param(default, *constraints, doc):
    """Declare a parameter of an estimator, as the value of a class attribute.

    Parameters
    ----------
    default : object
        An immutable default.
    *constraints : scikit-learn constraints
        What the parameter may be (``Interval``, ``StrOptions``, a type, None …); one must hold.
    doc : str
        What it means, for the class's docstring.
    """
    return dataclasses.field(default=default, metadata={"constraints": constraints, "doc": doc})


def redefault(cls, name, default):
    """Declare a parameter of a parent again, with another default and nothing else changed."""
    field = next(f for f in dataclasses.fields(cls) if f.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


def estimator(cls):
    """Make a class with :func:`param` attributes an estimator.

    The constructor, with an explicit keyword-only signature that ``clone`` and ``GridSearchCV``
    understand, comes from :mod:`dataclasses`. ``{parameters}`` in the class's docstring is
    replaced by the documentation of all parameters, those of its parents included, and
    ``{attributes}`` by the class's ``_attributes_doc``.
    """
    cls = dataclasses.dataclass(kw_only=True, eq=False, repr=False)(cls)
    doc = cls.__doc__.replace("    {parameters}", _document(cls))
    cls.__doc__ = doc.replace("    {attributes}", textwrap.indent(cls._attributes_doc, "    "))
    return cls


def constraints_of(cls):
    """Return the constraints of each parameter, in the form scikit-learn validates."""
    return {f.name: list(f.metadata["constraints"]) for f in dataclasses.fields(cls)}


def _document(cls):
    entries = []
    # First what makes the class what it is, then what it shares with the others.
    own = vars(cls).get("__annotations__", {})
    for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in own):
        kinds = [_kind(constraint) for constraint in field.metadata["constraints"]]
        entries.append(f"{field.name} : {' or '.join(kinds)}, default={field.default!r}")
        text = " ".join(field.metadata["doc"].split())
        entries.append(textwrap.fill(text, 90, initial_indent="    ", subsequent_indent="    "))
    return textwrap.indent("\n".join(entries), "    ")


# scikit-learn's own words for these are made for error messages.
KINDS = {
    "boolean": "bool",
    "random_state": "int, RandomState instance or None",
    "array-like": "array-like of int",
    "verbose": "int or bool",
}


def _kind(constraint):
    """Return what a parameter may be, in words that are the same in every process."""
    if isinstance(constraint, str):
        return KINDS[constraint]
    if isinstance(constraint, StrOptions):
        return "{" + ", ".join(repr(option) for option in sorted(constraint.options)) + "}"
    return str(make_constraint(constraint))


def as_sizes(name, value):
    """Return the sizes of layers as a tuple of ints; a bare int is one layer.

    Raises
    ------
    ValueError
        If a size is not a positive integer.
    """
    sizes = (value,) if isinstance(value, Integral) else tuple(value)
    if not all(isinstance(size, Integral) and size > 0 for size in sizes):
        raise ValueError(f"Got {name}={value!r}, expected positive integers, one for each layer.")
    return tuple(int(size) for size in sizes)
