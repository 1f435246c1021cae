"""Operators of ONNX that become layers in C: what is read from each, and which forms are refused.

A reader takes a node and what its inputs are, and returns a function that makes the layer as soon
as its output is known, and the output's shape. Factors are float32 and computed in the order in
which ONNX Runtime does it, so that they have the same bits.
"""

from dataclasses import dataclass

import numpy as np

from skfashion.export.c_layers import Layer
from skfashion.export.libraries import import_library

# What an accumulator of 32 bits holds.
LARGEST = 2**31 - 1


class NoSuchLayer(ValueError):
    """A form of an operator for which there is no C; the text says why."""


@dataclass(frozen=True)
class Weights:
    """Weights or biases as integers, with a scale for all, or one for each place of an axis."""

    values: np.ndarray
    scale: np.ndarray
    axis: int = 0

    @property
    def scales_of_outputs(self):
        """Whether there is one scale, or one for each of the first axis."""
        return self.scale.size == 1 or (self.axis == 0 and self.scale.size == len(self.values))

    @property
    def real(self):
        """The real values, float32."""
        scale = self.scale.reshape(-1, *[1] * (self.values.ndim - 1)) if self.values.ndim else 1
        return self.values.astype(np.float32) * scale


def attributes(node):
    """Return the attributes of a node by name."""
    helper = import_library("onnx.helper")
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _expect(condition, why):
    if not condition:
        raise NoSuchLayer(why)


def _sides(shape):
    _expect(len(shape) == 3, f"images are expected, not values of shape {shape}")
    return dict(zip(("channels", "height", "width"), shape, strict=True))


