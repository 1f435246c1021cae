"""Pictures: files of PNG, JPEG, WebP, BMP or TIFF as arrays, by the same steps for all.

Training images, a transformer and a service read theirs here, so a picture looks the same to each.
It needs NumPy and Pillow alone.
"""

import io
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
CHANNELS = {"L": 1, "RGB": 3}
CROPS = ("centre", "pad", "stretch")
# More pixels are refused before they are decoded: as many as Pillow opens without a warning.
MAX_PIXELS = 89_478_485
# Where Pillow finds a camera's note on rotation; to look for it in vain takes a while.
NOTES = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
# And what its numbers ask for.
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = (5, 6, 7, 8)
# Modes of Pillow without colour; a palette is looked at.
GREY = ("1", "L", "LA", "La", "I", "F")


class PictureError(ValueError):
    """A picture that is not read.

    Parameters
    ----------
    kind : {"large", "format", "damaged", "several", "values"}
        Too many pixels, another format, no whole file, more than one image, or values that are no
        shades of 8 or 16 bits.
    message : str
        To stand behind "Got it, which ".
    """

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Steps:
    """What is made of a picture.

    Attributes
    ----------
    size : tuple of int
        Height and width.
    mode : {"L", "RGB"}
        Grey or colour.
    crop : {"centre", "pad", "stretch"}
        What becomes of a picture of other proportions: its middle is cut out, black is added at two
        sides, or it is stretched.
    """

    size: tuple[int, int]
    mode: str
    crop: str

    @property
    def shape(self):
        """Shape of the image: (h, w) of a grey one, (h, w, 3) of one in colour."""
        return (*self.size, 3) if self.mode == "RGB" else tuple(self.size)


def checked_size(size):
    """Return a size as (height, width), int; one number is both.

    Raises
    ------
    ValueError
        If it is neither a positive integer nor two of them.
    """
    sides = (size, size) if isinstance(size, Integral) else size
    is_pair = isinstance(sides, tuple | list) and len(sides) == 2
    if is_pair and all(
        isinstance(s, Integral) and not isinstance(s, bool) and s > 0 for s in sides
    ):
        return int(sides[0]), int(sides[1])
    raise ValueError(
        f"Got size={size!r}, expected (height, width) in pixels, or one integer for a square."
    )


def open_picture(source, max_pixels=MAX_PIXELS, formats=FORMATS):
    """Return a picture of which no more than the header has been read.

    Parameters
    ----------
    source : bytes or path-like
        A file of one image, or where it lies.
    max_pixels : int
        More are refused before they are decoded.
    formats : sequence of str
        Those of Pillow that are tried.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    PictureError
        Of too many pixels, of another format, of what is damaged, moves or has pages.
    OSError
        If a file cannot be opened.
    """
    with _in_words(max_pixels):
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        picture = Image.open(stream, formats=formats)
        try:
            check_picture(picture, max_pixels)
        except BaseException:
            picture.close()
            raise
        return picture


def check_picture(picture, max_pixels=MAX_PIXELS):
    """Refuse a picture of too many pixels, and one of several images.

    Raises
    ------
    PictureError
    """
    width, height = picture.size
    if width * height > max_pixels:
        raise _too_large(f"{width} x {height} pixels", max_pixels)
    # A telephone's photograph may carry a smaller one, or a map of depths, behind the first.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise PictureError("several", "moves or has pages, and one of a single image is expected")


def decode(picture, steps):
    """Return an opened picture as an array of one shape.

    A camera's note on rotation is followed. Colour becomes grey, and grey colour, as the mode asks;
    a palette becomes its colours, CMYK becomes RGB. What is transparent becomes black; of 16 bits
    the upper 8 are taken. A picture of the right size keeps its pixels; others are made smaller by
    a triangle filter, JPEG's by whole factors of 2 first.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of :func:`open_picture`. It is closed.
    steps : Steps

    Returns
    -------
    ndarray of uint8, shape (h, w) or (h, w, 3)
        Cannot be written to.

    Raises
    ------
    PictureError
        Of what is damaged, or has values that are no shades.
    """
    with _in_words(picture.width * picture.height), picture:
        height, width = steps.size
        if height != width and _lies_on_its_side(picture):
            height, width = width, height
        # JPEG alone: at an eighth of the size, where that is more than enough.
        picture.draft(steps.mode, (2 * width, 2 * height))
        flat = _fitted(flattened(upright(picture), steps.mode), steps)
    # NumPy's own way to ask for the pixels takes three times as long for a small picture.
    return np.frombuffer(flat.tobytes(), np.uint8).reshape(steps.shape)


def copied(picture):
    """Return a picture of somebody's, which stays as it is, as one that may be changed and closed.

    Raises
    ------
    PictureError
        Of too many pixels, of what is damaged, closed, moves or has pages.
    """
    with _in_words(MAX_PIXELS):
        check_picture(picture)
        return picture.copy()


