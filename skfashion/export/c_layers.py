"""What a quantized net computes, as a list of layers: read from a file, and written in C."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Activation:
    """Values of one image as integers of 8 bits; ``scale * (q - zero_point)`` are the real ones.

    Attributes
    ----------
    shape : tuple of int
        ``(c, h, w)``, or ``(d,)`` behind a flattening.
    scale : float32
    zero_point : int
        From 0 to 255.
    """

    shape: tuple
    scale: np.float32
    zero_point: int

    @property
    def grid(self):
        """What tells which real value an integer is."""
        return self.scale, self.zero_point

    @property
    def size(self):
        """Number of values, each of which takes a byte."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False)
class Layer:
    """A step of the computation.

    Attributes
    ----------
    kind : str
        The name of its function in C.
    inputs : tuple of Activation
    output : Activation
    settings : dict of str to int or float32
        Numbers that the function needs, by the names that they have in C.
    constants : dict of str to ndarray
        Arrays that it needs, int8, int32 or float32.
    n_products : int
        Multiplications by a weight.
    in_place : bool
        Whether the output may lie where an input lies that nobody needs any more.
    """

    kind: str
    inputs: tuple
    output: Activation
    settings: dict
    constants: dict = field(default_factory=dict)
    n_products: int = 0
    in_place: bool = False


@dataclass(frozen=True)
class Plan:
    """All that is computed of one image.

    Attributes
    ----------
    input : Activation
        The image behind the table.
    shape : tuple of int
        Of the image that comes in.
    table : ndarray of shape (c, 256), uint8
        What becomes of a pixel, by channel and value.
    layers : list of Layer
        In the order of computation.
    last : Layer
        What gives the logits, as real values.
    shift : ndarray of shape (k,), float32, or None
        What is added to the logits.
    labels : list of str
    described : dict of str to str
        What is said of the net in a comment.
    input_scale : float, default=1.0
        What a byte is multiplied by; it is part of the table.
    value_range : tuple of two floats or None, default=None
        The smallest and the largest value of the training's images, if they are known.
    """

    input: Activation
    shape: tuple
    table: np.ndarray
    layers: list
    last: Layer
    shift: np.ndarray | None
    labels: list
    described: dict
    input_scale: float = 1.0
    value_range: tuple[float, float] | None = None
