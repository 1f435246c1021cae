"""A quantized net as C, for devices that have no runtime, no files and little memory."""

import re
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from skfashion.export.arguments import check_file_and_folder, in_order
from skfashion.export.c_plan import read_plan
from skfashion.export.c_source import write_sources
from skfashion.export.checking import session_of
from skfashion.export.libraries import import_library
from skfashion.export.metadata import read_metadata
from skfashion.utils._sklearn import Interval, validate_params
from skfashion.utils.files import write_atomically
from skfashion.utils.names import advises

# Headers that are included: "math.h" beside the source would take the place of C's.
TAKEN = ("math", "stdint")
SCALE = [Interval(Real, 0, None, closed="neither"), None]


@dataclass(frozen=True)
class CReport:
    """Memory and computation that a net in C needs.

    Attributes
    ----------
    flash_bytes : int
        Constants: weights, biases and factors of layers, the table of pixels, names of labels, and
        descriptions of layers with 32-bit pointers. The code itself, a few kB, is not counted.
    ram_bytes : int
        Static memory, without the image and the probabilities, which the caller provides.
    n_weights : int
        Weights of one byte each, without biases.
    n_multiply_accumulates : int
        Multiplications by a weight for one image.
    input_scale : float, default=1.0
        Factor for the bytes of an image, in the table: 1 / 255 for a net fitted on pixels from 0 to
        1, if :func:`to_c` was told so.

    Examples
    --------
    >>> from skfashion.export import CReport
    >>> report = CReport(flash_bytes=9000, ram_bytes=4000, n_weights=8000, n_multiply_accumulates=9)
    >>> report.input_scale
    1.0
    """

    flash_bytes: int
    ram_bytes: int
    n_weights: int
    n_multiply_accumulates: int
    input_scale: float = 1.0


@advises
@in_order(check_file_and_folder)
@validate_params(
    {"onnx_file": [str, Path], "folder": [str, Path], "name": [str], "input_scale": SCALE},
    prefer_skip_nested_validation=True,
)
def to_c(onnx_file, folder, *, name="skfashion", input_scale=None) -> CReport:
    """Write an int8 ONNX file as a header and a source file in C99.

    The files need ``<stdint.h>`` and ``<math.h>``, allocate no memory, and contain the label names,
    the standardisation as a table by channel and value, and all weights as constants. Layers may be
    convolutions (also grouped), dense layers, max-pools, means, sums, batch norm and ReLU.
    Activations share one static array of known size.

    Sums, factors and rounding are those of ONNX Runtime: in its int8 arithmetic, each sum of
    products is multiplied by a float. If its kernels differ between processors, or add in another
    order, an integer value may differ by 1.

    Parameters
    ----------
    onnx_file : path-like
        A file written by :func:`quantize` with ``method="static"``. Its input is uint8, or float32
        with `input_scale`.
    folder : path-like
        It is created if it does not exist. The files are NAME.h and NAME.c; older ones are
        replaced.
    name : str, default="skfashion"
        Prefix of all public names: of the files, the function ``NAME_predict``, the labels
        ``NAME_labels`` and, in capitals, the macros.
    input_scale : float, default=None
        Factor for the bytes before the net, if the file's input is float32: 1 / 255 if the net was
        fitted on pixels from 0 to 1, and the device has bytes from 0 to 255. It becomes part of the
        table, and the header states it. None accepts only uint8 files, in which a byte is the
        pixel's value.

    Returns
    -------
    CReport
        Bytes of constants and of memory, and multiplications.

    Raises
    ------
    ValueError
        If the file is none of these; if it has an operator without C code, which is named with the
        parameter that it comes from; if its input is float32 and `input_scale` is missing, or uint8
        and it is given; if `name` is not a valid prefix in C. Then nothing is written.
    ImportError
        If a library of the extra "export" is missing.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> from skfashion import ConvNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> from skfashion.export import quantize, to_c
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = ConvNetClassifier(channels=(4, 8), max_epochs=2, random_state=0).fit(X, y)
    >>> report = quantize(net, "net.int8.onnx", X[:500], method="static")
    >>> report = to_c("net.int8.onnx", "firmware", name="clothes")
    >>> report.ram_bytes  # the image and four feature maps of its size, and ten logits
    3960
    """
    onnx = import_library("onnx")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name.lower() in TAKEN:
        raise ValueError(
            f"Got name={name!r}, expected letters, digits and underscores with a letter first, and "
            "no name of a header of C: files, functions and macros are called by it."
        )
    content = Path(onnx_file).read_bytes()
    try:
        model = onnx.load_from_string(content)
        # It finds shapes that do not fit: in C these would be places beyond an array.
        session_of(content)
        read_metadata(model)
    except Exception as error:  # of protobuf and ONNX Runtime, which name none
        raise ValueError(f"Got {onnx_file}, which is no ONNX file that runs ({error}).") from error
    with np.errstate(all="ignore"):  # what is not finite is refused when it is written
        plan = read_plan(model, input_scale)
        files = write_sources(plan, name)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for ending, written in (("c", files.source), ("h", files.header)):
        data = written.encode()
        write_atomically(folder / f"{name}.{ending}", lambda stream, data=data: stream.write(data))
    layers = [layer for layer in (*plan.layers, plan.last) if layer.n_products]
    return CReport(
        flash_bytes=files.flash_bytes,
        ram_bytes=files.ram_bytes,
        n_weights=sum(layer.constants["weights"].size for layer in layers),
        n_multiply_accumulates=sum(layer.n_products for layer in layers),
        input_scale=plan.input_scale,
    )
