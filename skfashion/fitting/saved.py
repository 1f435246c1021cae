"""A fitted classifier in one file: what is written, and how it is read.

The weights are tensors of a safetensors file, by their names in the network after "net."; all else
is one text of JSON in its metadata. See ``docs/saving.md``.
"""

import dataclasses
import json
import sys

import numpy as np

from skfashion.fitting.fit_checks import CONTRAST, MARGINS, OF_CLASSES, OFFSET, described
from skfashion.fitting.fit_files import FORMAT, WEIGHTS, open_fit, versions_in
from skfashion.fitting.plain import SETTINGS
from skfashion.fitting.words import array_to_words, name_of, to_words
from skfashion.parameters.declaring import constraints_of
from skfashion.parameters.options import TrainingOptions
from skfashion.utils.labels import plain_labels
from skfashion.utils.tensors import read_json, write_tensors
from skfashion.utils.versions import KEY

# The options that a prediction reads; all others may be left out of a file.
OF_PREDICTIONS = {"prior", "tta", "precision", "device", "n_threads", "image_shape", "standardize"}
OF_TRAININGS = {f.name for f in dataclasses.fields(TrainingOptions)} - OF_PREDICTIONS
OF_TRAININGS |= {"criterion"}
# Rows of a history, so that it stays within what a header may be.
MOST_ROWS = 20_000


def write_fit(path, cls, state):
    """Write a fitted classifier to a file, in one step.

    Parameters
    ----------
    path : path-like
    cls : type
        Its class.
    state : dict
        Its attributes, as its pickles have them.

    Returns
    -------
    list of str
        The parameters that are left out, since no file without code can hold them and no prediction
        needs them.

    Raises
    ------
    ValueError
        If something else cannot be held, or the network was changed by hand; nothing is written.
    OSError
        If the file cannot be written; what was there before is left as it was.
    """
    _check_can_be_saved(cls, state)
    document, tensors = _document_of(cls, state)
    # What a file says is checked before it is written, too: none is written that cannot be read.
    forms = {name: (array.dtype.name, array.shape) for name, array in tensors.items()}
    n_bytes = sum(array.nbytes for array in tensors.values())
    given = {name: state["net_"]["architecture"][name] for name in cls._given_to_load}
    try:
        found = described(cls, read_json(json.dumps(document)), forms, n_bytes, given)
        found.with_tensors(tensors)
    except ValueError as error:
        raise ValueError(f"Got a {cls.__name__} that cannot be saved: {error}") from error
    write_tensors(path, tensors, document)
    return document["left_out"]


def read_fit(path, classes, given):
    """Return the class and the attributes of a classifier in a file, which may be anybody's.

    Parameters
    ----------
    path : path-like
    classes : dict of str to type
        The classes that a file may name.
    given : dict
        Parameters that no file holds, by name; None is not given.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no such file, or damaged, or says what cannot be.
    """
    with open_fit(path) as (document, file):
        name = document.get("class")
        cls = classes.get(name) if isinstance(name, str) else None
        if cls is None:
            raise ValueError(
                f"it holds a {name!r:.80}, written with {versions_in(document)}, expected one of "
                f"{', '.join(classes)}"
            )
        # All is compared before there is memory for anything.
        needed = _needed(cls, document, given)
        try:
            found = described(cls, document, file.shapes, file.size, needed)
        except ValueError as error:
            raise ValueError(f"{_of_others(document, needed)}{error}") from error
        return cls, found.with_tensors(file.read())


def _needed(cls, document, given):
    """Return those parameters that a file needs; refuse too few and too many."""
    given = {name: value for name, value in given.items() if value is not None}
    for name in cls._given_to_load:
        if name not in given:
            called = document["parameters"].get(name)
            raise ValueError(
                f"it holds a {cls.__name__} of {called!r:.200}, which loading does not import, "
                "since that would run whatever code a file names; expected it as an argument: "
                f"skfashion.load(path, {name}=...)"
            )
    for name in given:
        if name not in cls._given_to_load:
            raise ValueError(f"it holds a {cls.__name__}, expected no {name} for that")
    return given


def _of_others(document, given):
    """Return which given parameters are called otherwise in a file, to stand before an error."""
    words = ""
    for name, value in given.items():
        called = document["parameters"].get(name)
        if called != (its_name := name_of(value)):
            words += f"it was saved with {name}={called!r:.200}, given is {its_name!r:.200}: "
    return words


