"""What reads pictures before a classifier: it stays out of a file, which says what it does."""

import json

from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.deployed import takes_rows
from skfashion.export.metadata import read_metadata
from skfashion.export.plain import parts_of, unwrapped
from skfashion.images import planes_shape
from skfashion.metadata import PREFIX, READER
from skfashion.preprocessing import ImageReader, PhotoToFashion
from skfashion.preprocessing.sources import listed


def split_reader(model):
    """Return the reader at the beginning of a pipeline, and what follows it.

    Parameters
    ----------
    model : classifier
        A fitted search over a pipeline, too.

    Returns
    -------
    reader : ImageReader or None
        None where no pipeline begins with one.
    rest : classifier
        What stands behind it, alone or as a pipeline; `model` itself without a reader.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the pipeline is not fitted.
    """
    pipeline = unwrapped(model)
    if not isinstance(pipeline, Pipeline) or len(pipeline.steps) < 2:
        return None, model
    (_, reader), *others = pipeline.steps
    if not isinstance(reader, ImageReader):
        return None, model
    check_is_fitted(pipeline)
    return reader, others[0][1] if len(others) == 1 else type(pipeline)(others)


def refuse_readers(model):
    """Refuse readers of pictures inside of a classifier: a file has no place for them.

    Raises
    ------
    ValueError
    """
    for part in parts_of(model):
        if isinstance(part, ImageReader | PhotoToFashion):
            raise ValueError(
                f"Got a {type(model).__name__} with a {type(part).__name__} inside, which cannot "
                "be exported; expected an ImageReader as the first step of the whole pipeline, or "
                "none. Export the steps after it separately, and pass them the images."
            )


def read_first(reader, X, n_rows=None):
    """Return the first rows of `X` as the classifier behind a reader takes them, None for None."""
    if reader is None or X is None:
        return X
    return reader.transform(listed(X)[:n_rows])


def reader_metadata(reader, rest):
    """Return what a file says of a reader, values by name.

    Parameters
    ----------
    reader : ImageReader or None
        Fitted.
    rest : classifier
        What stands behind it, searches unwrapped.

    Raises
    ------
    ValueError
        If a net behind it takes its images for others.
    """
    if reader is None:
        return {}
    steps = reader._steps()
    if isinstance(rest, ImageClassifier) and not takes_rows(rest):
        own, read = planes_shape(rest.image_shape_), planes_shape(steps.shape)
        if tuple(own) != tuple(read):
            raise ValueError(
                f"Got an ImageReader whose images are {read}, channels first, and a net of "
                f"image_shape={rest.image_shape_}; expected the same. Leave flatten and "
                "image_shape out."
            )
    described = {"size": list(steps.size), "mode": steps.mode, "crop": steps.crop}
    return {READER: described, "image_shape": list(steps.shape)}


def read_for_file(model, X):
    """Return pictures as a written file, an ``onnx.ModelProto``, takes them; numbers as they are.

    Numbers are rows or images of its own shape.
    """
    described = read_metadata(model).get(PREFIX + READER)
    is_of_numbers = getattr(getattr(X, "dtype", None), "kind", "O") in "biuf"
    if described is None or is_of_numbers or issparse(X):
        return X
    told = json.loads(described)
    reader = ImageReader(tuple(told["size"]), mode=told["mode"], crop=told["crop"])
    return reader.fit_transform(X)
