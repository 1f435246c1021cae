"""A fitted classifier in one file: what it says, and the checks of what somebody else says.

The weights are tensors of a safetensors file, by their names in the network after "net."; all else
is one text of JSON in its metadata. See ``docs/saving.md``.
"""

import dataclasses
import json
import math
from itertools import pairwise

import numpy as np

from skfashion.fitting.fit_files import FORMAT, WEIGHTS, open_fit, versions_in
from skfashion.fitting.plain import DTYPES, SETTINGS, build_for
from skfashion.fitting.words import array_from_words, array_to_words, from_words, to_words
from skfashion.images import planes_shape
from skfashion.parameters.declaring import constraints_of
from skfashion.parameters.options import TrainingOptions
from skfashion.training import NAMED_DTYPES, OPTIMIZERS, RECORDS, resolve_optimizer
from skfashion.utils._sklearn import validate_parameter_constraints
from skfashion.utils.tensors import read_json, write_tensors
from skfashion.utils.versions import KEY, library_versions

# The options that a prediction reads; all others may be left out of a file.
OF_PREDICTIONS = {"prior", "tta", "precision", "device", "n_threads", "image_shape", "standardize"}
OF_TRAININGS = {f.name for f in dataclasses.fields(TrainingOptions)} - OF_PREDICTIONS
# What is kept as tensors besides the weights: of each class, and of each pixel.
OF_CLASSES = ("class_count_", "class_prior_", "class_weight_", "effective_class_prior_")
CONTRAST, OFFSET, MARGINS = "contrast", "offset", "margins"
# The largest numbers that the loss may be given.
MOST = {"gamma": 1e9, "label_smoothing": 1.0, "soft_weight": 1.0, "temperature": 1e9}
OPTIONS = {"weight_decay", "momentum", "nesterov", "fused"}


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
    plain = state["net_"]
    if not isinstance(plain, dict):
        raise ValueError(
            f"Got a {cls.__name__} whose network has been changed by hand (layers, hooks, or which "
            "weights are trained), expected one as its parameters describe it: a file without code "
            "can hold no other. Take the changes back, or pickle it."
        )
    parameters, left_out = _words_of_parameters(cls, state)
    tensors = {name: state[name] for name in OF_CLASSES}
    tensors |= {f"{WEIGHTS}{name}": array for name, array in plain["weights"].items()}
    criterion = {name: value for name, value in plain["criterion"].items() if value is not None}
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
            f"Got a {cls.__name__} with the classes {state['classes_']!r}, of which {error}; "
            "expected numbers or text. Use such labels, or pickle it."
        ) from None
    optimizer = plain["optimizer"]
    try:
        optimizer = to_words(optimizer)
    except TypeError:
        optimizer = None
    document = {
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
        "net": {
            **{name: plain[name] for name in SETTINGS},
            **{name: plain[name] for name in ("dtype", "n_columns", "head_scale")},
            **{name: plain[name] for name in ("compute_dtype", "inference_dtype")},
            "channels_last": plain["channels_last"],
            "criterion": criterion,
            "optimizer": optimizer,
            "optimizer_options": plain["optimizer_options"],
            "history": [_words_of_row(row) for row in plain["history"]],
        },
    }
    # What a file says is checked before it is written, too: none is written that cannot be read.
    shapes = {name: (array.dtype.name, array.shape) for name, array in tensors.items()}
    state_of(
        cls,
        read_json(json.dumps(document)),
        shapes,
        tensors,
        sum(a.nbytes for a in tensors.values()),
    )
    write_tensors(path, tensors, document)
    return left_out


