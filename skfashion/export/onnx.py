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
    """Write a fitted classifier as an ONNX file, for ONNX Runtime and similar programs.

    The file contains everything that a prediction does: standardisation, `tta`, `prior`, softmax,
    the names of the labels, and the steps of a pipeline before and after a net. Before it is
    written, it is compared with `model` on batches of several sizes; if they differ, there is an
    error and no file.

    Its input is ``images``, (n, c, h, w), for a single net, or ``X``, (n, d), for nets that were
    fitted on tables, and for pipelines; n may vary. Its type is that of `X`: `uint8`, or float32
    for all other types. The outputs are ``label``, (n,), text, int64, bool or float64 as in
    `classes_`; ``probabilities``, float32 (n, n_classes); and ``features``, float32 (n,
    n_features_out).

    An :class:`~skfashion.preprocessing.ImageReader` at the beginning of a pipeline is not part of
    the graph: the input is its images, of uint8. Its settings are stored as ``image_reader``
    (``size``, ``mode``, ``crop``), and the services of this package apply them to the pictures that
    they receive.

    Metadata are JSON, with names that begin with ``skfashion.``: ``format``, ``class``,
    ``network``, ``labels``, ``image_shape`` (the layout of a flat row), ``value_range`` (the
    smallest and the largest value of a net's training images), ``prior``, ``versions``, `profile`
    and `examples`.

    Parameters
    ----------
    model : classifier
        A fitted classifier of this package, or a pipeline, search, voting, stacking, calibrated or
        snapshot ensemble that contains some, if skl2onnx supports the other parts; samplers of
        imbalanced-learn play no part in predictions. It is not changed. Nets in float64, or with
        16-bit precision, become float32.
    path : path-like
        The file; its folder must exist.
    X : array-like, default=None
        Rows to test the file with, like those to be predicted later, in any layout that `model`
        accepts; the first 2,000 are used. None makes 16 rows like the training rows, of their type;
        this fails if steps before the net have no ``inverse_transform``.
    features : bool, default=False
        Whether to output the activations before the last layer, as ``transform`` does; only for a
        net, alone or after an ``ImageReader``.
    profile : ReferenceProfile, mapping or None, default=None
        Additional information for a service, such as a profile of the validation data
        (``skfashion.monitoring``): JSON types, at most 1 MiB; stored as ``skfashion.profile``.
    examples : array-like, tuple of (array-like, labels), or None, default=None
        Images to show, in any layout that `model` accepts: at most 100, of at most 1 MiB in total.
        Stored as ``skfashion.examples``: ``dtype``, ``shape``, ``values`` (base64 of the array in C
        order, little-endian) and ``labels``, as the file takes them.

    Raises
    ------
    ValueError
        If the file's probabilities differ by more than 5e-6 (2e-5 from nets in float64; 0.05 from
        16-bit nets, and 5e-6 from the same net in float32; 1e-5 from pipelines and the like, 1e-3
        with isotonic calibration, which amplifies rounding errors), or labels differ that are not
        ties; if ONNX does not have the type of the labels; if skl2onnx cannot convert a part; if an
        argument is not as described.
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    ImportError
        If a library of the extra "export" is missing.
    OSError
        If the file cannot be written; an existing file is kept.

    Warns
    -----
    UserWarning
        If `profile` contains features, and `features` is False.

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
            "Got a profile with features, and features=False: a service with this file has no "
            "features to compare, and the tests 'features' and 'mmd' will be missing. Set "
            "features=True, for a single net; for a pipeline, make a profile without features, "
            "with ReferenceProfile.from_predictions."
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
