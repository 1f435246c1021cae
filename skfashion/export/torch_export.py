"""Files of PyTorch's own exporter, for C++, phones and compilers."""

import io
import json

import torch

from skfashion.classifiers.base import ImageClassifier
from skfashion.export.arguments import check_model_and_path, in_order
from skfashion.export.checking import Answers, batches, check_against
from skfashion.export.deployed import DeployedNet, takes_rows
from skfashion.export.graphs import exported_program
from skfashion.export.inputs import N_GIVEN, trial_of
from skfashion.export.labels import labels_for_onnx
from skfashion.export.metadata import describe
from skfashion.export.plain import fitted_model
from skfashion.export.readers import read_first, reader_metadata, split_reader
from skfashion.fitting.inputs import as_tensor
from skfashion.training import own_modes
from skfashion.utils._sklearn import HasMethods, validate_params
from skfashion.utils.files import write_atomically
from skfashion.utils.names import advises

# The name under which a file keeps what is known of the classifier, JSON.
METADATA = "skfashion.json"


@advises
@in_order(check_model_and_path)
@validate_params(
    {"model": [HasMethods(["predict", "predict_proba"])], "features": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def to_torch_export(model, path, X=None, *, features=False):
    """Write a fitted net as a ``torch.export`` file, with a name that ends with ".pt2".

    ``torch.export.load(path).module()`` gives a function that needs PyTorch, but not this package.
    Its input is ``images`` (n, c, h, w), or ``X`` (n, d) for nets that were fitted on tables, of
    the type of `X`; n may vary. It returns a tuple: the position of each label in `classes_`, int64
    (n,), the probabilities, float32 (n, n_classes), and, if wanted, the features, float32 (n,
    n_features_out). As with :func:`to_onnx`, the file contains everything that a prediction does,
    and is tested before it is written.

    The labels, and all other metadata of :func:`to_onnx`, are JSON in the extra file
    "skfashion.json".

    Parameters
    ----------
    model : ImageClassifier or search
        A fitted classifier of this package, or a fitted search whose best estimator is one, alone
        or after an :class:`~skfashion.preprocessing.ImageReader`, which is not part of the file. It
        is not changed.
    path : path-like
        The file; its folder must exist.
    X : array-like, default=None
        Rows to test the file with, as in :func:`to_onnx`.
    features : bool, default=False
        Whether to output the activations before the last layer, as ``transform`` does.

    Raises
    ------
    ValueError
        If `model` is not a single net, or as in :func:`to_onnx`.
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    OSError
        If the file cannot be written; an existing file is kept.

    Examples
    --------
    >>> import torch
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import to_torch_export
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> to_torch_export(net, "net.pt2", X[:100])
    >>> program = torch.export.load("net.pt2")
    >>> images = torch.from_numpy(X[:5].reshape(5, 1, 28, 28))
    >>> places, probabilities = program.module()(images)
    """
    reader, model = split_reader(model)
    net = fitted_model(model, features)
    if not isinstance(net, ImageClassifier):
        raise ValueError(
            f"Got a {type(model).__name__}, expected a net of this package: PyTorch cannot compute "
            "what others do. Write pipelines with to_onnx."
        )
    trial = trial_of(net, read_first(reader, X, N_GIVEN))
    module = DeployedNet(net, takes_rows=takes_rows(net), features=features)
    stream = io.BytesIO()
    described = json.dumps(describe(model, more=reader_metadata(reader, net)))
    program = exported_program(module, trial.inputs)
    torch.export.save(program, stream, extra_files={METADATA: described})
    found = _answers_of(stream, trial.inputs, labels_for_onnx(net.classes_))
    check_against(net, trial, found, "the file", features)
    write_atomically(path, lambda file: file.write(stream.getbuffer()))


def _answers_of(stream, inputs, labels):
    """Return what a file in memory says of its inputs, in batches of several sizes."""
    stream.seek(0)
    with own_modes(gradients=False), torch.no_grad():
        function = torch.export.load(stream).module()
        parts = [function(as_tensor(batch)) for batch in batches(inputs)]
    codes, *others = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
    return Answers(labels[codes], *others)