def read_fit(path, classes):
    """Return the class and the attributes of a classifier in a file, which may be anybody's.

    Parameters
    ----------
    path : path-like
    classes : dict of str to type
        The classes that a file may name.

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
        # Shapes are compared before there is memory for anything.
        state_of(cls, document, file.shapes, None, file.size)
        return cls, state_of(cls, document, file.shapes, file.read(), file.size)


def state_of(cls, document, shapes, tensors, size):
    """Return the attributes of a classifier, once they are known to be such.

    Parameters
    ----------
    cls : type
    document : dict
        What a file says.
    shapes : dict of str to tuple
        Dtype and shape of its tensors.
    tensors : dict of str to ndarray, or None
        None checks what can be checked without them, and returns None.
    size : int
        Bytes of the file, to bound parameters by.

    Raises
    ------
    ValueError
        If something is not as it should be.
    """
    try:
        return _state_of(cls, document, shapes, tensors, size)
    except KeyError as error:
        raise ValueError(f"it does not say {error}") from None
    except (TypeError, AttributeError, OverflowError, RecursionError, RuntimeError) as error:
        # Of whatever is of another type than any that was written.
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _state_of(cls, document, shapes, tensors, size):
    parameters = _parameters_of(cls, document)
    classes = array_from_words(document["classes"])
    k = len(classes)
    if k < 1 or not all(a < b for a, b in pairwise(classes)):
        raise ValueError("its classes are not sorted, or come twice")
    image_shape, n_features = document["image_shape"], document["n_features_in"]
    _check(_are_sizes(image_shape) and 2 <= len(image_shape) <= 3, "image_shape")
    _check(math.prod(image_shape) == n_features, "n_features_in")
    names = document["feature_names_in"]
    if names is not None:
        names = array_from_words(names)
        _check(names.dtype == object and len(names) == n_features, "feature_names_in")
        _check(all(isinstance(name, str) for name in names), "feature_names_in")
    net = _net_of(cls, document["net"], image_shape, k, n_features, shapes, size)
    # Which tensors there are, of which shapes, is known now.
    statistics, dtype = document["image_statistics"], net["dtype"]
    own = dict.fromkeys(OF_CLASSES, ("float64", (k,)))
    optional = {OFFSET: (dtype, (k,)), MARGINS: (dtype, (k,))}
    if statistics is not None:
        numbers = {name: value for name, value in statistics.items() if name != "is_uint8"}
        _check(set(numbers) == {"low", "high", "usual_peak", "middle"}, "image_statistics")
        _check(all(map(_is_number, numbers.values())), "image_statistics")
        _check(type(statistics.get("is_uint8", False)) is bool, "image_statistics")
        optional[CONTRAST] = ("float32", (n_features,))
    built = build_for(cls, net, image_shape, k).state_dict()
    weights = {
        f"{WEIGHTS}{name}": (str(t.dtype).removeprefix("torch."), tuple(t.shape))
        for name, t in built.items()
    }
    expected = own | weights | {n: form for n, form in optional.items() if n in shapes}
    if expected != shapes:
        names = sorted(n for n in {*expected, *shapes} if expected.get(n) != shapes.get(n))
        raise ValueError(
            f"{len(names)} tensors are others than its parameters say, the first is {names[0]!r}"
        )
    _check(set(net["channels_last"]) <= {n for n, t in built.items() if t.ndim == 4}, "layouts")
    if tensors is None:
        return None
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name!r} has values that are not finite")
    for name in OF_CLASSES:
        _check((tensors[name] >= 0).all(), name)
    net["weights"] = {n.removeprefix(WEIGHTS): tensors[n] for n in weights}
    net["criterion"] |= {name: tensors.get(name) for name in (OFFSET, MARGINS)}
    fitted = {name: tensors[name] for name in OF_CLASSES}
    fitted |= {"classes_": classes, "n_features_in_": n_features, "image_shape_": image_shape}
    fitted |= {} if names is None else {"feature_names_in_": names}
    if statistics is not None:
        statistics = {**statistics, CONTRAST: tensors.get(CONTRAST)}
    output = document["output"]
    if output is not None:
        _check(
            output in [{"transform": kind} for kind in (None, "default", "pandas", "polars")],
            "output",
        )
        fitted["_sklearn_output_config"] = output
    return {
        **parameters,
        **fitted,
        "_image_statistics": statistics,
        "net_": net,
        KEY: library_versions(),
    }


def _words_of_parameters(cls, state):
    """Return the parameters of a classifier as JSON's types, and the names of those left out."""
    words, left_out = {}, []
    for name in constraints_of(cls):
        try:
            # A pickle of an earlier version has not all of today's parameters.
            words[name] = to_words(state.get(name, getattr(cls, name)))
        except (TypeError, RecursionError) as error:
            if name not in OF_TRAININGS:
                raise ValueError(
                    f"Got {name}={state.get(name)!r}, expected what a file without code can hold "
                    f"({error}). Set another {name}, or pickle the classifier."
                ) from None
            left_out.append(name)
    return words, left_out


def _parameters_of(cls, document):
    """Return the parameters that a file gives a classifier, checked; missing ones are defaults."""
    words = document["parameters"]
    made = cls()
    known = constraints_of(cls)
    unknown = sorted(set(words) - set(known))
    if unknown:
        raise ValueError(
            f"it has the parameters {', '.join(unknown[:3])}, written with "
            f"{versions_in(document)}, which this version does not know"
        )
    values = {name: getattr(made, name) for name in known}
    values |= {name: from_words(value) for name, value in words.items()}
    validate_parameter_constraints(known, values, cls.__name__)
    return values


