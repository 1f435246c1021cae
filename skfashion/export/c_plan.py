"""The layers of a net, read from the graph of its int8 ONNX file."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skfashion.export import c_operators as operators
from skfashion.export.c_layers import Activation, Plan
from skfashion.export.libraries import import_library
from skfashion.export.metadata import read_metadata, read_value
from skfashion.metadata import PREFIX

# Operators by which a net is quantized as it runs: there are no scales to write down.
DYNAMIC = ("DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul")
# What a file says of itself, as far as it is read.
SAID = ("labels", "class", "versions")
# Where the values of the training's images lie.
RANGE = "value_range"
# Operators, and the parameters of a classifier that they come from, for which there is no C.
OF_PARAMETERS = {
    "LayerNormalization": "attention layers (AttentionNetClassifier)",
    "ReduceL2": "a head of cosines (loss='ldam')",
    "LeakyRelu": "activation='leaky_relu'",
    "Elu": "activation='elu'",
    "Gelu": "activation='gelu'",
    "Tanh": "activation='tanh'",
    "Sigmoid": "activation='logistic' or 'silu', or squeeze-and-excitation (block='depthwise')",
}
VIEWS, STEPS = "several views of an image (tta)", "a step of a pipeline beside the net"
# What is done to the pixels before they become integers.
OF_PIXELS = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
# Of operators that are ONNX's own.
OWN_DOMAINS = ("", "ai.onnx")
# What may stand behind the logits.
LAST = ("ArgMax", "Softmax", "Gather")


@dataclass(frozen=True)
class _Pixels:
    """Real values of an image's pixels: by channel and value, (1, c, 1, 256)."""

    values: np.ndarray
    shape: tuple


@dataclass(frozen=True)
class _Real:
    """The real values of an activation, seen in some shape."""

    of: Activation
    shape: tuple


@dataclass(frozen=True)
class _Integers:
    """The integers of an activation, seen in some shape."""

    of: Activation
    shape: tuple


@dataclass(frozen=True)
class _Computed:
    """What a layer computes: `make(output)` gives it, as soon as the output's scale is known."""

    make: Callable
    shape: tuple
    is_dense: bool = False
    has_relu: bool = False
    shift: np.ndarray | None = None


def read_plan(model, input_scale=None):
    """Return the :class:`Plan` of a file.

    Parameters
    ----------
    model : onnx.ModelProto
        Of :func:`quantize`.
    input_scale : float or None
        What a byte is multiplied by where the file takes floats.

    Raises
    ------
    ValueError
        If it is no such file, or has an operator for which there is no C.
    """
    nodes = _needed(model.graph)
    _check_quantized(model, nodes)
    _check_parameters(model.graph, nodes)
    return _Reader(model, input_scale).plan(nodes)


def _needed(graph):
    """Return the nodes, in order, that labels and probabilities are made of."""
    wanted, needed = {"label", "probabilities"}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            needed.append(node)
            wanted |= set(node.input)
    return needed[::-1]


def _check_quantized(model, nodes):
    kinds = {node.op_type for node in nodes}
    dynamic = sorted(kinds.intersection(DYNAMIC))
    if dynamic:
        raise ValueError(
            f"Got a file with the operator {dynamic[0]}: the net was quantized dynamically, and "
            'scales are computed as it runs. Expected one of quantize(..., method="static").'
        )
    is_ours = {PREFIX + name for name in ("format", *SAID)} <= read_metadata(model).keys()
    if not is_ours or "QuantizeLinear" not in kinds:
        raise ValueError(
            "Got a file that is not of this package, or whose weights are no integers; expected "
            'one that quantize(model, path, X_calibration, method="static") has written.'
        )


def _check_parameters(graph, nodes):
    """Refuse operators of which it is known what parameter of a classifier they come from."""
    constants = {tensor.name for tensor in graph.initializer}
    for kind, what in OF_PARAMETERS.items():
        for node in nodes:
            if node.op_type == kind:
                refuse(node, what=what)
    for node in nodes:
        if node.domain not in OWN_DOMAINS:
            refuse(node, what=STEPS)
        if node.op_type == "Gather" and not constants & set(node.input[:1]):
            refuse(node, what=VIEWS)


def refuse(node, why="there is no C for it", what=""):
    """Raise an error that names an operator, and what it is part of, if that is known."""
    domain = "" if node.domain in OWN_DOMAINS else f"{node.domain}."
    raise ValueError(
        f"Got a file with {what and f'{what}, '}the operator {domain}{node.op_type} (node "
        f"{node.name!r}), expected a plain net of uint8 images: {why}. In C there are "
        "convolutions, dense layers, max-pools, means, sums, batch norm and ReLU; use other "
        "parameters, or run the file by ONNX Runtime."
    )


