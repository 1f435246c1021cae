"""What an exported file says of itself: texts by name, JSON inside; with neither PyTorch nor ONNX.

`skfashion.export` writes them, and whatever runs a file without PyTorch reads them.
"""

import base64
import binascii
import json
import math
import sys

import numpy as np

PREFIX = "skfashion."
# A number that a reader refuses if it is greater than this.
FORMAT = 1
# Of what a service shows: at most so many images, and bytes of their values.
N_EXAMPLES, EXAMPLE_BYTES = 100, 2**20
# And of a profile, as JSON.
PROFILE_BYTES = 2**20
# The name of what a file says of the reader of its pictures: size (height, width), mode, crop.
READER = "image_reader"
# Types of inputs, and so of examples.
DTYPES = ("uint8", "float32")


def own_texts(texts):
    """Return those texts, by name, that are of this package; names of others are left out."""
    return {name: text for name, text in texts.items() if name.startswith(PREFIX)}


def value_of(texts, name):
    """Return the value that a file's metadata have by a name behind ``skfashion.``.

    Raises
    ------
    KeyError
        If there is none.
    ValueError
        If it is no JSON.
    """
    return json.loads(texts[PREFIX + name])


def packed(array):
    """Return an array as JSON's types: its values are base64 of C order, little-endian."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "values": base64.b64encode(array.tobytes()).decode(),
    }


def unpacked(value):
    """Return the array, uint8 or float32, that :func:`packed` has made JSON's types of.

    Raises
    ------
    ValueError
        If it is no such thing; nothing that is longer than its text is made of it.
    """
    try:
        dtype, shape, text = value["dtype"], value["shape"], value["values"]
        content = base64.b64decode(text, validate=True)
        sides = [int(side) for side in shape]
        is_array = dtype in DTYPES and all(side >= 0 for side in sides)
        if not is_array or math.prod(sides) * np.dtype(dtype).itemsize != len(content):
            raise ValueError("dtype, shape and values do not agree")
        return np.frombuffer(content, np.dtype(dtype).newbyteorder("<")).reshape(sides)
    except (KeyError, TypeError, binascii.Error, ValueError) as error:
        raise ValueError(f"Got an array that cannot be read ({error}).") from None


def package_version():
    """Return the version of this package."""
    return sys.modules["skfashion"].__version__
