"""PhotoToFashion: photographs of garments, made as the images of Fashion-MNIST were."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from sklearn.base import BaseEstimator, TransformerMixin

from skfashion.pictures import flattened, upright
from skfashion.preprocessing.blocks import in_pictures, thread_count
from skfashion.preprocessing.reader import refuse
from skfashion.preprocessing.sources import listed
from skfashion.utils._sklearn import Interval, StrOptions, check_params, fit_context
from skfashion.utils.names import Advising, advises

# Of 255, from which on the ground of a picture counts as bright.
BRIGHT = 128
WHITE = (255, 255, 255)
# As floating-point numbers, so many rows at a time are looked at: a photograph takes much memory.
ROWS = 64


@advises
class PhotoToFashion(Advising, TransformerMixin, BaseEstimator):
    """Turn photographs, each of one garment on a plain background, into Fashion-MNIST-like images.

    The steps are those that turned a shop's photographs into Fashion-MNIST [1]_:

    1. edges with a colour close to that of the corners are cut off;
    2. the longer side becomes 28 pixels, by leaving out rows and columns;
    3. the picture is sharpened by a Gaussian of radius 1;
    4. the shorter side becomes 28 pixels, with the garment in the middle;
    5. brightness is inverted, so that the background is black;
    6. colours become 8-bit shades of grey.

    Two things are added: pixels close to the colour of the corners become background, so that even
    off-white becomes black; and pictures with a dark background are not inverted.

    Parameters
    ----------
    size : int, default=28
        Height and width of the images in pixels.
    tolerance : float, default=0.05
        How close to the corners' colour a pixel must be to count as background: distance in RGB as
        a share of the largest one, from 0 to 1.
    ground : {"auto", "bright", "dark"}, default="auto"
        Background of the photographs: those with a bright one are inverted. "auto" looks at the
        corners of each.
    sharpen : float, default=1.0
        Strength of the sharpening, 0 for none.
    n_jobs : int or None, default=None
        Number of reading threads; -1 is one per core. None is what ``joblib.parallel_config`` says,
        else one within a worker of a search, else one per core.

    See Also
    --------
    ImageReader : Pictures of any kind, whatever they show.

    References
    ----------
    .. [1] Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
       Learning Algorithms", 2017, section 2, https://arxiv.org/abs/1708.07747

    Examples
    --------
    >>> import numpy as np
    >>> from skfashion.preprocessing import PhotoToFashion
    >>> photo = np.full((120, 100, 3), 255, np.uint8)  # white
    >>> photo[30:90, 40:60] = [0, 0, 128]  # something blue and narrow
    >>> (image,) = PhotoToFashion().fit_transform([photo])
    >>> image.shape, int(image[0, 0]), int(image[14, 14])
    ((28, 28), 0, 240)
    """

    _parameter_constraints: ClassVar = {
        "size": [Interval(Integral, 1, None, closed="left")],
        "tolerance": [Interval(Real, 0, 1, closed="both")],
        "ground": [StrOptions({"auto", "bright", "dark"})],
        "sharpen": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
    }

    def __init__(self, size=28, *, tolerance=0.05, ground="auto", sharpen=1.0, n_jobs=None):
        self.size = size
        self.tolerance = tolerance
        self.ground = ground
        self.sharpen = sharpen
        self.n_jobs = n_jobs

    @advises
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters; nothing is learned.

        Parameters
        ----------
        X : list, array, Series or frame of one column, of n pictures
            As :class:`ImageReader` takes them.
        y : object
            Not used.

        Returns
        -------
        self : PhotoToFashion

        Raises
        ------
        ValueError
            If `X` is not a collection of pictures.
        """
        listed(X)
        return self

    def transform(self, X):
        """Turn photographs into images.

        Parameters
        ----------
        X : list, array, Series or frame of one column, of n pictures
            As :class:`ImageReader` takes them, of any size.

        Returns
        -------
        ndarray of uint8, shape (n, size, size)
            Grey on black. A photograph that shows only background is black.

        Raises
        ------
        ValueError
            If a picture cannot be read; the error names it.
        """
        check_params(self)
        items = listed(X)
        images = np.empty((len(items), self.size, self.size), np.uint8)
        start = 0
        for found, refused in in_pictures(self._image, items, thread_count(self.n_jobs)):
            refuse(refused)
            images[start : start + len(found)] = found
            start += len(found)
        return images

    def _image(self, picture):
        """Return the image that is made of an opened picture."""
        with picture:
            pixels = np.array(flattened(upright(picture), "RGB", WHITE))
        corner, is_ground = _ground_of(pixels, self.tolerance)
        is_bright = corner.mean() >= BRIGHT if self.ground == "auto" else self.ground == "bright"
        level = 255 if is_bright else 0
        pixels[is_ground] = level
        garment = _cut_out(pixels, is_ground)
        if garment is None:
            return np.zeros((self.size, self.size), np.uint8)
        small = _subsampled(garment, self.size)
        if self.sharpen:
            percent = round(100 * self.sharpen)
            small = small.filter(ImageFilter.UnsharpMask(radius=1, percent=percent, threshold=0))
        whole = Image.new("RGB", (self.size, self.size), (level,) * 3)
        # Of an odd margin the larger part is at the left and at the top, as in Fashion-MNIST.
        left, top = ((self.size - side + 1) // 2 for side in small.size)
        whole.paste(small, (left, top))
        return np.asarray((ImageOps.invert(whole) if is_bright else whole).convert("L"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _ground_of(pixels, tolerance):
    """Return the colour of the corners, their median, and which pixels are close to it."""
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float32)
    corner = np.median(corners, axis=0)
    is_ground = np.empty(pixels.shape[:2], bool)
    for start in range(0, len(pixels), ROWS):
        band = pixels[start : start + ROWS].astype(np.float32) - corner
        is_ground[start : start + ROWS] = (band**2).sum(axis=2) <= 3 * (255 * tolerance) ** 2
    return corner, is_ground


def _cut_out(pixels, is_ground):
    """Return what is not ground as a picture, None where all is."""
    rows, columns = (np.flatnonzero(~is_ground.all(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Image.fromarray(np.ascontiguousarray(cut))


def _subsampled(picture, size):
    """Return a picture whose longer side has a size, by leaving out rows and columns."""
    longest = max(picture.size)
    width, height = (max(1, round(side * size / longest)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.NEAREST)
