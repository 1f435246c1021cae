"""ONNX files of fitted classifiers, tried before they are written."""

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.arguments import check_model_and_path, in_order
from skfashion.export.checking import answers_of_file, check_against
from skfashion.export.deployed import DeployedNet, takes_rows
from skfashion.export.graphs import as_onnx, exported_program, with_labels
from skfashion.export.inputs import N_GIVEN, inputs_of, trial_of
from skfashion.export.labels import labels_for_onnx
from skfashion.export.libraries import import_library
from skfashion.export.metadata import (
    add_metadata,
    check_examples,
    check_profile,
    describe,
    has_features,
)
from skfashion.export.pipelines import pipeline_as_onnx
from skfashion.export.plain import fitted_model
from skfashion.export.readers import (
    read_first,
    reader_metadata,
    refuse_readers,
    split_reader,
)
from skfashion.utils._sklearn import HasMethods, validate_params
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.files import write_atomically
from skfashion.utils.names import advises


@advises
@in_order(check_model_and_path)
@validate_params(
    {
        "model": [HasMethods(["predict", "predict_proba"])],
        "features": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def to_onnx(model, path, X=None, *, features=False, profile=None, examples=None):
    """Write a fitted classifier as an ONNX file, for ONNX Runtime and its like.

    The file holds all that a prediction does: standardisation, `tta`, `prior`, softmax, the names
    of the labels, and what a pipeline does before and behind a net. It is run against `model`, with
    batches of several sizes, before it is written; one that says something else is an error, and
    leaves no file.

    Its input is ``images``, (n, c, h, w), for a single net, or ``X``, (n, d), for nets that were
    fitted on tables, and for pipelines; n is free. Its type is that of `X`: `uint8`, or float32 for
    all else. The outputs are ``label``, (n,), text, int64, bool or float64 as in `classes_`;
    ``probabilities``, float32 (n, n_classes); and ``features``, float32 (n, n_features_out).

    An :class:`~skfashion.preprocessing.ImageReader` at the beginning of a pipeline stays out of the
    graph: the input is its images, of uint8. What it does is written down as ``image_reader``
    (``size``, ``mode``, ``crop``), and the services of this package do the same to pictures that
    they are sent.

    Metadata are JSON, by names that begin with ``skfashion.``: ``format``, ``class``, ``network``,
    ``labels``, ``image_shape`` (the layout of a flat row), ``value_range`` (the smallest and the
    largest value of a net's training images), ``prior``, ``versions``, and what is given here.

    Parameters
    ----------
    model : classifier
        A fitted classifier of this package, or a pipeline, search, vote, stack, calibrated or
        snapshot ensemble with such inside, as far as skl2onnx knows the other parts; samplers of
        imbalanced-learn take no part in predictions. It is not changed. Nets in float64, or with
        16-bit precision, become float32 ones.
    path : path-like
        The file; its folder is there.
    X : array-like, default=None
        Rows as they will come, in any layout that `model` accepts, with which the file is tried;
        the first 2,000 count. None makes 16 rows like those of the training, of their type; it
        cannot where steps before the net have no ``inverse_transform``.
    features : bool, default=False
        Whether the activations before the last layer go out, as those of ``transform``; of a net
        alone, or behind an ``ImageReader``.
    profile : ReferenceProfile, mapping or None, default=None
        What a service is to know besides, such as what validation data look like to the classifier
        (``skfashion.monitoring``): JSON's types, at most 1 MiB; stored as ``skfashion.profile``.
    examples : array-like, tuple of (array-like, labels), or None, default=None
        Images to show, in any layout that `model` accepts: at most 100 of at most 1 MiB together.
        Stored as ``skfashion.examples``: ``dtype``, ``shape``, ``values`` (base64 of the array in
        C order, little-endian) and ``labels``, as the file takes them.

    Raises
    ------
    ValueError
        If the file's probabilities differ by more than 5e-6 (2e-5 from nets in float64; 0.05 from
        16-bit nets, and 5e-6 from the same net in float32; 1e-5 from pipelines and their like,
        1e-3 with isotonic calibration, which multiplies rounding), or labels differ that are no
        ties; if labels are of a type that ONNX has not; if skl2onnx cannot convert a part; if an
        argument is not as described.
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    ImportError
        If a library of the extra "export" is missing.
    OSError
        If the file cannot be written; what was there before stays.

    Warns
    -----
    UserWarning
        If `profile` is one with features, and `features` is False.

    Examples
    --------
    >>> import onnxruntime
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import to_onnx
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> to_onnx(net, "net.onnx", X[:100])
    >>> session = onnxruntime.InferenceSession("net.onnx")
    >>> images = X[:5].reshape(5, 1, 28, 28)
    >>> labels, probabilities = session.run(None, {"images": images})
    """
    content = onnx_content(model, X, features=features, profile=profile, examples=examples)
    write_atomically(path, lambda stream: stream.write(content))


def onnx_content(model, X=None, *, features=False, profile=None, examples=None):
    """Return the content, bytes, of the file that :func:`to_onnx` writes."""
    for name in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
        import_library(name)
    reader, model = split_reader(model)
    fitted = fitted_model(model, features)
    refuse_readers(fitted)
    stored = _stored_examples(fitted, examples, reader)
    if has_features(profile) and not features:
        warn_the_caller(
            "Got a profile with features, and features=False: a service over this file has none to "
            "compare with them, and the tests 'features' and 'mmd' will be missing. Give "
            "features=True, which single nets take; of a pipeline make the profile without, by "
            "ReferenceProfile.from_predictions."
        )
    more = reader_metadata(reader, fitted)
    described = describe(model, check_profile(profile), stored, more)
    trial = trial_of(fitted, read_first(reader, X, N_GIVEN))
    if isinstance(fitted, ImageClassifier):
        graph = _net_as_onnx(fitted, trial, features)
    else:
        graph = pipeline_as_onnx(fitted, trial.inputs.dtype, trial.inputs.shape[1])
    add_metadata(graph, described)
    content = graph.SerializeToString()
    found = answers_of_file(content, trial.inputs)
    check_against(fitted, trial, found, "the ONNX file", features)
    return content


def _stored_examples(model, examples, reader):
    """Return examples as they are stored, None for None."""
    if examples is None:
        return None
    rows, labels = examples if isinstance(examples, tuple) else (examples, None)
    return check_examples(inputs_of(model, read_first(reader, rows)), labels)


def _net_as_onnx(net, trial, features):
    """Return a fitted net as an ``onnx.ModelProto``."""
    module = DeployedNet(net, takes_rows=takes_rows(net), features=features)
    program = exported_program(module, trial.inputs)
    outputs = ["codes", "probabilities", *(["features"] if features else [])]
    graph = as_onnx(program, trial.name, outputs)
    return with_labels(graph, "codes", "label", labels_for_onnx(net.classes_))