def _value_range(model):
    """Return the smallest and the largest value of the training's images, None if not known."""
    if PREFIX + RANGE not in read_metadata(model):
        return None
    low, high = read_value(model, RANGE)
    return float(low), float(high)


def _checked_scale(value, input_scale, value_range):
    """Return what a byte is multiplied by before a net sees it; `value` is the file's input."""
    proto, kind = import_library("onnx").TensorProto, value.type.tensor_type.elem_type
    if kind == proto.UINT8:
        if input_scale not in (None, 1):
            raise ValueError(
                f"Got input_scale={input_scale}, expected none for a file whose input "
                f"{value.name!r} is uint8: it takes bytes as they are."
            )
        return 1.0
    said = ""
    if value_range is not None:
        said = ", of a net that was fitted on values from {:g} to {:g}".format(*value_range)
    if kind != proto.FLOAT or (value_range is not None and value_range[0] < 0):
        raise ValueError(
            f"Got a file whose input {value.name!r} cannot be given as bytes{said}; expected uint8 "
            "images, or float32 ones that are not negative. Fit with pixels from 0 to 255."
        )
    if input_scale is None:
        raise ValueError(
            f"Got a file whose input {value.name!r} is float32{said}; expected uint8 images, or "
            "input_scale besides: what a byte is multiplied by before the net sees it. Give "
            "input_scale=1 / 255 if the net was fitted on pixels from 0 to 1."
        )
    return float(input_scale)


def _table(values, scale, zero):
    """Return what becomes of a pixel, uint8 (c, 256), as QuantizeLinear rounds it."""
    steps = np.rint((values / scale).clip(-zero, 255 - zero))
    return (steps + zero).astype(np.uint8).reshape(-1, 256)


def _labels(model):
    """Return the labels as texts."""
    labels = [str(label) for label in read_value(model, "labels")["values"]]
    cut = [label for label in labels if "\0" in label]
    if cut:
        raise ValueError(
            f"Got the label {cut[0]!r}, expected labels without NUL, with which texts end in C."
        )
    return labels


