"""Arguments in each other's places, found before anything is done with them."""

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Checked = TypeVar("Checked", bound=Callable[..., Any])


def in_order(check) -> Callable[[Checked], Checked]:
    """Let a function check its first arguments, as the user has ordered them.

    It stands outside of scikit-learn's validation, which would name one parameter and print what
    was given for it in full.

    Parameters
    ----------
    check : callable
        ``check(usage, *arguments)`` raises a ValueError; `usage` is how the function is called.
    """

    def decorate(function: Checked) -> Checked:
        parameters = inspect.signature(function).parameters.values()
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        needed = [p.name for p in parameters if p.name in names and p.default is p.empty]
        usage = f"{function.__name__}({', '.join(needed)})"

        @functools.wraps(function)
        def call(*args, **kwargs):
            given = dict(zip(names, args, strict=False)) | kwargs
            if given.keys() >= set(needed):  # otherwise Python says what is missing
                check(usage, *(given[name] for name in needed))
            return function(*args, **kwargs)

        return call

    return decorate


def check_model_and_path(usage, model, path, *_):
    """Refuse a path in the place of a model, and anything else in the place of a path."""
    if _is_path(model) and _is_model(path):
        _refuse_swapped(usage, model, path)
    if not _is_path(path):
        raise ValueError(f"Got {described(path)} as path, expected that of the new file: {usage}.")


def check_file_and_folder(usage, onnx_file, folder):
    """Refuse a model in the place of its file, and a file in the place of a folder."""
    if _is_model(onnx_file):
        raise ValueError(
            f"Got {described(onnx_file)}, expected the path of an int8 ONNX file: {usage}. Write "
            'one first: quantize(net, onnx_file, X_calibration, method="static").'
        )
    if not (_is_path(onnx_file) and _is_path(folder)):
        return
    if Path(folder).is_file():
        if Path(onnx_file).is_file():
            raise ValueError(f"Got the file {described(folder)}, expected a folder: {usage}.")
        _refuse_swapped(usage, onnx_file, folder)


def check_model_and_rows(usage, estimator, X, y):
    """Refuse a model in the place of rows or labels, and these in each other's."""
    if not _is_model(estimator) and (_is_model(X) or _is_model(y)):
        given = ", ".join(map(described, (estimator, X, y)))
        raise ValueError(f"Got {given}, expected the classifier first: {usage}.")
    shapes = [getattr(values, "shape", None) for values in (X, y)]
    if None not in shapes and len(shapes[0]) == 1 < len(shapes[1]):
        _refuse_swapped(usage, X, y, "as X and", "as y")


def described(value):
    """Return a few words for what was given."""
    if _is_path(value):
        return repr(os.fspath(value))
    if value is None:
        return "None"
    if hasattr(value, "shape"):
        return f"an array of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


def _refuse_swapped(usage, first, second, between="first and", behind="second"):
    raise ValueError(
        f"Got {described(first)} {between} {described(second)} {behind}, expected them the other "
        f"way round: {usage}."
    )


def _is_path(value):
    return isinstance(value, str | os.PathLike)


def _is_model(value):
    return hasattr(value, "predict") and not isinstance(value, type)