def _check_can_be_saved(cls, state):
    """Refuse a classifier that no file describes."""
    if getattr(sys.modules["skfashion"], cls.__name__, None) is not cls:
        raise ValueError(
            f"Got a {cls.__name__} of {cls.__module__}, expected a classifier of skfashion itself: "
            "a file names its class, and skfashion.load knows no others. Pickle it."
        )
    if not isinstance(state["net_"], dict):
        raise ValueError(
            f"Got a {cls.__name__} whose network has been changed by hand (layers, hooks, or which "
            "weights are trained), expected one as its parameters describe it: a file without code "
            "can hold no other. Take the changes back, or pickle it."
        )
    n_epochs = len(state["net_"]["history"])
    if n_epochs > MOST_ROWS:
        raise ValueError(
            f"Got a history of {n_epochs:,} epochs, expected at most {MOST_ROWS:,}: "
            "it is in the file's header. Forget the first ones, del "
            f"net.net_.history[:-{MOST_ROWS}], or pickle the classifier."
        )


def _document_of(cls, state):
    """Return what a file says of a classifier, JSON's types, and its tensors."""
    plain = state["net_"]
    parameters, left_out = _words_of_parameters(cls, state)
    tensors = {name: state[name] for name in OF_CLASSES}
    tensors |= {f"{WEIGHTS}{name}": array for name, array in plain["weights"].items()}
    criterion = {name: value for name, value in plain["criterion"].items() if value is not None}
    criterion.pop("loss", None)  # of the user's, and code
    tensors |= {name: criterion.pop(name) for name in (OFFSET, MARGINS) if name in criterion}
    statistics = state.get("_image_statistics")
    if statistics is not None:
        statistics = dict(statistics)
        if (contrast := statistics.pop(CONTRAST)) is not None:
            tensors[CONTRAST] = contrast
    names = state.get("feature_names_in_")
    try:
        classes = array_to_words(state["classes_"])
        names = None if names is None else array_to_words(np.asarray(names, dtype=object))
    except TypeError as error:
        raise ValueError(
            f"Got a {cls.__name__} with the classes {plain_labels(state['classes_'])}, of which "
            f"{error}; expected numbers or text. Use such labels, or pickle it."
        ) from None
    optimizer = plain["optimizer"]
    try:
        optimizer = to_words(optimizer)
    except TypeError:
        optimizer = None
    return {
        "format": FORMAT,
        "class": cls.__name__,
        "versions": state[KEY],
        "parameters": parameters,
        "left_out": left_out,
        "classes": classes,
        "n_features_in": int(state["n_features_in_"]),
        "feature_names_in": names,
        "image_shape": list(state["image_shape_"]),
        "image_statistics": statistics,
        "output": state.get("_sklearn_output_config"),
        "profile": state.get("profile_"),
        "net": {
            **{name: plain[name] for name in SETTINGS},
            "architecture": _words_of_architecture(cls, plain["architecture"]),
            **{name: plain[name] for name in ("dtype", "n_columns", "head_scale")},
            **{name: plain[name] for name in ("compute_dtype", "inference_dtype")},
            "channels_last": plain["channels_last"],
            "criterion": criterion,
            "optimizer": optimizer,
            "optimizer_options": plain["optimizer_options"],
            "history": plain["history"],
        },
    }, tensors


def _words_of_architecture(cls, architecture):
    """Return the parameters that say how a network is built as JSON's types."""
    words = {}
    for name, value in architecture.items():
        if name in cls._given_to_load:
            words[name] = name_of(value)
        else:
            words[name] = to_words(value) if isinstance(value, dict) else value
    return words


def _words_of_parameters(cls, state):
    """Return the parameters of a classifier as JSON's types, and the names of those left out."""
    words, left_out = {}, []
    if state.get("_skl_callbacks"):
        left_out.append("callbacks")
    for name in constraints_of(cls):
        try:
            # A pickle of an earlier version has not all of today's parameters.
            value = state.get(name, getattr(cls, name))
            words[name] = name_of(value) if name in cls._given_to_load else to_words(value)
        except (TypeError, RecursionError) as error:
            if name not in OF_TRAININGS:
                raise ValueError(
                    f"Got {name}={state.get(name)!r}, expected what a file without code can hold "
                    f"({error}). Set another {name}, or pickle the classifier."
                ) from None
            left_out.append(name)
    return words, left_out
