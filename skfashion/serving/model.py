"""An exported file that answers: its session, what it says of itself, and how it is tried."""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skfashion.images import as_planes, channel_axis, planes_shape
from skfashion.metadata import FORMAT, READER, own_texts, unpacked, value_of
from skfashion.pictures import CROPS
from skfashion.serving.libraries import import_library
from skfashion.serving.problems import ProblemError, in_one_line
from skfashion.utils.forms import ONNX, form_of

# Types of ONNX Runtime for inputs, and the same of NumPy.
INPUT_DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}
# Rows that are computed at a time: more would be no faster, and take memory that stays taken.
BATCH = 32
# Sizes of the batches in which a file is tried, by how much sums of probabilities may differ from
# 1, and probabilities of a row in two batches: dynamic int8 has a scale a batch.
TRIED, TOLERANCE, BATCH_TOLERANCE = (1, 2, 7), 1e-3, 0.25
# Bytes of a file at most.
LARGEST = 2**30


class Cancelled(Exception):
    """Nobody waits for an answer any more."""


@dataclass(frozen=True)
class Answer:
    """What a file says of some rows.

    Attributes
    ----------
    labels : list
        Of Python's types.
    probabilities : ndarray of shape (n, k), float32
    features : ndarray of shape (n, m), float32, or None
    """

    labels: list
    probabilities: np.ndarray
    features: np.ndarray | None = None

    def row(self, number):
        """Return the answer to one of the rows."""
        its = slice(number, number + 1)
        features = None if self.features is None else self.features[its]
        return Answer(self.labels[its], self.probabilities[its], features)

    def is_same(self, other):
        """Whether another answer has the same bits."""
        return (
            self.labels == other.labels
            and np.array_equal(self.probabilities, other.probabilities)
            and (self.features is None or np.array_equal(self.features, other.features))
        )

    @property
    def is_finite(self):
        """Whether there is neither NaN nor infinity in it."""
        has_features = self.features is not None
        return bool(
            np.isfinite(self.probabilities).all()
            and (not has_features or np.isfinite(self.features).all())
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded file.

    Attributes
    ----------
    name : str
    session : onnxruntime.InferenceSession
    classes : list
        Labels, of Python's types.
    input_name : str
    dtype : numpy dtype
        Of the input: uint8 or float32.
    input_shape : tuple of int
        Of a row of the input, ``(c, h, w)`` or ``(d,)``.
    image_shape : tuple of int, or None
        The layout of a flat row; None if nothing is known of it.
    value_range : tuple of float, or None
        Smallest and largest value of the training's images, if known.
    prior : ndarray of shape (k,), or None
        Frequencies of the classes that the probabilities are made for.
    profile : dict or None
        Statistics for a monitor.
    examples : ndarray of shape (n, *input_shape), or None
    example_labels : list or None
    outputs : tuple of str
    row_seconds : float
        What a row takes, measured when the file was checked.
    crop : {"stretch", "centre", "pad"}
        What becomes of a picture of other proportions.
    """

    name: str
    session: object = field(repr=False)
    classes: list
    input_name: str
    dtype: np.dtype
    input_shape: tuple
    image_shape: tuple | None
    value_range: tuple | None
    prior: np.ndarray | None
    profile: dict | None = field(repr=False)
    examples: np.ndarray | None = field(repr=False)
    example_labels: list | None = field(repr=False)
    outputs: tuple
    row_seconds: float = 0.0
    crop: str = "stretch"

    @property
    def planes(self):
        """(c, h, w) of the image that the net sees; None of a table, and of what is not known."""
        if self.image_shape is None:
            return None
        shape = tuple(planes_shape(self.image_shape))
        return None if shape[:2] == (1, 1) else shape

    @property
    def n_values(self):
        """Of a row of the input."""
        return math.prod(self.input_shape)

    def predict(self, inputs, is_cancelled=lambda: False):
        """Return the :class:`Answer` of inputs (n, *input_shape) of the file's dtype.

        Raises
        ------
        Cancelled
            If `is_cancelled` says so between two batches.
        ProblemError
            422 if the inputs are so large that the answer is NaN or infinite.
        """
        answer = self.compute(inputs, is_cancelled)
        # Bytes are too small for that.
        if self.dtype != np.uint8 and not answer.is_finite:
            raise ProblemError(
                422, "Got numbers that are too large for this model; send some as in its training."
            )
        return answer

    def compute(self, inputs, is_cancelled=lambda: False):
        """Return the :class:`Answer` of inputs, whatever it is."""
        parts = []
        for start in range(0, len(inputs), BATCH):
            if is_cancelled():
                raise Cancelled
            batch = inputs[start : start + BATCH]
            parts.append(self.session.run(self.outputs, {self.input_name: batch}))
        columns = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        found = dict(zip(self.outputs, columns, strict=True))
        return Answer(found["label"].tolist(), found["probabilities"], found.get("features"))

    def trial_rows(self, n):
        """Return inputs (n, *input_shape) to try the model with: its examples, or noise."""
        shape = n, *self.input_shape
        if self.examples is not None and len(self.examples):
            return np.resize(self.examples, shape).astype(self.dtype)
        return self.scaled(np.random.default_rng(0).integers(0, 256, shape, np.uint8))

    def from_planes(self, planes):
        """Return images (n, c, h, w) as the file takes them."""
        if len(self.input_shape) == 3:
            return np.ascontiguousarray(planes, self.dtype)
        return self.to_rows(np.asarray(planes, self.dtype))

    def to_rows(self, inputs):
        """Return inputs, or images (n, c, h, w), as rows in the order of `image_shape`."""
        if inputs.ndim == 4 and channel_axis(self.image_shape) == 2:
            inputs = inputs.transpose(0, 2, 3, 1)
        return inputs.reshape(len(inputs), -1)

    def to_planes(self, inputs):
        """Return inputs of the file as images (n, c, h, w)."""
        return inputs if inputs.ndim == 4 else as_planes(inputs, self.image_shape)

    def scaled(self, pixels):
        """Return pixels, uint8 of 0 to 255, as values of the size that the net has learned."""
        if self.dtype == np.uint8 or self.value_range is None:
            return pixels.astype(self.dtype)
        low, high = self.value_range
        if low >= 0 and 16 < high <= 255:
            return pixels.astype(np.float32)
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
        return (low + pixels.astype(np.float32) * ((high - low) / 255)).astype(np.float32)

    def as_pixels(self, planes):
        """Return images (n, c, h, w) of the net's values as uint8, to be looked at."""
        zero, top = self.scaled(np.array([0, 255], np.uint8)).astype(np.float64)
        return np.rint((planes - zero) * (255 / (top - zero))).clip(0, 255).astype(np.uint8)


def load_model(name, content, threads=1, path=None):
    """Return the :class:`Model` of a file's content, bytes, once it has been tried.

    Parameters
    ----------
    name : str
    content : bytes
    threads : int, default=1
        For a prediction.
    path : path-like, default=None
        Where the content is from, for messages.

    Raises
    ------
    ValueError
        If it is no file of `skfashion.export`, or says what no classifier says.
    ImportError
        If ONNX Runtime is not installed.
    """
    try:
        return _loaded(name, content, threads)
    except ValueError as error:
        if path is None:
            raise
        raise ValueError(f"{path}: {error}") from None


def _loaded(name, content, threads):
    """Return the model of a file's content."""
    runtime = import_library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    # Threads of several requests would wait for each other by spinning.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(
            f"Got a file that ONNX Runtime cannot open ({in_one_line(error)}), expected one of "
            "to_onnx or quantize, .onnx, or of net.save, .safetensors."
        ) from None
    texts = own_texts(session.get_modelmeta().custom_metadata_map)
    try:
        model = _described(name, session, texts)
    except KeyError as error:
        raise ValueError(
            f"Got an ONNX file without {error}, expected one of to_onnx or quantize of "
            "skfashion.export."
        ) from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"Got an ONNX file whose metadata make no sense: {error}") from None
    return _tried(model)


