"""ONNX files whose weights are 8-bit integers."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import issparse

from skfashion.export.arguments import check_model_and_path, in_order
from skfashion.export.checking import answers_of_file
from skfashion.export.labels import labels_for_onnx
from skfashion.export.libraries import import_library
from skfashion.export.metadata import add_metadata, read_metadata, read_value
from skfashion.export.onnx import onnx_content
from skfashion.export.pipelines import nodes_of_nets
from skfashion.export.readers import read_for_file
from skfashion.images import as_planes, as_rows, dense
from skfashion.utils._sklearn import HasMethods, StrOptions, validate_params
from skfashion.utils.callers import warn_the_caller
from skfashion.utils.files import write_atomically
from skfashion.utils.labels import check_label_per_row, column_of_labels, encode_labels
from skfashion.utils.names import advises

# Of n rows drawn alike, a further one goes beyond the highest value of an activation with a
# probability of 1/(n + 1), and below the lowest likewise, in each of dozens of activations. With
# fewer different rows than this, that is more than 3 % each.
FEWEST_ROWS = 32
# Operators with weights.
WEIGHTED = ("Conv", "Gemm", "MatMul")
# Rows of a batch with which ranges are measured.
BATCH = 64
# By this entry ONNX Runtime knows that a model is ready; it would say so by the root logger, and
# thereby set that up. Batch norm is folded already, and shapes are inferred in any case.
READY = {"onnx.quant.pre_process": "onnxruntime.quant"}
# What it calls the product that it makes of a Gemm.
PRODUCT = "_MatMul"


@dataclass(frozen=True)
class QuantizationReport:
    """What 8 bits cost, and what they save.

    Attributes
    ----------
    method : {"static", "dynamic"}
        How activations became integers.
    bytes_before, bytes_after : int
        Sizes of the files in float32 and in int8.
    n_rows : int
        Rows that were compared.
    labels_changed : float
        Share of these rows whose label has changed.
    accuracy_before, accuracy_after : float or None
        Shares of these rows whose label is right; None without `y_test`.

    Examples
    --------
    >>> from skfashion.export import QuantizationReport
    >>> report = QuantizationReport("static", 400_000, 100_000, n_rows=1000, labels_changed=0.002)
    >>> report.ratio
    4.0
    """

    method: str
    bytes_before: int
    bytes_after: int
    n_rows: int
    labels_changed: float
    accuracy_before: float | None = None
    accuracy_after: float | None = None

    @property
    def ratio(self) -> float:
        """How many times smaller the file has become."""
        return self.bytes_before / self.bytes_after


@advises
@in_order(check_model_and_path)
@validate_params(
    {
        "model": [HasMethods(["predict", "predict_proba"]), str, Path],
        "X_calibration": ["array-like", "sparse matrix"],
        "method": [StrOptions({"auto", "static", "dynamic"})],
    },
    prefer_skip_nested_validation=True,
)
def quantize(
    model, path, X_calibration, *, method="auto", X_test=None, y_test=None
) -> QuantizationReport:
    """Write a classifier as an ONNX file with 8-bit weights.

    ONNX Runtime computes convolutions and matrix products of the nets with integers. The scaling of
    the images before them, the softmax after them, and the computations of scikit-learn stay in
    float32. So do recurrent layers: the file of a net that mostly consists of ``nn.LSTM`` hardly
    becomes smaller, as the report's `ratio` says. Interface and metadata are those of
    :func:`to_onnx`, plus ``skfashion.quantized``.

    Parameters
    ----------
    model : classifier or path-like
        A fitted classifier that :func:`to_onnx` accepts, or a file that it has written.
    path : path-like
        The new file; its folder must exist.
    X_calibration : array-like
        Training rows, as `model` accepts them; a few hundred show the ranges of the activations.
        Their type is that of the file's input. "static" warns if fewer than 32 of them are
        different.
    method : {"auto", "static", "dynamic"}, default="auto"
        "static" fixes the range of each activation by `X_calibration`, and each filter has its own
        scale. "dynamic" measures ranges batch by batch, so a row's probabilities depend a little on
        the other rows. "auto" takes "static" for nets with convolutions, which are slow with
        "dynamic", and "dynamic" for nets of dense layers, which lose less with it. In nets with
        attention, "static" only changes layers with weights, and leaves the rest in float32: 8 bits
        save less there, and may save no time.
    X_test, y_test : array-likes, default=None
        Rows, and their labels, to compare the two files with. None compares labels on
        `X_calibration`.

    Returns
    -------
    QuantizationReport
        Sizes, the share of labels that have changed, and with `y_test` accuracies.

    Raises
    ------
    ValueError
        If `model` is a file not written by :func:`to_onnx`, or an int8 one, if it contains no net,
        or if rows do not fit.
    ImportError
        If a library of the extra "export" is missing.
    OSError
        If a file cannot be read or written; an existing file is kept.

    Examples
    --------
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import quantize
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> report = quantize(net, "net.int8.onnx", X[:500])
    >>> report.method, report.ratio > 3
    ('dynamic', True)
    """
    onnx = import_library("onnx")
    import_library("onnxruntime.quantization")
    if X_test is None and y_test is not None:
        raise ValueError("Got y_test without X_test, expected both, or X_test alone.")
    if y_test is not None:
        check_label_per_row(X_test, y_test, "_test")
        y_test = column_of_labels(y_test, "y_test")
    before = _content_of(model, X_calibration)
    graph = onnx.load_from_string(before)
    if y_test is not None:
        encode_labels(y_test, read_value(graph, "labels")["values"], "y_test")
    calibration = _inputs_of_file(graph, X_calibration, "X_calibration")
    compared = calibration if X_test is None else _inputs_of_file(graph, X_test, "X_test")
    nodes = _nodes_to_quantize(graph)
    if method == "auto":
        has_filters = any(node.op_type == "Conv" for node in nodes)
        method = "static" if has_filters else "dynamic"
    if method == "static":
        _warn_of_narrow_ranges(calibration)
    after = _quantized(graph, nodes, calibration, method)
    report = _compare(method, before, after, compared, y_test)
    write_atomically(path, lambda stream: stream.write(after))
    return report


def _warn_of_narrow_ranges(calibration):
    """Warn if rows are too few, or too much alike, to measure ranges of activations with."""
    different = set()
    for row in calibration:
        different.add(row.tobytes())
        if len(different) == FEWEST_ROWS:
            return
    warn_the_caller(
        f"Got X_calibration with {len(calibration)} rows, {len(different)} of them different; "
        f"expected {FEWEST_ROWS} different ones at least, better a few hundred of all classes: "
        "later values outside the ranges of these rows are clipped. Give more rows of the "
        'training data, or use method="dynamic" for a net of dense layers.'
    )


def _content_of(model, X):
    """Return the content of the float32 file of a classifier, or of one that is there."""
    if not isinstance(model, str | Path):
        return onnx_content(model, X)
    onnx, content = import_library("onnx"), Path(model).read_bytes()
    try:
        metadata = read_metadata(onnx.load_from_string(content))
    except Exception as error:  # of protobuf, which names none
        raise ValueError(f"Got {model}, which is no ONNX file ({error}).") from error
    if "skfashion.format" not in metadata or "skfashion.quantized" in metadata:
        raise ValueError(
            f"Got {model}, which to_onnx has not written, or which is quantized already; expected "
            "a fitted classifier or its file in float32."
        )
    return content


def _inputs_of_file(model, X, name):
    """Return rows as a file takes them, given in any layout of its images."""
    value = model.graph.input[0]
    sides = [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:]
    dtype = import_library("onnx").helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    X = read_for_file(model, X)
    rows = np.asarray(dense(X) if issparse(X) else X)
    if value.name == "images":
        layout = tuple(read_value(model, "image_shape"))
        if rows.ndim == 2 and rows.shape[1] != np.prod(sides):
            raise ValueError(f"Got {name} of {rows.shape[1]} values a row, expected {sides}.")
        rows = as_planes(as_rows(rows, layout), layout)
    rows = rows.reshape(len(rows), -1)
    if not len(rows) or rows.shape[1] != np.prod(sides):
        raise ValueError(f"Got {name} of shape {np.shape(X)}, expected rows of shape {sides}.")
    inputs = rows.astype(dtype)
    if dtype == np.uint8 and not np.array_equal(inputs, rows):
        raise ValueError(
            f"Got {name} with values that are not whole numbers from 0 to 255, expected uint8 as "
            "the file takes them. Write the file anew with X as it will come."
        )
    return np.ascontiguousarray(inputs.reshape(len(rows), *sides))


def _nodes_to_quantize(model):
    """Return the nodes of nets that have weights, or lie between two of them.

    Of a net with layer norm, which attention needs, it is the former alone: norms, softmax and GELU
    compute in float32, and to turn every activation between them into integers and back takes more
    time and space than it saves.

    Raises
    ------
    ValueError
        If there are none.
    """
    nodes = nodes_of_nets(model.graph)
    constants = {tensor.name for tensor in model.graph.initializer}
    weighted = [n for n in nodes if n.op_type in WEIGHTED and constants & set(n.input[1:2])]
    if not weighted:
        raise ValueError("Got a model without a net in it, expected layers with weights.")
    if any(node.op_type == "LayerNormalization" for node in nodes):
        return weighted
    behind = _reached(nodes, weighted, constants)
    before = _reached(nodes[::-1], weighted, constants, backwards=True)
    return [node for node in nodes if id(node) in behind & before]


def _reached(nodes, begin, constants, *, backwards=False):
    """Return the ids of nodes, in order, that follow some others; those are among them."""
    reached, names = {id(node) for node in begin}, set()
    for node in nodes:
        ahead, back = (node.input, node.output) if backwards else (node.output, node.input)
        if id(node) in reached or names & set(back):
            reached.add(id(node))
            names |= set(ahead) - constants
    return reached


def _quantized(model, nodes, calibration, method):
    """Return the content of an int8 file."""
    onnx, quantization = import_library("onnx"), import_library("onnxruntime.quantization")
    metadata = read_metadata(model)
    _name_nodes(model)
    _type_what_enters_nets(model)
    names = [node.name for node in nodes]
    kinds = sorted({node.op_type for node in nodes})
    add_metadata(model, READY)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if method == "static":
            quantization.quantize_static(
                model,
                path,
                _Reader(model.graph.input[0].name, calibration),
                op_types_to_quantize=kinds,
                nodes_to_quantize=names,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibration_providers=["CPUExecutionProvider"],
                # 8 bits of logits are too few for the softmax, and for what is a near tie. Types
                # are not inferred behind scikit-learn's operators.
                extra_options={
                    "OpTypesToExcludeOutputQuantization": ["Gemm"],
                    "DefaultTensorType": onnx.TensorProto.FLOAT,
                },
            )
        else:
            quantization.quantize_dynamic(
                model,
                path,
                op_types_to_quantize=list(WEIGHTED),
                nodes_to_quantize=names + [name + PRODUCT for name in names],
                weight_type=quantization.QuantType.QInt8,
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
            )
        quantized = onnx.load(path)
    del quantized.metadata_props[:], quantized.graph.value_info[:]
    add_metadata(quantized, metadata | {"skfashion.quantized": f'"{method}"'})
    return quantized.SerializeToString()


def _type_what_enters_nets(model):
    """Say of what comes in from scikit-learn's operators that it is float32.

    Of some of them, such as Normalizer, onnx infers no type, nor then of all that follows.
    """
    onnx, nodes = import_library("onnx"), nodes_of_nets(model.graph)
    made = {name for node in nodes for name in node.output}
    made |= {value.name for value in (*model.graph.input, *model.graph.initializer)}
    entering = {name for node in nodes for name in node.input if name} - made
    for name in sorted(entering):
        value = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        model.graph.value_info.append(value)


def _name_nodes(model):
    """Give nodes without one a name: nodes are chosen by it."""
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node{number}"


class _Reader:
    """Batches of rows, one after the other, as ONNX Runtime asks for them."""

    def __init__(self, name, rows):
        starts = range(0, len(rows), BATCH)
        self._batches = iter([{name: rows[start : start + BATCH]} for start in starts])

    def get_next(self):
        """Return the next batch, None at the end."""
        return next(self._batches, None)


def _compare(method, before, after, inputs, y):
    """Return the report about two files, run on the same rows."""
    first, second = answers_of_file(before, inputs), answers_of_file(after, inputs)
    accuracies = (None, None)
    if y is not None:
        truth = labels_for_onnx(np.asarray(y))
        accuracies = tuple(float(np.mean(a.labels == truth)) for a in (first, second))
    changed = float(np.mean(first.labels != second.labels))
    return QuantizationReport(method, len(before), len(after), len(inputs), changed, *accuracies)
