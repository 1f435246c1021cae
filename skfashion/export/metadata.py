"""What an exported file is given to say of itself, as `skfashion.metadata` reads it."""

import json
from collections.abc import Mapping

import numpy as np
import sklearn
import torch

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.labels import labels_for_onnx
from skfashion.export.plain import unwrapped
from skfashion.metadata import (
    EXAMPLE_BYTES,
    FORMAT,
    N_EXAMPLES,
    PREFIX,
    PROFILE_BYTES,
    own_texts,
    package_version,
    packed,
    value_of,
)
from skfashion.monitoring import ReferenceProfile
from skfashion.utils.pipelines import last_step


def describe(estimator, profile=None, examples=None, more=None):
    """Return the metadata of a file, texts by name.

    Parameters
    ----------
    estimator : classifier
        Fitted.
    profile : mapping or None
        JSON's types only.
    examples : tuple of (ndarray, sequence or None), or None
        Inputs of the file, and their labels.
    more : dict or None
        Other values by name.
    """
    labels = labels_for_onnx(estimator.classes_)
    net = last_step(estimator)
    described = {
        "format": FORMAT,
        "class": type(estimator).__name__,
        "labels": {"dtype": _name_of(labels.dtype), "values": labels.tolist()},
        "versions": _versions(),
    }
    if hasattr(net, "image_shape_"):
        described["network"] = type(net).__name__
        # Of a pipeline only where no step changes the number of columns.
        if net.n_features_in_ == getattr(estimator, "n_features_in_", None):
            described["image_shape"] = list(net.image_shape_)
        wanted = net._prior_of_predictions()
        described["prior"] = {
            "training": net.class_prior_.tolist(),
            "learned": net.effective_class_prior_.tolist(),
            "predictions": None if wanted is None else wanted.tolist(),
        }
        statistics = net._image_statistics
        if isinstance(unwrapped(estimator), ImageClassifier) and statistics is not None:
            described["value_range"] = [float(statistics.low), float(statistics.high)]
    if profile is not None:
        described["profile"] = profile
    if examples is not None:
        described["examples"] = examples
    described |= more or {}
    return {PREFIX + name: json.dumps(value) for name, value in described.items()}


def _name_of(dtype):
    return "str" if dtype.kind == "O" else dtype.name


def _versions():
    """Return the versions of what a file is made with."""
    versions = {"skfashion": package_version()}
    return versions | {"torch": torch.__version__, "scikit-learn": sklearn.__version__}


def check_profile(profile):
    """Return a profile as it is read again from JSON, None for None.

    Raises
    ------
    ValueError
        If it is no mapping of JSON's types, or larger than 1 MB.
    """
    if profile is None:
        return None
    if isinstance(profile, ReferenceProfile):
        profile = profile.to_dict()
    try:
        text = json.dumps(dict(profile), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Got a profile that JSON cannot hold ({error}); expected a mapping of texts to "
            "numbers, texts, lists and mappings. Turn arrays into lists, and leave NaN out."
        ) from None
    if len(text) > PROFILE_BYTES:
        raise ValueError(
            f"Got a profile of {len(text)} bytes as JSON, expected at most {PROFILE_BYTES}: it is "
            "read whenever the file is loaded. Keep summaries in it, not data."
        )
    return json.loads(text)


def has_features(profile):
    """Tell whether a profile, or what its `to_dict` has returned, has features; None has not."""
    if isinstance(profile, ReferenceProfile):
        return profile.features is not None
    is_reference = isinstance(profile, Mapping) and {"confusion", "features"} <= profile.keys()
    return is_reference and profile["features"] is not None


def check_examples(rows, labels):
    """Return examples as they are stored: JSON's types, the values in base64.

    Parameters
    ----------
    rows : ndarray
        As the file takes them.
    labels : sequence or None

    Raises
    ------
    ValueError
        If there are too many, or another number of labels.
    """
    if len(rows) > N_EXAMPLES or rows.nbytes > EXAMPLE_BYTES:
        raise ValueError(
            f"Got {len(rows)} examples of {rows.nbytes} bytes, expected at most {N_EXAMPLES} of "
            f"{EXAMPLE_BYTES} bytes together: they are in the file. Give a few."
        )
    if labels is not None:
        labels = labels_for_onnx(np.asarray(labels)).tolist()
        if len(labels) != len(rows):
            raise ValueError(
                f"Got {len(rows)} examples and {len(labels)} labels, expected a label for each."
            )
    return packed(rows) | {"labels": labels}


def add_metadata(model, described):
    """Put metadata, texts by name, into an ``onnx.ModelProto``."""
    for name, text in described.items():
        model.metadata_props.add(key=name, value=text)


def read_metadata(model):
    """Return the metadata of ours that an ``onnx.ModelProto`` has, texts by name."""
    return own_texts({entry.key: entry.value for entry in model.metadata_props})


def read_value(model, name):
    """Return a value of a model's metadata, by its name behind ``skfashion.``."""
    return value_of(read_metadata(model), name)
