"""What somebody's file says of a fitted classifier, checked word by word before it is believed."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from skfashion.fitting.fit_files import WEIGHTS, versions_in
from skfashion.fitting.frequencies import check_prior
from skfashion.fitting.plain import DTYPES, SETTINGS, build_for, from_plain_fit
from skfashion.fitting.words import array_from_words, from_words
from skfashion.images import planes_shape
from skfashion.monitoring import ReferenceProfile
from skfashion.parameters.declaring import constraints_of
from skfashion.training import NAMED_DTYPES, OPTIMIZERS, RECORDS, resolve_optimizer
from skfashion.utils._sklearn import validate_parameter_constraints
from skfashion.utils.versions import KEY, library_versions

# What is kept as tensors besides the weights: of each class, and of each pixel.
OF_CLASSES = ("class_count_", "class_prior_", "class_weight_", "effective_class_prior_")
CONTRAST, OFFSET, MARGINS = "contrast", "offset", "margins"
# The largest numbers that the loss may be given.
MOST = {"gamma": 1e9, "label_smoothing": 1.0, "soft_weight": 1.0, "temperature": 1e9}
OPTIONS = {"weight_decay", "momentum", "nesterov", "fused"}
STATISTICS = {"low", "high", "usual_peak", "middle"}
OUTPUTS = [{"transform": kind} for kind in (None, "default", "pandas", "polars")]


@dataclass(frozen=True)
class Described:
    """A fitted classifier as a file describes it, but for its tensors.

    Attributes
    ----------
    cls : type
    state : dict
        Its attributes, as its pickles have them.
    module : Network
        Without weights.
    shapes : dict of str to tuple
        Dtype and shape of the tensors that there must be, and are.
    """

    cls: type
    state: dict[str, Any]
    module: Any
    shapes: dict[str, tuple]

    def with_tensors(self, tensors):
        """Return the attributes with these tensors, fitted ones as an estimator has them.

        Raises
        ------
        ValueError
            If a value is not finite, or no number of rows.
        """
        for name, array in tensors.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name!r} has values that are not finite")
        for name in OF_CLASSES:
            _check((tensors[name] >= 0).all(), name)
        for name in ("class_prior_", "effective_class_prior_"):
            _check(abs(tensors[name].sum() - 1) < 1e-3, name)
        state = self.state | {name: tensors[name] for name in OF_CLASSES}
        net = dict(state["net_"])
        net["criterion"] = net["criterion"] | {n: tensors.get(n) for n in (OFFSET, MARGINS)}
        weights = (name for name in tensors if name.startswith(WEIGHTS))
        net["weights"] = {name.removeprefix(WEIGHTS): tensors[name] for name in weights}
        statistics = state["_image_statistics"]
        if statistics is not None:
            state["_image_statistics"] = {**statistics, CONTRAST: tensors.get(CONTRAST)}
        return from_plain_fit(self.cls, {**state, "net_": net}, self.module)


def described(cls, document, shapes, size, given=None):
    """Return the :class:`Described` classifier of a file, once it is known to be one.

    Parameters
    ----------
    cls : type
    document : object
        What the file says.
    shapes : dict of str to tuple
        Dtype and shape of its tensors.
    size : int
        Its bytes: no network that needs more is built.
    given : dict or None
        Parameters that no file holds, by name.

    Raises
    ------
    ValueError
        If something is not as it should be.
    """
    try:
        return _described(cls, document, shapes, size, given or {})
    except ValueError:
        raise
    except KeyError as error:
        raise ValueError(f"it does not say {error}") from None
    except Exception as error:
        # Of whatever is of another type or size than any that was written.
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _described(cls, document, shapes, size, given):
    parameters = _parameters_of(cls, document, given)
    classes = array_from_words(document["classes"])
    k = len(classes)
    if k < 2 or not all(a < b for a, b in pairwise(classes)):
        raise ValueError("its classes are not sorted, or come twice")
    check_prior(parameters["prior"], classes)
    image_shape, n_features = document["image_shape"], document["n_features_in"]
    _check(_are_sizes(image_shape) and 2 <= len(image_shape) <= 3, "image_shape")
    _check(math.prod(image_shape) == n_features, "n_features_in")
    fitted = {"classes_": classes, "n_features_in_": n_features, "image_shape_": image_shape}
    if (names := document["feature_names_in"]) is not None:
        names = array_from_words(names)
        _check(names.dtype == object and len(names) == n_features, "feature_names_in")
        _check(all(isinstance(name, str) for name in names), "feature_names_in")
        fitted["feature_names_in_"] = names
    if (output := document["output"]) is not None:
        _check(output in OUTPUTS, "output")
        fitted["_sklearn_output_config"] = output
    if (profile := document.get("profile")) is not None:  # earlier versions wrote none
        if ReferenceProfile.from_dict(profile).classes != classes.tolist():
            raise ValueError("its profile is of other classes")
        fitted["profile_"] = profile
    statistics = document["image_statistics"]
    if statistics is not None:
        numbers = {name: value for name, value in statistics.items() if name != "is_uint8"}
        _check(set(numbers) == STATISTICS, "image_statistics")
        _check(all(map(_is_finite, numbers.values())), "image_statistics")
        _check(type(statistics.get("is_uint8", False)) is bool, "image_statistics")
    net = _net_of(cls, document["net"], image_shape, n_features)
    net["architecture"] = _architecture_of(net["architecture"], given)
    _check_size(cls, net["architecture"], shapes, size)
    module = build_for(cls, net, image_shape, k)
    _check_tensors(module, net, k, None if statistics is None else n_features, shapes)
    fitted |= {"_image_statistics": statistics, "net_": net, KEY: library_versions()}
    return Described(cls, parameters | fitted, module, shapes)


def _check_tensors(module, net, k, n_pixels, shapes):
    """Refuse tensors that are not those of a network, of k classes and of so many pixels."""
    built = module.state_dict()
    expected = {
        f"{WEIGHTS}{name}": (str(t.dtype).removeprefix("torch."), tuple(t.shape))
        for name, t in built.items()
    }
    expected |= dict.fromkeys(OF_CLASSES, ("float64", (k,)))
    optional = dict.fromkeys((OFFSET, MARGINS), (net["dtype"], (k,)))
    if n_pixels is not None:
        optional[CONTRAST] = ("float32", (n_pixels,))
    expected |= {name: form for name, form in optional.items() if name in shapes}
    if expected != shapes:
        names = sorted(n for n in {*expected, *shapes} if expected.get(n) != shapes.get(n))
        raise ValueError(
            f"{len(names)} tensors are others than its parameters say, the first is "
            f"{names[0]!r:.100}"
        )
    of_filters = {name for name, tensor in built.items() if tensor.ndim == 4}
    _check(set(net["channels_last"]) <= of_filters, "layouts")


def _architecture_of(words, given):
    """Return the parameters that say how a network is built."""
    nested = {name: from_words(value) for name, value in words.items() if isinstance(value, dict)}
    return words | nested | given


def _parameters_of(cls, document, given):
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
    values = {name: getattr(made, name) for name in known} | cls._before
    values |= {name: from_words(value) for name, value in words.items() if name not in given}
    values |= given
    validate_parameter_constraints(known, values, cls.__name__)
    return values


def _net_of(cls, words, image_shape, n_features):
    """Return the plain data of a net but for its weights, checked."""
    net = {name: words[name] for name in (*SETTINGS, "n_columns", "head_scale", "dtype")}
    net |= {name: words[name] for name in ("compute_dtype", "inference_dtype", "channels_last")}
    _check(net["dtype"] in DTYPES, "dtype")
    _check(net["n_columns"] in (None, n_features), "n_columns")
    _check(net["n_columns"] is None or planes_shape(image_shape)[:2] == (1, 1), "n_columns")
    for name in ("lr", "head_scale", "max_grad_norm", "sam_rho"):
        is_positive = _is_finite(net[name]) and net[name] > 0
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
    return net


def _optimizer_of(cls, words):
    """Return the optimizer of a net and its options, those of the class where it was left out."""
    options = words["optimizer_options"]
    _check(
        set(options) <= OPTIONS and all(type(v) is bool or _is_finite(v) for v in options.values()),
        "optimizer",
    )
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


def _check_size(cls, architecture, shapes, size):
    """Refuse parameters of a network that the file is too small for, before it is built."""
    known = constraints_of(cls)
    unknown = sorted(set(architecture) - set(known))
    if unknown:
        raise ValueError(
            f"it has an architecture of {unknown[0]!r:.50}, which {cls.__name__} has not"
        )
    made = cls(**architecture)
    values = {name: getattr(made, name) for name in architecture}
    validate_parameter_constraints({name: known[name] for name in values}, values, cls.__name__)
    n_tensors = sum(n.startswith(WEIGHTS) and 0 not in shape for n, (_, shape) in shapes.items())
    for name, value in values.items():
        if any(type(number) is int and number > size for number in _flat(value)):
            raise ValueError(f"it says {name}={value!r:.50}, for which it is too small")
    least_tensors, least_bytes = made._least_size()
    if least_tensors > n_tensors or least_bytes > size:
        raise ValueError(
            f"it has {n_tensors} tensors and {size:,} bytes, and its architecture needs "
            f"{least_tensors} and {least_bytes:,} at least"
        )


def _flat(value):
    """Return the values in lists and dicts, however deep, and any other as a list of one."""
    parts = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(parts, list | tuple):
        return [value]
    return [inner for part in parts for inner in _flat(part)]


def _check(is_right, name):
    if not is_right:
        raise ValueError(f"what it says of {name} cannot be")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value):
    """Tell whether this is a number, and one that a float can be."""
    return _is_number(value) and abs(value) < 1e300


def _are_sizes(values):
    return isinstance(values, list) and all(type(v) is int and 0 < v < 2**48 for v in values)


def _is_row(row):
    """Tell whether this is a row of a history."""
    return (
        isinstance(row, dict)
        and all(_is_number(row.get(name)) for name in RECORDS)
        and isinstance(row.get("batches", []), list)
    )
