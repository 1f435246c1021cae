"""Pictures that clients send: decoded by the steps of the training, refused in words of HTTP."""

import base64
import io
from contextlib import contextmanager

import numpy as np
from PIL import Image

from skfashion import pictures
from skfashion.pictures import PictureError, Steps
from skfashion.serving.problems import ProblemError

# Of those that are read elsewhere, what clients send; each decoder more is one more to attack.
FORMATS = ("PNG", "JPEG", "WEBP")
MODES = {1: "L", 3: "RGB"}
# The start of a scan of a JPEG, and how many there may be: each, of a few bytes, goes through all
# of the image. A progressive one has about ten, and one in its notes; others are there by chance.
SCAN, MOST_SCANS = b"\xff\xda", 50


def open_picture(content, max_pixels):
    """Return a picture of which no more than the header has been read.

    Parameters
    ----------
    content : bytes
        A file of PNG, JPEG or WebP, of one image.
    max_pixels : int
        More are refused before they are decoded.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ProblemError
        413 of too many pixels; 415 of another format; 422 of what is damaged, or moves.
    """
    with _as_problems(max_pixels):
        picture = pictures.open_picture(bytes(content), max_pixels, FORMATS)
    if picture.format in ("JPEG", "MPO") and content.count(SCAN) > MOST_SCANS:
        raise ProblemError(
            422, f"Got a JPEG of more than {MOST_SCANS} scans, expected fewer. Save it anew."
        )
    return picture


def decode(picture, shape, crop="stretch"):
    """Return an opened picture as uint8 ``(c, h, w)`` of the shape that a net sees.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of :func:`open_picture`.
    shape : tuple of int
        (c, h, w), with 1 or 3 channels.
    crop : {"stretch", "centre", "pad"}
        See ``skfashion.pictures.Steps``.

    Raises
    ------
    ProblemError
        422 of what is damaged.
    """
    channels, height, width = shape
    with _as_problems(picture.width * picture.height):
        pixels = pictures.decode(picture, Steps((height, width), MODES[channels], crop))
    if channels == 1:
        return pixels[None]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


@contextmanager
def _as_problems(max_pixels):
    """Turn what is wrong with a picture into what a client is told."""
    try:
        yield
    except PictureError as error:
        raise _problem_of(error, max_pixels) from None


def _problem_of(error, max_pixels):
    if error.kind == "large":
        return ProblemError(
            413, f"Got a picture that {error}; expected at most {max_pixels}. Send a smaller one."
        )
    if error.kind == "format":
        return ProblemError(
            415,
            "Got a body that is no file of PNG, JPEG or WebP, expected one; or JSON, sent as "
            "application/json.",
        )
    if error.kind == "several":
        return ProblemError(422, "Got a picture that moves, expected one of a single image.")
    return ProblemError(422, "Got a damaged picture, expected a whole file of PNG, JPEG or WebP.")


def as_png(pixels):
    """Return an image, uint8 (c, h, w) of 1 or 3 channels, as a PNG in base64."""
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