def read_file(path):
    """Return a file's content.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is a folder, a file of a known form that is none of ONNX, or larger than 1 GiB.
    """
    what = "a folder" if Path(path).is_dir() else ""
    if not what and (form := form_of(path)) not in (None, ONNX):
        what = form.text.partition(":")[0]
    if what:
        raise ValueError(
            f"Got {path}, which is {what}, expected an ONNX file, or one of net.save. Open the "
            "model where it was made, and export it with to_onnx: "
            "skfashion.export.to_onnx(model, 'model.onnx', X)."
        )
    size = Path(path).stat().st_size
    if size > LARGEST:
        raise ValueError(f"Got {path} of {size} bytes, expected at most {LARGEST}.")
    return Path(path).read_bytes()


def _described(name, session, texts):
    """Return a model as its file describes it."""
    if not texts:
        raise KeyError("metadata of skfashion")
    if (version := value_of(texts, "format")) > FORMAT:
        raise ValueError(f"Got a file of format {version}, expected {FORMAT}: update skfashion.")
    (entry,) = session.get_inputs()
    outputs = tuple(output.name for output in session.get_outputs())
    if entry.type not in INPUT_DTYPES or not {"label", "probabilities"} <= set(outputs):
        raise ValueError(f"Got an ONNX file of {entry.type} to {outputs}, expected a classifier.")
    known = {
        key: value_of(texts, key)
        for key in ("image_shape", READER, "prior", "profile", "value_range")
        if f"skfashion.{key}" in texts
    }
    examples, labels = None, None
    if "skfashion.examples" in texts:
        stored = value_of(texts, "examples")
        examples, labels = unpacked(stored), stored.get("labels")
    shape, prior = known.get("image_shape"), known.get("prior")
    if prior is not None:
        prior = np.asarray(prior["predictions"] or prior["learned"], np.float64)
    return Model(
        name,
        session,
        value_of(texts, "labels")["values"],
        entry.name,
        np.dtype(INPUT_DTYPES[entry.type]),
        tuple(int(side) for side in entry.shape[1:]),
        None if shape is None else tuple(map(int, shape)),
        tuple(known["value_range"]) if "value_range" in known else None,
        prior,
        known.get("profile"),
        examples,
        labels,
        outputs,
        crop=_crop_of(known.get(READER), shape),
    )