def upright(picture):
    """Return an opened picture, decoded and turned as a camera has noted.

    Raises
    ------
    PictureError
        Of what is damaged.
    """
    with _in_words(picture.width * picture.height):
        picture.load()
    # Pillow's own function writes the notes anew, too, which fails over those of some cameras.
    turn = TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def upright_size(picture):
    """Return the height and the width of an opened picture, as its note on rotation says."""
    width, height = picture.size
    return (width, height) if _lies_on_its_side(picture) else (height, width)


def _lies_on_its_side(picture):
    """Tell whether a camera has noted that a picture is to be turned by a quarter."""
    # Of TIFF Pillow has the upright size from the beginning, where the file's own table tells it.
    is_turned = ORIENTATION in getattr(picture, "tag_v2", ())
    return not is_turned and _orientation(picture) in ON_ITS_SIDE


def _orientation(picture):
    """Return a camera's note on rotation, a number; None where there is none that can be read."""
    if NOTES.isdisjoint(picture.info):
        return None
    try:
        return picture.getexif().get(ORIENTATION)
    except Exception:  # of a dozen kinds: damaged notes say nothing against the pixels
        return None


def is_grey(picture):
    """Tell whether an opened picture has no colours, by its mode; of a palette, by its entries."""
    if picture.mode != "P":
        return picture.mode.partition(";")[0] in GREY
    with _in_words(picture.width * picture.height):
        # A file's palette stands in its own order of bytes, which Pillow knows how to read.
        order, colours = picture.palette.getdata()
        palette = Image.new("P", (1, 1))
        palette.putpalette(colours, order)
        entries = np.reshape(palette.getpalette("RGB"), (-1, 3))
    return bool((entries == entries[:, :1]).all())


def flattened(picture, mode, ground=(0, 0, 0)):
    """Return a picture as 8-bit grey ("L") or colour ("RGB"), transparency over a ground.

    Raises
    ------
    PictureError
        Of floating-point values, integers beyond 16 bits, and what Pillow makes no colours of.
    """
    if picture.mode == "F":
        raise PictureError("values", "has floating-point values, of which the range is not known")
    if picture.mode.startswith("I"):
        values = np.asarray(picture)
        if values.size and not (values.min() >= 0 and values.max() < 2**16):
            raise PictureError("values", "has values beyond 16 bits")
        # Pillow would cut brighter pixels off at 255.
        picture = Image.fromarray((values.astype(np.uint32) >> 8).astype(np.uint8))
    with _in_words(picture.width * picture.height):
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            below = Image.new("RGBA", picture.size, (*ground, 255))
            picture = Image.alpha_composite(below, picture)
        return picture if picture.mode == mode else picture.convert(mode)


def _fitted(flat, steps):
    """Return a flat picture of the size that is wanted."""
    height, width = steps.size
    if flat.size == (width, height):
        return flat
    if steps.crop == "centre":
        flat = _middle(flat, width, height)
    inner = _inner_size(flat.size, width, height) if steps.crop == "pad" else (width, height)
    if flat.size != inner:
        flat = flat.resize(inner, Image.Resampling.BILINEAR, reducing_gap=3.0)
    if inner == (width, height):
        return flat
    whole = Image.new(flat.mode, (width, height))
    whole.paste(flat, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return whole


# Whole pixels, by integers: the offline page does the same in JavaScript.


def _middle(flat, width, height):
    """Return the largest middle part of a picture in the proportions of a size."""
    w, h = flat.size
    if w * height > h * width:
        w = max(1, (2 * h * width + height) // (2 * height))
    else:
        h = max(1, (2 * w * height + width) // (2 * width))
    left, top = (flat.width - w) // 2, (flat.height - h) // 2
    return flat if (w, h) == flat.size else flat.crop((left, top, left + w, top + h))


def _inner_size(given, width, height):
    """Return the largest size within another one, in the proportions of a given picture."""
    w, h = given
    if w * height > h * width:
        return width, max(1, (2 * h * width + w) // (2 * w))
    return max(1, (2 * w * height + h) // (2 * h)), height


@contextmanager
def _in_words(max_pixels):
    """Turn what decoders raise into what is wrong with a picture."""
    try:
        yield
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("far too many pixels", max_pixels) from None
    except Image.UnidentifiedImageError:
        raise PictureError("format", f"is no picture of {', '.join(FORMATS)}") from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the system: it cannot be opened
        # Decoders raise a dozen kinds of errors over damaged files, and all mean the same.
        raise PictureError("damaged", f"is damaged ({error})") from None


def _too_large(what, max_pixels):
    return PictureError("large", f"has {what}, more than {max_pixels}")
