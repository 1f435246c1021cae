"""ONNX files of fitted classifiers, tried before they are written."""

import copy

from sklearn.utils.validation import check_is_fitted

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.checking import (
    FP64_TOLERANCE,
    LOW_PRECISION_TOLERANCE,
    PIPELINE_TOLERANCE,
    TOLERANCE,
    answers_of,
    answers_of_file,
    check_answers,
)
from skfashion.export.deployed import DeployedNet, takes_rows
from skfashion.export.graphs import as_onnx, exported_program, with_labels
from skfashion.export.inputs import (
    inputs_of_net,
    inputs_of_pipeline,
    trial_of_net,
    trial_of_pipeline,
)
from skfashion.export.labels import labels_for_onnx
from skfashion.export.libraries import import_library
from skfashion.export.metadata import add_metadata, check_examples, check_profile, describe
from skfashion.export.pipelines import pipeline_as_onnx
from skfashion.export.plain import unwrapped
from skfashion.utils._sklearn import HasMethods, validate_params
from skfashion.utils.files import write_atomically
from skfashion.utils.fitted import snapshot
from skfashion.utils.names import advises


@advises
@validate_params(
    {
        "model": [HasMethods(["predict", "predict_proba"])],
        "features": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def to_onnx(model, path, X=None, *, features=False, profile=None, examples=None):
    """Write a fitted classifier as an ONNX file, for ONNX Runtime and its like.

    The file holds all that a prediction does: standardisation, `tta`, `prior`, softmax, and the
    names of the labels. It is run against `model`, with batches of several sizes, before it is
    written; one that says something else is an error, and leaves no file.

    Its input is ``images``, (n, c, h, w), or ``X``, (n, d), for nets that were fitted on tables; n
    is free. The type is that of `X`: `uint8`, or float32 for all else. Its outputs are
    ``label``, (n,), text, int64, bool or float64 as in `classes_`, ``probabilities``, float32
    (n, n_classes), and ``features``, float32 (n, n_features_out).

    Metadata are JSON, by names that begin with ``skfashion.``: ``format``, ``class``, ``network``,
    ``labels``, ``image_shape`` (the layout of a flat row), ``prior``, ``versions``, and what is
    given here.

    Parameters
    ----------
    model : classifier
        A fitted classifier of this package. It is not changed. Nets in float64, or with 16-bit
        precision, become float32 ones.
    path : path-like
        The file; its folder is there.
    X : array-like, default=None
        Rows as they will come, in any layout that `model` accepts, with which the file is tried;
        the first 2,000 count. None makes 16 images like those of the training, of their type.
    features : bool, default=False
        Whether the activations before the last layer go out, as those of ``transform``.
    profile : mapping or None, default=None
        What a service is to know besides, such as statistics of the training: JSON's types, at most
        1 MiB; stored as ``skfashion.profile``.
    examples : array-like, tuple of (array-like, labels), or None, default=None
        Images to show, in any layout that `model` accepts: at most 100 of at most 1 MiB together.
        Stored as ``skfashion.examples``: ``dtype``, ``shape``, ``values`` (base64 of the array in
        C order, little-endian) and ``labels``, as the file takes them.

    Raises
    ------
    ValueError
        If the file's probabilities differ by more than 5e-6 (2e-5 from nets in float64; 0.05 from
        16-bit nets, and 5e-6 from the same net in float32), or labels differ that are no ties; if
        labels are of a type that ONNX has not; if an argument is not as described.
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    ImportError
        If a library of the extra "export" is missing.
    OSError
        If the file cannot be written; what was there before stays.

    Examples
    --------
    >>> import onnxruntime
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import to_onnx
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> to_onnx(net, "net.onnx", X[:100])  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("net.onnx")  # doctest: +SKIP
    >>> images = X[:5].reshape(5, 1, 28, 28)
    >>> labels, probabilities = session.run(None, {"images": images})  # doctest: +SKIP
    """
    for name in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
        import_library(name)
    check_is_fitted(model)
    fitted = snapshot(unwrapped(model))
    is_net = isinstance(fitted, ImageClassifier)
    if features and not is_net:
        raise ValueError(
            f"Got features=True with a {type(model).__name__}, expected False: features are those "
            "of a single net. Export the net by itself."
        )
    described = describe(model, check_profile(profile), _stored_examples(fitted, examples))
    trial = trial_of_net(fitted, X) if is_net else trial_of_pipeline(fitted, X)
    if is_net:
        graph = _net_as_onnx(fitted, trial, features)
    else:
        graph = pipeline_as_onnx(fitted, trial.inputs.dtype)
    add_metadata(graph, described)
    content = graph.SerializeToString()
    found = answers_of_file(content, trial.inputs)
    for estimator, tolerance in references_of(fitted):
        wanted = answers_of(estimator, trial.asked, features=features)
        check_answers(found, wanted, tolerance, "the ONNX file")
    write_atomically(path, lambda stream: stream.write(content))


def _stored_examples(model, examples):
    """Return examples as they are stored, None for None."""
    if examples is None:
        return None
    rows, labels = examples if isinstance(examples, tuple) else (examples, None)
    inputs_of = inputs_of_net if isinstance(model, ImageClassifier) else inputs_of_pipeline
    return check_examples(inputs_of(model, rows), labels)


def _net_as_onnx(net, trial, features):
    """Return a fitted net as an ``onnx.ModelProto``."""
    net._check_what_was_set_after_fit()
    module = DeployedNet(net, takes_rows=takes_rows(net), features=features)
    program = exported_program(module, trial.inputs)
    outputs = ["codes", "probabilities", *(["features"] if features else [])]
    graph = as_onnx(program, trial.name, outputs)
    return with_labels(graph, "codes", "label", labels_for_onnx(net.classes_))


def references_of(model):
    """Return the estimators to compare a model's file with, each with its tolerance."""
    if not isinstance(model, ImageClassifier):
        return [(model, PIPELINE_TOLERANCE)]
    if model.net_.inference_dtype is None:
        is_float64 = model.precision == "fp64"
        return [(model, FP64_TOLERANCE if is_float64 else TOLERANCE)]
    # A file computes in float32 what the net predicts in 16 bits: a copy that does so, too, shows
    # whether the file is right.
    in_float32 = copy.deepcopy(model.net_)
    in_float32.inference_dtype = None
    return [(model._with_net(in_float32), TOLERANCE), (model, LOW_PRECISION_TOLERANCE)]
