"""The page as one file: models, ONNX Runtime Web and what draws, and no request to anywhere."""

import base64
import gzip
import re

import numpy as np

from skfashion.serving.model import load_model
from skfashion.serving.webpage.pages import TITLE, data_block, packed_block, render_offline
from skfashion.serving.webpage.runtime import NAME, VERSION

# How the runtime hands out its names, which a script inside of a page cannot.
EXPORTS = re.compile(r"\bexport\s*\{([^{}]*)\};?")
# Comments that name a file, which is not there, and sentences that name a site.
ELSEWHERE = re.compile(r"^//# sourceMappingURL=.*$|\bhttps?://[^\s\"'`]*", re.MULTILINE)


def offline_page(contents, runtime, title=TITLE):
    """Return a page in which models are computed by the browser.

    Parameters
    ----------
    contents : dict of str to bytes
        Files of :func:`skfashion.export.to_onnx` or ``quantize``, by the names to be shown.
    runtime : Runtime
    title : str, default="Try the nets"

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ValueError
        If a file is none of ours, or takes no pictures.
    ImportError
        If ONNX Runtime is not installed, by which the files are tried.
    """
    cards, blocks = [], []
    for i, (name, content) in enumerate(contents.items()):
        cards.append(_card(load_model(name, content)))
        blocks.append(packed_block(f"model-{i}", gzip.compress(content, 9, mtime=0)))
    blocks.append(packed_block("runtime", runtime.binary))
    return render_offline(
        about=f"Computed by {NAME} {VERSION}, © Microsoft Corporation, MIT licence.",
        blocks=[data_block("offline", {"models": cards}), *blocks],
        runtime=_as_script(runtime.script.decode()),
        title=title,
    )


def _as_script(text):
    """Return the runtime as a script that needs no other file, and sets ``globalThis.ort``."""
    (found,) = EXPORTS.finditer(text)
    pairs = [entry.split(" as ") for entry in found[1].split(",")]
    names = ",".join(f"{outer.strip()}:{inner.strip()}" for inner, outer in pairs)
    text = f"{text[: found.start()]}globalThis.ort={{{names}}};{text[found.end() :]}"
    return ELSEWHERE.sub("", text)


def _card(model):
    """Return what the page must know of a model, JSON's types."""
    if model.planes is None or model.planes[0] not in (1, 3):
        raise ValueError(
            f"Got {model.name}, which takes no pictures of one or three channels; expected a net "
            "that was fitted on images."
        )
    is_flat = len(model.input_shape) == 1
    card = {
        "name": model.name,
        "classes": model.classes,
        "image_shape": list(model.planes),
        "crop": model.crop,
        "has_examples": model.examples is not None and len(model.examples) > 0,
        "input": model.input_name,
        "dtype": model.dtype.name,
        "is_flat": is_flat,
        "channels_last": is_flat
        and len(model.image_shape) == 3
        and model.image_shape != model.planes,
        "has_features": "features" in model.outputs,
    }
    if model.dtype != np.uint8:
        # A value for each of a picture's levels.
        card["values"] = model.scaled(np.arange(256, dtype=np.uint8)).tolist()
    if card["has_examples"]:
        card["examples"] = _examples(model)
    return card


def _examples(model):
    planes = model.to_planes(model.examples)
    found = {
        "n": len(planes),
        "pixels": _base64(model.as_pixels(planes)),
        "labels": model.example_labels,
    }
    if model.dtype != np.uint8:
        found["values"] = _base64(planes.astype("<f4"))
    return found


def _base64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
