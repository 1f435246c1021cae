"""Pictures: files of PNG, JPEG or WebP as arrays of the shape that a net sees, and back."""

import base64
import io
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from skfashion.serving.problems import ProblemError

FORMATS = ("PNG", "JPEG", "WEBP")
MODES = {1: "L", 3: "RGB"}
# The start of a scan of a JPEG, and how many there may be: each, of a few bytes, goes through all
# of the image. A progressive one has about ten, and one in its notes; others are there by chance.
SCAN, MOST_SCANS = b"\xff\xda", 100
# Where Pillow finds a camera's note on rotation; to look for it in vain takes a while.
NOTES = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}


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
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(picture, max_pixels)
        if picture.format == "JPEG" and content.count(SCAN) > MOST_SCANS:
            raise ProblemError(
                422, f"Got a JPEG of more than {MOST_SCANS} scans, expected fewer. Save it anew."
            )
        return picture


def decode(picture, shape):
    """Return an opened picture as uint8 ``(c, h, w)``, stretched to the shape that a net sees.

    Colour becomes grey, and grey colour, as the channels ask. What is transparent becomes black; 16
    bits become 8; a camera's note on rotation is followed. A picture of the right size keeps its
    pixels.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of :func:`open_picture`.
    shape : tuple of int
        (c, h, w), with 1 or 3 channels.

    Raises
    ------
    ProblemError
        422 of what is damaged.
    """
    channels, height, width = shape
    with _as_problems(picture.width * picture.height), picture:
        # JPEG alone: at an eighth of the size, where that is more than enough.
        picture.draft(MODES[channels], (2 * width, 2 * height))
        picture.load()
        if not NOTES.isdisjoint(picture.info):
            picture = ImageOps.exif_transpose(picture)
        flat = _flattened(picture, MODES[channels])
    if flat.size != (width, height):
        flat = flat.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    # NumPy's own way to ask for the pixels takes three times as long for a small picture.
    pixels = np.frombuffer(flat.tobytes(), np.uint8)
    if channels == 1:
        return pixels.reshape(1, height, width)
    return np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))


@contextmanager
def _as_problems(max_pixels):
    """Turn what decoders raise into what a client is told."""
    try:
        yield
    except ProblemError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("far too many", max_pixels) from None
    except Image.UnidentifiedImageError:
        raise ProblemError(
            415,
            "Got a body that is no picture, expected a file of PNG, JPEG or WebP; or JSON, sent as "
            "application/json.",
        ) from None
    except Exception:
        # Decoders raise a dozen kinds of errors over damaged files, and all mean the same.
        raise ProblemError(
            422, "Got a damaged picture, expected a whole file of PNG, JPEG or WebP."
        ) from None


def _check_size(picture, max_pixels):
    width, height = picture.size
    if width * height > max_pixels:
        raise _too_large(f"{width} x {height}", max_pixels)
    if getattr(picture, "n_frames", 1) > 1:
        raise ProblemError(422, "Got a picture that moves, expected one of a single image.")


def _too_large(what, max_pixels):
    return ProblemError(
        413, f"Got a picture of {what} pixels, expected at most {max_pixels}. Send a smaller one."
    )


def _flattened(picture, mode):
    """Return a picture as 8-bit grey or colour, over black."""
    if picture.mode.startswith(("I", "F")):
        # Pillow would cut brighter pixels off at 255.
        picture = Image.fromarray((np.asarray(picture, np.uint32) >> 8).clip(0, 255).astype("u1"))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    return picture if picture.mode == mode else picture.convert(mode)


def as_png(pixels):
    """Return an image, uint8 (c, h, w) of 1 or 3 channels, as a PNG in base64."""
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