def _words_of_row(row):
    """Return a row of a history without what JSON cannot say, such as a callback's objects."""
    kept = {}
    for name, value in row.items():
        try:
            json.dumps({name: value})
        except (TypeError, ValueError):
            continue
        if isinstance(name, str):
            kept[name] = value
    return kept


def _net_of(cls, words, image_shape, k, n_features, shapes, size):
    """Return the plain data of a net but for its weights, checked."""
    net = {name: words[name] for name in (*SETTINGS, "n_columns", "head_scale", "dtype")}
    net |= {name: words[name] for name in ("compute_dtype", "inference_dtype", "channels_last")}
    _check(net["dtype"] in DTYPES, "dtype")
    _check(net["n_columns"] in (None, n_features), "n_columns")
    _check(net["n_columns"] is None or planes_shape(image_shape)[:2] == (1, 1), "n_columns")
    for name in ("lr", "head_scale", "max_grad_norm", "sam_rho"):
        is_positive = _is_number(net[name]) and 0 < net[name] < math.inf
        _check(is_positive or (name != "lr" and net[name] is None), name)
    _check(net["ema_decay"] is None or 0 < net["ema_decay"] < 1, "ema_decay")
    _check(_are_sizes([net["batch_size"], net["max_epochs"]]), "batch_size or max_epochs")
    _check(type(net["standardizes"]) is bool and type(net["compiles"]) is bool, "settings")
    _check(net["lineage"] is None or isinstance(net["lineage"], str), "lineage")
    for name in ("compute_dtype", "inference_dtype"):
        _check(net[name] is None or net[name] in NAMED_DTYPES, name)
    layouts = net["channels_last"]
    _check(isinstance(layouts, list) and all(isinstance(n, str) for n in layouts), "layouts")
    criterion = words["criterion"]
    for name, value in criterion.items():
        _check(name in MOST and _is_number(value) and 0 <= value <= MOST[name], f"criterion {name}")
    net["criterion"] = dict(criterion)
    net |= _optimizer_of(cls, words)
    net["history"] = words["history"]
    _check(isinstance(net["history"], list) and all(map(_is_row, net["history"])), "history")
    _check_architecture(cls, net["architecture"], len(shapes), size)
    return net


def _optimizer_of(cls, words):
    """Return the optimizer of a net and its options, those of the class where it was left out."""
    options = words["optimizer_options"]
    _check(set(options) <= OPTIONS and all(map(_is_number_or_bool, options.values())), "optimizer")
    optimizer = from_words(words["optimizer"])
    if optimizer is None:
        optimizer = cls().optimizer
        _, options = resolve_optimizer(
            optimizer,
            weight_decay=options.get("weight_decay", 0.0),
            momentum=options.get("momentum", 0.9),
            nesterovs_momentum=True,
        )
    _check(isinstance(optimizer, type) or optimizer in OPTIMIZERS, "optimizer")
    return {"optimizer": optimizer, "optimizer_options": options}


def _check_architecture(cls, architecture, n_tensors, size):
    """Refuse parameters of a network that the file is too small for, before it is built."""
    made = cls(**architecture)
    known = constraints_of(cls)
    values = {name: getattr(made, name) for name in architecture}
    validate_parameter_constraints({name: known[name] for name in values}, values, cls.__name__)
    for name, value in values.items():
        numbers = value if isinstance(value, list) else [value]
        _check(len(numbers) <= n_tensors, name)
        for number in numbers:
            if type(number) is int and number > size:
                raise ValueError(f"it says {name}={number}, for which it is too small")
    if made._n_tensors_at_least() > n_tensors:
        raise ValueError(f"it says {architecture!r:.200}, and has {n_tensors} tensors")


def _check(is_right, name):
    if not is_right:
        raise ValueError(f"what it says of {name} cannot be")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_number_or_bool(value):
    return isinstance(value, int | float)


def _are_sizes(values):
    return isinstance(values, list) and all(type(v) is int and 0 < v < 2**48 for v in values)


def _is_row(row):
    """Tell whether this is a row of a history."""
    return (
        isinstance(row, dict)
        and all(_is_number(row.get(name)) for name in RECORDS)
        and isinstance(row.get("batches", []), list)
    )
