"""ImageReader: files and other pictures to the images that a net takes, as a step of a pipeline."""

from collections import Counter
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skfashion.pictures import CROPS, Steps, checked_size
from skfashion.preprocessing.blocks import headers_of, images_of, thread_count
from skfashion.preprocessing.sources import listed
from skfashion.utils._sklearn import Interval, StrOptions, check_params, fit_context
from skfashion.utils.names import Advising, advises

# Sizes that an error names.
NAMED = 5


class _BritishOptions(StrOptions):
    """Options of which an error says how they are spelled."""

    def __str__(self):
        return f"{super().__str__()}, in British spelling"


# What a parameter `crop` may be.
CROP = _BritishOptions(set(CROPS))


@advises
class ImageReader(Advising, TransformerMixin, BaseEstimator):
    """Read pictures, of any size and kind, as images of one shape.

    Put it before a net in a pipeline, to fit, search, save and serve the pipeline on paths or
    bytes. A service treats pictures in the same way if its exported file has such a reader: see
    :func:`skfashion.export.to_onnx`.

    A picture is a path, the bytes of a file (PNG, JPEG, WebP, BMP or TIFF of one image), a Pillow
    image, an array (h, w), (h, w, c) or (c, h, w) of whole numbers from 0 to 255, a 16-bit array
    (h, w) of uint16, or a dict with ``"bytes"`` or ``"path"``, as in Hugging Face data sets.
    Pictures are rotated as their EXIF orientation says. A palette becomes its colours, CMYK becomes
    RGB, transparency becomes black; of 16 bits, the upper 8 are taken.

    Parameters
    ----------
    size : int, tuple of (int, int), or None, default=None
        Height and width of the images in pixels; one number for a square. None takes the size of
        the pictures in `fit`, which must then be equal.
    mode : {"auto", "L", "RGB"}, default="auto"
        Grey or colour. "auto" is grey if all pictures in `fit` are, by their headers.
    crop : {"centre", "pad", "stretch"}, default="centre"
        How a picture of other proportions is treated: its centre is cut out, black is added at two
        sides, or it is stretched.
    flatten : bool, default=False
        Whether images become rows (n, h*w*c), as scalers and samplers need them.
    n_jobs : int or None, default=None
        Number of reading threads; -1 is one per core. None is what ``joblib.parallel_config`` says,
        else one within a worker of a search, else one per core.

    Attributes
    ----------
    size_ : tuple of (int, int)
        Height and width.
    mode_ : {"L", "RGB"}
        Grey or colour.

    See Also
    --------
    skfashion.datasets.load_image_folder : Folders of pictures with their labels.
    PhotoToFashion : Photographs of garments, made like Fashion-MNIST.

    Notes
    -----
    JPEG files are decoded at a half, a quarter or an eighth of their size, if that is at least
    twice the wanted size; Pillow images are taken as they are. So the same photograph may differ by
    a few shades, depending on how it is given.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from skfashion import ConvNetClassifier
    >>> from skfashion.preprocessing import ImageReader
    >>> pictures = [np.full((30 + i, 40), 200 * (i % 2), np.uint8) for i in range(20)]
    >>> labels = ["dark", "bright"] * 10
    >>> net = ConvNetClassifier(channels=4, max_epochs=5, random_state=0)
    >>> model = make_pipeline(ImageReader(size=16), net).fit(pictures, labels)
    >>> model[0].transform(pictures).shape
    (20, 16, 16)
    """

    _parameter_constraints: ClassVar = {
        "size": [None, Interval(Integral, 1, None, closed="left"), tuple, list],
        "mode": [StrOptions({"auto", "L", "RGB"})],
        "crop": [CROP],
        "flatten": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(self, size=None, *, mode="auto", crop="centre", flatten=False, n_jobs=None):
        self.size = size
        self.mode = mode
        self.crop = crop
        self.flatten = flatten
        self.n_jobs = n_jobs

    @advises
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn size and mode of the images if they are not given.

        Parameters
        ----------
        X : list, array, Series or frame of one column, of n pictures
            Only headers are read, and no more than is needed.
        y : object
            Not used.

        Returns
        -------
        self : ImageReader

        Raises
        ------
        ValueError
            If a picture cannot be read, or sizes differ and `size` is None.
        """
        items = listed(X)
        size = None if self.size is None else checked_size(self.size)
        self.size_, self.mode_ = shape_of_all(items, size, self.mode, self.n_jobs)
        return self

    def transform(self, X):
        """Read pictures.

        Parameters
        ----------
        X : list, array, Series or frame of one column, of n pictures
            Of any size.

        Returns
        -------
        ndarray of uint8, shape (n, h, w) if grey, (n, h, w, 3) in colour, (n, h*w*c) if flat
            The images.

        Raises
        ------
        ValueError
            If a picture cannot be read; the error names it.
        """
        check_is_fitted(self)
        check_params(self)
        items, steps = listed(X), self._steps()
        images = np.empty((len(items), *steps.shape), np.uint8)
        start = 0
        for block, refused in images_of(items, steps, thread_count(self.n_jobs)):
            refuse(refused)
            images[start : start + len(block)] = block
            start += len(block)
        return images.reshape(len(images), -1) if self.flatten else images

    def _steps(self):
        """Return what is made of a picture."""
        return Steps(tuple(self.size_), self.mode_, self.crop)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def shape_of_all(items, size, mode, n_jobs, on_refused=None):
    """Return size and mode for pictures, of which no more headers are read than needed.

    Parameters
    ----------
    items : list
    size : tuple of int, or None
        (height, width), or that which all have.
    mode : {"auto", "L", "RGB"}
    n_jobs : int or None
    on_refused : callable or None
        Is told of pictures that cannot be read; None raises an error.

    Raises
    ------
    ValueError
        If sizes differ and none is given; if a picture cannot be read.
    """
    if size is not None and mode != "auto":
        return size, mode
    sizes, all_grey = Counter(), True
    for headers, refused in headers_of(items, thread_count(n_jobs)):
        (on_refused or refuse)(refused)
        sizes.update(header.size for header in headers)
        all_grey = all_grey and all(header.is_grey for header in headers)
        if size is not None and not all_grey:
            break
    mode = ("L" if all_grey else "RGB") if mode == "auto" else mode
    if size is None and len(sizes) != 1:
        raise ValueError(_unequal(sizes))
    return size or next(iter(sizes)), mode


def refuse(refused):
    """Raise an error that names pictures which could not be read, if there are any."""
    if refused:
        first = refused[0]
        raise ValueError(
            f"Got X[{first.number}], {first}; expected pictures that can be read. Leave it out, of "
            "the labels too; load_image_folder(…, on_error='warn') leaves out both by itself."
        )


def _unequal(sizes):
    """Return what is said of pictures of several sizes, or of none."""
    if not sizes:
        return "Got no picture that can be read, expected one at least."
    found = [f"{h} x {w} ({n})" for (h, w), n in sizes.most_common(NAMED)]
    more = f" and {len(sizes) - NAMED} more" if len(sizes) > NAMED else ""
    return (
        f"Got pictures of {len(sizes)} sizes, height x width: {', '.join(found)}{more}; expected "
        "one size. Give size=(height, width), or one integer for a square."
    )