class _Reader:
    """Reads nodes, one after the other; `values` are what their outputs' names mean."""

    def __init__(self, model, input_scale=None):
        self.model, self.layers, self.table = model, [], None
        self.value_range = _value_range(model)
        self.input_scale = _checked_scale(model.graph.input[0], input_scale, self.value_range)
        numpy_helper = import_library("onnx.numpy_helper")
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.values = {"": None, **constants}
        self.logits = None

    def plan(self, nodes):
        """Return the plan of nodes in order."""
        self._read_input()
        for node in nodes:
            self._read(node)
        if self.table is None or self.logits is None:
            raise ValueError(
                "Got a file without quantized images and logits, expected one of quantize()."
            )
        # Logits are real values: they need no scale of their own.
        output = Activation(self.logits.shape, np.float32(1), 0)
        last = replace(self.logits.make(output), kind="score")
        labels = _labels(self.model)
        if len(labels) != output.size:
            raise ValueError(
                f"Got {len(labels)} labels and {output.size} logits, expected as many."
            )
        described = {name: read_value(self.model, name) for name in SAID[1:]}
        return Plan(
            input=self.input,
            shape=self.shape,
            table=self.table,
            layers=self.layers,
            last=last,
            shift=self.logits.shift,
            labels=labels,
            described=described,
            input_scale=self.input_scale,
            value_range=self.value_range,
        )

    def _read_input(self):
        value = self.model.graph.input[0]
        self.shape = tuple(d.dim_value for d in value.type.tensor_type.shape.dim)[1:]
        if not self.shape or min(self.shape) < 1:
            raise ValueError(f"Got images of shape {self.shape}, expected sides that are known.")
        n_channels = self.shape[0] if len(self.shape) == 3 else 1
        values = (np.arange(256) * self.input_scale).astype(np.float32)
        pixels = np.tile(values, (1, n_channels, 1, 1))
        self.values[value.name] = _Pixels(pixels, self.shape)

    def _read(self, node):
        """Note what the output of a node is."""
        first = self.values[node.input[0]] if node.input else None
        kind = node.op_type
        if kind == "DequantizeLinear":
            value = self._dequantized(node, first)
        elif kind == "QuantizeLinear":
            value = self._quantized(node, first)
        elif kind in LAST:
            value = self._last(node, first)
        elif kind in ("Reshape", "Flatten") and isinstance(first, _Pixels | _Real | _Computed):
            value = replace(first, shape=self._flat_shape(node, first))
        elif isinstance(first, _Pixels):
            value = self._of_pixels(node, first)
        elif kind == "Relu" and isinstance(first, _Real | _Computed):
            value = self._with_relu(first)
        elif kind == "Add" and self._constant(node, 1) is not None:
            value = self._shifted(node, first)
        elif kind in operators.READERS:
            value = self._computed(node)
        else:
            refuse(node)
        self.values[node.output[0]] = value

    def _constant(self, node, place):
        """Return an input that is an array of numbers, None for another one."""
        name = node.input[place] if place < len(node.input) else ""
        value = self.values[name]
        return value if isinstance(value, np.ndarray) else None

    def _scale_of(self, node):
        """Return scale and zero point of a node that has one of each."""
        scale, zero = self._constant(node, 1), self._constant(node, 2)
        if scale is None or zero is None or scale.size != 1 or zero.dtype != np.uint8:
            refuse(node, "activations are expected as uint8, with one scale")
        return np.float32(scale.item()), int(zero.item())

    def _dequantized(self, node, first):
        scale, zero = self._constant(node, 1), self._constant(node, 2)
        if isinstance(first, np.ndarray):
            if scale is None or (zero is not None and zero.any()):
                refuse(node, "weights are expected with a zero point of 0")
            axis = operators.attributes(node).get("axis", 1)
            return operators.Weights(first, scale, axis % max(first.ndim, 1))
        if not isinstance(first, _Integers) or self._scale_of(node) != first.of.grid:
            refuse(node, "it does not take the scale of what comes in")
        return _Real(first.of, first.shape)

    def _quantized(self, node, first):
        grid = self._scale_of(node)
        if isinstance(first, _Pixels):
            if self.table is not None:
                refuse(node, "the image is quantized more than once")
            self.table, self.input = _table(first.values, *grid), Activation(first.shape, *grid)
            return _Integers(self.input, first.shape)
        if isinstance(first, _Real):
            if grid == first.of.grid:
                return _Integers(first.of, first.shape)
            first = _Computed(*operators.requantize(first))
        # What is less than 0 becomes 0 where that is the least integer.
        if getattr(first, "has_relu", False) and grid[1]:
            refuse(node, "its zero point is not 0 behind a ReLU")
        if not isinstance(first, _Computed) or first.shift is not None:
            refuse(node, "it stands behind nothing that is computed")
        output = Activation(first.shape, *grid)
        self.layers.append(first.make(output))
        return _Integers(output, first.shape)

    def _of_pixels(self, node, pixels):
        if node.op_type == "Cast":
            return pixels
        constant = self._constant(node, 1)
        if node.op_type not in OF_PIXELS or constant is None:
            refuse(node)
        by_channel = (1, pixels.values.shape[1], 1, 1)
        if constant.size != 1 and constant.shape != by_channel:
            refuse(
                node,
                "columns have numbers of their own, as in a table or behind a scaler, and each "
                "would need a table of 256 entries",
            )
        constant = constant.reshape(()) if constant.size == 1 else constant
        return replace(pixels, values=OF_PIXELS[node.op_type](pixels.values, constant))

    def _flat_shape(self, node, first):
        size = int(np.prod(first.shape))
        if node.op_type == "Flatten":
            return (size,)
        shape = tuple(int(side) for side in self._constant(node, 1)[1:])
        if any(side < 1 for side in shape) or np.prod(shape) != size:
            refuse(node, "rows are mixed, or sides are free")
        return shape

    def _computed(self, node):
        inputs = [self.values[name] for name in node.input]
        if any(isinstance(value, _Computed) for value in inputs):
            refuse(node, "what comes in is not quantized")
        try:
            made = operators.READERS[node.op_type](node, inputs)
            return _Computed(*made, is_dense=node.op_type in ("Gemm", "MatMul"))
        except operators.NoSuchLayer as error:
            refuse(node, str(error))

    def _with_relu(self, first):
        if isinstance(first, _Real):
            first = _Computed(*operators.requantize(first))
        return replace(first, has_relu=True)

    def _shifted(self, node, first):
        shift = self._constant(node, 1)
        if not isinstance(first, _Computed) or shift.shape != first.shape:
            refuse(node, "a constant is added to something else than the logits")
        return replace(first, shift=shift.astype(np.float32))

    def _last(self, node, first):
        if node.op_type == "Gather":
            return None if isinstance(first, np.ndarray) else refuse(node)
        axis = operators.attributes(node).get("axis", -1)
        is_dense = isinstance(first, _Computed) and first.is_dense and not first.has_relu
        if not is_dense or axis not in (1, -1):
            refuse(node, "it does not stand behind a dense layer")
        if self.logits is not None and self.logits is not first:
            refuse(node, "labels and probabilities come from different logits")
        self.logits = first
        return None