def _window(node, shape, kernel=None):
    """Return settings of a window that moves over an image, and the shape of what comes out."""
    found = attributes(node)
    kernel = found.get("kernel_shape", kernel)
    strides, pads = found.get("strides", [1, 1]), found.get("pads", [0, 0, 0, 0])
    _expect(len(kernel) == 2, "windows are expected to be of two dimensions")
    _expect(found.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID"), "it pads automatically")
    _expect(set(found.get("dilations", [1])) == {1}, "it has dilations")
    channels, *sides = shape
    out = []
    for axis, (side, size, step) in enumerate(zip(sides, kernel, strides, strict=True)):
        rest = side + pads[axis] + pads[axis + 2] - size
        count = (-(-rest // step) if found.get("ceil_mode", 0) else rest // step) + 1
        if (count - 1) * step >= side + pads[axis]:  # a window that would begin beyond the image
            count -= 1
        out.append(count)
    settings = _sides(shape) | dict(zip(("out_height", "out_width"), out, strict=True))
    settings |= dict(zip(("kernel_height", "kernel_width"), kernel, strict=True))
    settings |= dict(zip(("step_down", "step_right"), strides, strict=True))
    return settings | {"top": pads[0], "left": pads[1]}, (channels, *out)


def _check_weights(weights, x):
    is_int8 = isinstance(weights, Weights) and weights.values.dtype == np.int8
    _expect(is_int8 and hasattr(x, "of"), "weights are not int8, or what comes in is not quantized")


def _products(kind, x, weights, bias, settings, n_products):
    """Return a function that makes a layer of sums of products, weights (n_out, ...)."""
    n_out = len(weights.values)
    _expect(bias is None or isinstance(bias, Weights), "its bias is not int32")
    _expect(weights.scales_of_outputs, "its scales are not those of outputs")
    offset = np.zeros(n_out, np.int32) if bias is None else bias.values.reshape(-1)
    largest = max(x.of.zero_point, 255 - x.of.zero_point)
    sums = np.abs(weights.values.astype(np.int64)).reshape(n_out, -1).sum(1) * largest
    _expect(
        (offset.dtype, offset.shape) == (np.int32, (n_out,))
        and (sums + np.abs(offset.astype(np.int64)) <= LARGEST).all(),
        "sums could need more than 32 bits",
    )

    def make(output):
        factors = x.of.scale * weights.scale.reshape(-1).astype(np.float32) / output.scale
        factors = np.broadcast_to(factors, n_out)
        constants = {"weights": weights.values, "biases": offset, "factors": factors}
        zeros = {"zero_in": x.of.zero_point, "zero_out": output.zero_point}
        return Layer(kind, (x.of,), output, settings | zeros, constants, n_products)

    return make


def read_conv(node, inputs):
    """Read a convolution."""
    x, weights, bias = (*inputs, None)[:3]
    _check_weights(weights, x)
    n_out, per_group, *kernel = weights.values.shape
    settings, shape = _window(node, x.shape, kernel)
    groups = attributes(node).get("group", 1)
    fits = per_group * groups == x.shape[0] and n_out % groups == 0
    _expect(fits, "its filters do not fit the channels")
    settings |= {"out_channels": n_out, "groups": groups}
    shape = (n_out, *shape[1:])
    n_products = int(np.prod(shape)) * per_group * int(np.prod(kernel))
    return _products("convolve", x, weights, bias, settings, n_products), shape


def read_gemm(node, inputs):
    """Read a dense layer."""
    x, weights, bias = (*inputs, None)[:3]
    _check_weights(weights, x)
    found = attributes(node)
    plain = found.get("alpha", 1) == found.get("beta", 1) == 1 and not found.get("transA", 0)
    _expect(plain, "it scales its products, or transposes what comes in")
    if not found.get("transB", 0):
        values = np.ascontiguousarray(weights.values.T)
        weights = Weights(values, weights.scale, 1 - weights.axis)
    n_out, n_in = weights.values.shape
    _expect(x.shape == (n_in,), "rows are expected")
    settings = {"size": n_in, "out_size": n_out}
    return _products("multiply", x, weights, bias, settings, n_in * n_out), (n_out,)


def _scaled(x, output):
    return {
        "zero_in": x.of.zero_point,
        "zero_out": output.zero_point,
        "scale_in": x.of.scale,
        "scale_out": output.scale,
    }


def _pooling(kind, x, settings, shape, in_place):
    def make(output):
        values = settings | _scaled(x, output)
        return Layer(kind, (x.of,), output, values, in_place=in_place)

    return make, shape


def read_max_pool(node, inputs):
    """Read a max-pool."""
    (x,) = inputs
    settings, shape = _window(node, x.shape)
    # Without padding, an output never lies behind what later windows read.
    in_place = settings["top"] == settings["left"] == 0
    return _pooling("pool_maxima", x, settings, shape, in_place)


def read_average_pool(node, inputs):
    """Read an average pool; what lies outside of the image counts only if there is padding."""
    (x,) = inputs
    settings, shape = _window(node, x.shape)
    padded = any(attributes(node).get("pads", [0]))
    _expect(not padded, "it pads")
    return _pooling("pool_means", x, settings, shape, in_place=True)


def read_mean(node, inputs):
    """Read the mean of each channel."""
    x, found = inputs[0], attributes(node)
    axes = inputs[1] if len(inputs) > 1 else np.array([2, 3])
    _expect(len(x.shape) == 3, "means of images are expected")
    _expect({int(axis) % 4 for axis in axes} == {2, 3}, "means are not those of channels")
    settings = {"channels": x.shape[0], "size": x.shape[1] * x.shape[2]}
    keeps = found.get("keepdims", 1)
    shape = (x.shape[0], 1, 1) if keeps else (x.shape[0],)
    return _pooling("average", x, settings, shape, in_place=True)


def read_add(node, inputs):
    """Read the sum of two activations."""
    a, b = inputs
    same = hasattr(a, "of") and hasattr(b, "of") and a.shape == b.shape
    _expect(same, "activations of one shape are expected")

    def make(output):
        first, second = a.of.scale / output.scale, b.of.scale / output.scale
        zeros = first * np.float32(a.of.zero_point) + second * np.float32(b.of.zero_point)
        settings = {
            "size": output.size,
            "first": first,
            "second": second,
            "rest": np.float32(output.zero_point) - zeros,
        }
        return Layer("add", (a.of, b.of), output, settings, in_place=True)

    return make, a.shape


def read_batch_norm(node, inputs):
    """Read batch norm that stands before a convolution: a factor and a summand for each channel."""
    x, *parts = inputs
    _expect(len(x.shape) == 3, "batch norm of images is expected")
    scale, shift, mean, variance = (p.real if isinstance(p, Weights) else p for p in parts)
    fits = all(np.shape(part) == (x.shape[0],) for part in (scale, shift, mean, variance))
    _expect(fits, "its numbers do not fit the channels")
    epsilon = np.float32(attributes(node).get("epsilon", 1e-5))
    factors = (scale / np.sqrt(variance + epsilon)).astype(np.float32)
    summands = (shift - mean * factors).astype(np.float32)
    settings = {"channels": x.shape[0], "size": x.shape[1] * x.shape[2]}

    def make(output):
        constants = {"factors": factors, "summands": summands}
        values = settings | _scaled(x, output)
        return Layer("normalize", (x.of,), output, values, constants, in_place=True)

    return make, x.shape


def requantize(x):
    """Return what makes a layer that gives an activation another scale."""
    return _pooling("requantize", x, {"size": x.of.size}, x.shape, in_place=True)


READERS = {
    "Conv": read_conv,
    "Gemm": read_gemm,
    "MatMul": read_gemm,
    "MaxPool": read_max_pool,
    "AveragePool": read_average_pool,
    "ReduceMean": read_mean,
    "GlobalAveragePool": read_mean,
    "Add": read_add,
    "BatchNormalization": read_batch_norm,
}
