"""A profile as JSON's types, and back: anybody may have written it."""

import math
from collections.abc import Mapping

import numpy as np

from skfashion.monitoring.calibration import Calibration
from skfashion.monitoring.projections import MOST_ROWS, N_DIRECTIONS, Embedding
from skfashion.monitoring.sketches import N_POINTS, Sketch

# Of what is written; a larger one was written by a later version.
FORMAT = 1
# More classes than any profile of 20 kB has.
MOST_CLASSES = 200
# More rows than anybody validates on, and few enough for sums of them.
MOST_COUNT = 2**40


def document_of(profile):
    """Return a profile as JSON's types."""
    calibration, features, pixels = profile.calibration, profile.features, profile.pixels
    described = {
        "format": FORMAT,
        "classes": profile.classes,
        "prior": profile.prior.tolist(),
        "confusion": profile.confusion.tolist(),
        "calibration": {
            "slope": calibration.slope,
            "biases": calibration.biases.tolist(),
            "mean": calibration.mean,
            "deviation": calibration.deviation,
            "atc": calibration.atc,
        },
        "confidence": {
            "points": profile.confidence.points.tolist(),
            "counts_by_class": _steps(profile.confidence_by_class),
        },
        "features": None,
        "pixels": None,
    }
    if features is not None:
        embedding = features.embedding
        described["features"] = {
            "n_columns": features.n_columns,
            "sketch": _of_sketch(features.sketch),
            "embedding": {
                "rows": embedding.rows.tolist(),
                "scales": embedding.scales.tolist(),
                "width": embedding.width,
                "means": embedding.means.tolist(),
                "variance": embedding.variance,
                "squares": embedding.squares,
            },
        }
    if pixels is not None:
        sketch = _of_sketch(pixels.sketch)
        described["pixels"] = {"n_columns": pixels.n_columns, "sketch": sketch}
    return described


def _of_sketch(sketch):
    return {"points": sketch.points.tolist(), "counts": _steps(sketch.counts)}


def _steps(counts):
    """Return how many rows there are up to each point from the one before: fewer digits."""
    return np.diff(counts, axis=1, prepend=0).tolist()


def _is_label(value):
    """Tell whether a value of JSON's types can be a class."""
    return type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))


def profile_parts(document):
    """Return the parts of a profile by name, checked; those of features and pixels as dicts.

    Raises
    ------
    ValueError
        If something is not as `document_of` writes it.
    """
    if not isinstance(document, Mapping):
        raise ValueError(
            f"Got a {type(document).__name__}, expected the dict that ReferenceProfile.to_dict has "
            "returned."
        )
    form = document.get("format")
    if type(form) is not int or form != FORMAT:
        raise ValueError(
            f"Got a profile of format {form!r:.50}, expected {FORMAT}. Make it again with this "
            "version of skfashion, or read it with the one that has written it."
        )
    try:
        return _parts(document)
    except ValueError:
        raise
    except Exception as error:  # of whatever is missing, or of another type
        raise ValueError(
            f"Got a profile that cannot be read ({type(error).__name__}: {error!s:.100}), expected "
            "what ReferenceProfile.to_dict has returned."
        ) from None


def _parts(document):
    classes = document["classes"]
    if not isinstance(classes, list) or not 2 <= len(classes) <= MOST_CLASSES:
        raise _wrong("classes")
    if not all(map(_is_label, classes)) or len(set(classes)) < len(classes):
        raise _wrong("classes")
    k = len(classes)
    prior = _numbers(document["prior"], (k,), "prior", low=1e-12, high=1)
    shape = (k, k)
    confusion = _numbers(
        document["confusion"], shape, "confusion", low=0, high=MOST_COUNT, whole=True
    )
    n_rows = int(confusion.sum())
    if abs(prior.sum() - 1) > 1e-6 or (confusion.sum(axis=1) == 0).any():
        raise _wrong("prior or confusion")
    its = document["calibration"]
    calibration = Calibration(
        slope=_number(its["slope"], "slope", low=1e-6, high=1e6),
        biases=_numbers(its["biases"], (k,), "biases", low=-1e3, high=1e3),
        mean=_number(its["mean"], "mean", low=0, high=1),
        deviation=_number(its["deviation"], "deviation", low=0, high=1),
        accuracy=float(np.trace(confusion) / n_rows),
        atc=_number(its["atc"], "atc", low=0, high=1),
        n_rows=n_rows,
    )
    its = document["confidence"]
    by_class = _counts(its["counts_by_class"], k, confusion.sum(axis=1))
    sketch = Sketch(_points(its["points"], 1), by_class.sum(axis=0, keepdims=True), n_rows)
    features, pixels = document["features"], document["pixels"]
    return {
        "classes": classes,
        "prior": prior,
        "confusion": confusion,
        "calibration": calibration,
        "confidence": sketch,
        "confidence_by_class": by_class,
        "features": None if features is None else _features(features, n_rows),
        "pixels": None
        if pixels is None
        else {
            "n_columns": _n_columns(pixels["n_columns"]),
            "sketch": _sketch(pixels["sketch"], 3, n_rows),
        },
    }


def _features(its, n_rows):
    words = its["embedding"]
    n = len(words["rows"])
    if not 1 <= n <= MOST_ROWS:
        raise _wrong("rows")
    embedding = Embedding(
        rows=_numbers(words["rows"], (n, N_DIRECTIONS), "rows"),
        scales=_numbers(words["scales"], (N_DIRECTIONS,), "scales", low=1e-300),
        width=_number(words["width"], "width", low=1e-6),
        means=_numbers(words["means"], (n,), "means", low=0, high=1),
        variance=_number(words["variance"], "variance", low=0),
        squares=_number(words["squares"], "squares", low=0),
        n_rows=n_rows,
    )
    if (embedding.variance > 0) != (embedding.squares > 0):
        raise _wrong("variance")
    sketch = _sketch(its["sketch"], N_DIRECTIONS, n_rows)
    return {"n_columns": _n_columns(its["n_columns"]), "sketch": sketch, "embedding": embedding}


def _sketch(its, n_columns, n_rows):
    return Sketch(
        _points(its["points"], n_columns), _counts(its["counts"], n_columns, n_rows), n_rows
    )


def _points(values, n_columns):
    points = _numbers(values, (n_columns, N_POINTS), "points")
    if (np.diff(points, axis=1) < 0).any():
        raise _wrong("points")
    return points


def _counts(values, n_columns, most):
    """Return counts up to each point, none more than `most`."""
    steps = _numbers(values, (n_columns, N_POINTS), "counts", low=0, high=MOST_COUNT, whole=True)
    counts = np.cumsum(steps, axis=1)
    if (counts[:, -1] > most).any():
        raise _wrong("counts")
    return counts


def _n_columns(value):
    return int(_number(value, "n_columns", low=1, high=2**31, whole=True))


def _number(value, name, **limits):
    return float(_numbers(value, (), name, **limits))


def _numbers(values, shape, name, low=-1e300, high=1e300, whole=False):
    """Return numbers of a shape within limits."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):  # lists of different lengths
        raise _wrong(name) from None
    if array.dtype.kind not in ("i" if whole else "if") or array.shape != shape:
        raise _wrong(name)
    if not ((array >= low) & (array <= high)).all():
        raise _wrong(name)
    return array.astype(int) if whole else array.astype(np.float64)


def _wrong(name):
    return ValueError(
        f"Got a profile in which {name} cannot be what it says, expected what "
        "ReferenceProfile.to_dict has returned. Make the profile again."
    )