def _crop_of(reader, image_shape):
    """Return how a file's reader brings pictures to its shape; they are stretched without one."""
    if reader is None:
        return "stretch"
    sides = tuple(reader["size"])
    shape = (*sides, 3) if reader["mode"] == "RGB" else sides
    if reader["crop"] not in CROPS or image_shape is None or tuple(image_shape) != shape:
        raise ValueError(
            f"Got a file of image_shape={image_shape} that reads pictures as {reader}."
        )
    return reader["crop"]


def _tried(model):
    """Return a model that has answered a few batches as a classifier does, and how fast."""
    if model.image_shape is not None and math.prod(model.image_shape) != math.prod(
        model.input_shape
    ):
        raise ValueError(f"Got a file of image_shape={model.image_shape} and {model.input_shape}.")
    k = len(model.classes)
    if model.examples is not None and model.examples.shape[1:] != model.input_shape:
        raise ValueError(f"Got a file with examples of shape {model.examples.shape}.")
    rows = model.trial_rows(max(TRIED))
    answers = [model.compute(rows[:size]) for size in TRIED]
    whole = answers[-1].probabilities
    for answer in answers:
        found = answer.probabilities
        if found.shape != (len(answer.labels), k) or not np.isfinite(found).all():
            raise ValueError(f"Got a file with probabilities of shape {found.shape}, or NaN.")
        is_sum = np.abs(found.sum(axis=1) - 1).max() <= TOLERANCE
        if not is_sum or np.abs(found - whole[: len(found)]).max() > BATCH_TOLERANCE:
            raise ValueError("Got a file whose probabilities depend on the batch, or are none.")
        if not set(answer.labels) <= set(model.classes):
            raise ValueError("Got a file that predicts labels which it does not name.")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.predict(rows)
        times.append((time.perf_counter() - start) / len(rows))
    fields = {name: getattr(model, name) for name in model.__dataclass_fields__}
    return Model(**fields | {"row_seconds": min(times)})
