"""What a file is, by its first bytes: nothing is unpickled or decompressed to find out."""

import os
import re
from typing import NamedTuple

# What is read of a file. The name of a zip file's first member lies within.
N_BYTES = 512
RUNS_CODE = "which runs code that is in the file, so only if you trust whoever wrote it"


class Form(NamedTuple):
    """A form of file that others than `skfashion.load` open.

    Attributes
    ----------
    name : str
        A word for it.
    text : str
        What the file is and what opens it, to stand behind "which is".
    """

    name: str
    text: str


PICKLE = Form("pickle", f"a pickle, or a file of joblib.dump: use joblib.load(path), {RUNS_CODE}")
COMPRESSED = Form(
    "compressed",
    "a compressed file, as joblib.dump(net, path, compress=3) writes: use joblib.load(path), "
    f"{RUNS_CODE}",
)
SKOPS = Form(
    "skops",
    "a zip file, as skops.io.dump writes: use skops.io.load(path, trusted=skfashion.TRUSTED_TYPES)",
)
TORCH = Form(
    "torch.save",
    "a file of torch.save: if it holds weights by name, init_from=path begins a training with them",
)
TORCH_EXPORT = Form(
    "torch.export",
    f"a file of to_torch_export: use torch.export.load(path), {RUNS_CODE}; it predicts, and "
    "becomes no classifier again",
)
ONNX = Form(
    "ONNX",
    "an ONNX file: use onnxruntime.InferenceSession(path); it predicts, and becomes no classifier "
    "again",
)
HDF5 = Form("HDF5", "an HDF5 file, as Keras writes: use h5py.File(path) or Keras itself")
NUMPY = Form("NumPy", "a file of NumPy's arrays: use numpy.load(path)")
EMPTY = Form("empty", "empty: write it again")

# Checked in this order: an old file of torch.save is a pickle that begins with this number.
STARTS = [
    (re.compile(rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\."), TORCH),
    (re.compile(rb"\x80[\x02-\x05]"), PICKLE),
    # zlib at every level, and as joblib wrote it long ago; gzip, bzip2, xz, lzma, lz4.
    (
        re.compile(rb"x[\x01\x5e\x9c\xda]|ZF|\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|\]\0\0|\x04\"M\x18"),
        COMPRESSED,
    ),
    (re.compile(rb"\x89HDF\r\n\x1a\n"), HDF5),
    (re.compile(rb"\x93NUMPY"), NUMPY),
    # A message of protobuf: the version of ONNX, then the producer, the graph or the operators.
    (re.compile(rb"\x08[\x01-\x20][\x12\x1a\x22\x28\x32\x3a\x42]"), ONNX),
]
# And zip files, by the name of their first member.
MEMBERS = [
    (re.compile(r"(\d+\.npy|schema\.json)"), SKOPS),
    (re.compile(r".*\.npy"), NUMPY),
    (re.compile(r"[^/]*/(data\.pkl|\.format_version|byteorder|version)"), TORCH),
    (re.compile(r"[^/]*/(data/weights|models|archive_format).*"), TORCH_EXPORT),
]


def form_of(path):
    """Return the :class:`Form` of a file, None for all others and for files of ``net.save``.

    Parameters
    ----------
    path : path-like
        An ordinary file.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    with open(path, "rb") as stream:
        start = stream.read(N_BYTES)
    if not start:
        return EMPTY
    if start.startswith(b"PK\x03\x04"):
        return _form_of_zip(start)
    return next((form for begins, form in STARTS if begins.match(start)), None)


def _form_of_zip(start):
    """Return the form of a zip file, that of skops where its first member tells nothing."""
    length = int.from_bytes(start[26:28], "little")
    name = start[30 : 30 + length].decode(errors="replace")
    return next((form for names, form in MEMBERS if names.fullmatch(name)), SKOPS)


def refuse_other_forms(path, given, expected, *, but=()):
    """Raise a ValueError that says what a file is, if it is of a known form.

    Parameters
    ----------
    path : path-like
        Nothing is said of what is no ordinary file.
    given : str
        How the message begins.
    expected : str
        How it goes on, a sentence.
    but : collection of Form
        Forms that are taken.
    """
    form = form_of(path) if os.path.isfile(path) else None
    if form is not None and form not in but:
        raise ValueError(f"{given}, which is {form.text}. {expected}")
