"""Numbers, texts and arrays as they are written in C99."""

import re
import textwrap

import numpy as np

TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int32": "int32_t", "float32": "float"}
WIDTH = 96
# What stands between double quotes as it is; of "?" three could be a trigraph.
PLAIN = re.compile(r"[A-Za-z0-9 !#$%&'()*+,\-./:;<=>@\[\]^_`{|}~]")
# What may stand in a comment: nothing that ends it, or that a line could end with.
REMARK = re.compile(r"[^A-Za-z0-9 ._+,()=:-]")


def number(value):
    """Return a number as a literal of its type; a float32 is read back with the same bits."""
    if not np.isfinite(value):
        raise ValueError(f"Got a file with a scale of 0, or numbers such as {value}.")
    if isinstance(value, float | np.floating):
        text = f"{np.float32(value):.9g}"
        return text + ("f" if "." in text or "e" in text else ".0f")
    # -2147483648 would be the negative of a number beyond int32.
    return "(-2147483647 - 1)" if value == -(2**31) else str(int(value))


def text(value):
    """Return a text as a string literal, in UTF-8."""
    signs = []
    for byte in value.encode():
        sign = chr(byte)
        signs.append(sign if PLAIN.fullmatch(sign) else f"\\{byte:03o}")
    return '"' + "".join(signs) + '"'


def remark(value):
    """Return a text that may stand in a comment: other signs become question marks."""
    return REMARK.sub("_", str(value))


def array(name, values):
    """Return the definition of a constant array of one dimension."""
    literals = ", ".join(number(value) for value in values.reshape(-1))
    body = textwrap.fill(literals, WIDTH, initial_indent="    ", subsequent_indent="    ")
    ctype = TYPES[values.dtype.name]
    return f"static const {ctype} {name}[{values.size}] = {{\n{body}\n}};\n"
