"""Values of tables as words of the page."""

import math
from numbers import Real

# What is missing.
NONE = "none"


def as_text(value):
    """Return a value as text: whole numbers without a point, what is missing as a word."""
    if value is None or (isinstance(value, Real) and math.isnan(value)) or repr(value) == "<NA>":
        return NONE
    if isinstance(value, Real) and not isinstance(value, bool):
        return f"{value:.6g}" if float(value) != int(value) else str(int(value))
    return str(value)


def as_number(value):
    """Return a value as a float, or None where it is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    value = float(value)
    return value if math.isfinite(value) else None


def codes_of(values):
    """Return the distinct texts of values in the order in which they come, and each one's place."""
    texts = [as_text(value) for value in values]
    order = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return list(order), [order[text] for text in texts]
