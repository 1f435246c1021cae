"""Known disturbances of images, to see what a classifier stands."""

import math
import zlib

import numpy as np

from skfashion.datasets._pixels import change_image, copy_images, rotate, warp
from skfashion.utils.names import advises

# The values of severity 1 to 5; what each means is said beside its function.
SEVERITIES = {
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": (0.7, 0.5, 0.35, 0.2, 0.1),
    "gamma": (1.3, 1.7, 2.2, 3.0, 4.0),
    "rotation": (5, 10, 20, 30, 45),
    "shift": (1, 2, 3, 4, 6),
    "scale": (0.95, 0.9, 0.8, 0.7, 0.6),
    "blur": (0.5, 0.8, 1.2, 1.7, 2.4),
    "noise": (0.05, 0.1, 0.15, 0.22, 0.3),
    "occlusion": (0.15, 0.25, 0.35, 0.45, 0.55),
    "inversion": (0.2, 0.4, 0.6, 0.8, 1.0),
    "jpeg": (4, 8, 14, 22, 32),
}

# JPEG's quantisation of brightness (ITU-T T.81, annex K, table K.1).
QUANTA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=float,
)


@advises
def make_corrupted(
    X, kind, severity=3, *, image_shape: str | tuple[int, ...] = "auto", random_state=0
):
    """Return images corrupted in a known way, as by a camera, a hand or a cable.

    The same call gives the same images. The random part of an image depends only on `random_state`,
    `kind` and the image's position in `X`, not on the other images.

    Parameters
    ----------
    X : array-like, shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        Images of any real dtype; the area around them is black. Black and white are 0 and 255; or 0
        and 1 if no value is above 1 (except for uint8); or the smallest and the largest value if
        any value is outside 0 to 255.
    kind : str
        "brightness" adds or subtracts, "contrast" pulls towards the image's mean, "gamma" raises to
        a power or its inverse; "rotation", "shift" and "scale" turn, move and shrink, with linear
        interpolation; "blur" and "noise" are Gaussian; "occlusion" puts a black square at a random
        place; "inversion" mixes in the negative; "jpeg" quantises blocks of 8 x 8 pixels as JPEG
        does.
    severity : int from 1 to 5, default=3
        Strength; ``skfashion.datasets.SEVERITIES`` has the numbers.
    image_shape : "auto" or tuple of int, default="auto"
        Layout of a flat row, as in the classifiers: ``(h, w)``, ``(c, h, w)`` or ``(h, w, c)``;
        "auto" guesses it from the number of columns.
    random_state : int >= 0, default=0
        Seed of all that is random: direction of turns, moves and light, place of the square, noise.

    Returns
    -------
    ndarray, shape and dtype of `X`
        Booleans become float32.

    Raises
    ------
    ValueError
        If `kind`, `severity` or `random_state` is not as described, or `X` does not consist of
        finite real numbers or does not have the shape of images.

    References
    ----------
    The idea of kinds and five severities: Hendrycks and Dietterich, "Benchmarking neural network
    robustness to common corruptions and perturbations", ICLR 2019. The numbers are this package's.

    Examples
    --------
    >>> from skfashion.datasets import load_fashion_sample, make_corrupted
    >>> X, y = load_fashion_sample(subset="test", return_X_y=True)
    >>> make_corrupted(X, "rotation", 3).shape
    (1000, 784)
    """
    if not isinstance(kind, str) or kind not in SEVERITIES:
        raise ValueError(f"Got kind={kind!r}, expected one of {sorted(SEVERITIES)}.")
    if severity not in (1, 2, 3, 4, 5):
        raise ValueError(f"Got severity={severity!r}, expected 1, 2, 3, 4 or 5.")
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(
            f"Got random_state={random_state!r}, expected an int that is not negative."
        )
    images, planes, ends = copy_images(X, image_shape)
    amount, function = SEVERITIES[kind][severity - 1], FUNCTIONS[kind]
    seed = [int(random_state), zlib.crc32(kind.encode())]
    for i, plane in enumerate(planes):
        change_image(plane, ends, function, amount, np.random.default_rng([*seed, i]))
    return images


def _sign(random):
    return random.choice((-1.0, 1.0))


def _brightness(image, amount, random):
    return image + _sign(random) * amount


def _contrast(image, amount, random):
    return image.mean() + amount * (image - image.mean())


def _gamma(image, amount, random):
    return image ** (amount ** _sign(random))


def _rotation(image, amount, random):
    return rotate(image, _sign(random) * amount)


def _shift(image, amount, random):
    direction = random.uniform(0, 2 * math.pi)
    offset = np.rint([amount * math.sin(direction), amount * math.cos(direction)])
    return warp(image, np.eye(2), offset)


def _scale(image, amount, random):
    return warp(image, np.eye(2) / amount)


def _blur(image, amount, random):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, (amount, amount, 0), mode="constant")


def _noise(image, amount, random):
    return image + random.normal(0, amount, image.shape)


def _occlusion(image, amount, random):
    h, w = image.shape[:2]
    height, width = max(1, round(amount * h)), max(1, round(amount * w))
    top, left = random.integers(h - height + 1), random.integers(w - width + 1)
    image = image.copy()
    image[top : top + height, left : left + width] = 0
    return image


def _inversion(image, amount, random):
    return (1 - amount) * image + amount * (1 - image)


def _jpeg(image, amount, random):
    from scipy.fft import dctn, idctn

    h, w, n_channels = image.shape
    padded = np.pad(image, ((0, -h % 8), (0, -w % 8), (0, 0)), mode="edge") * 255 - 128
    blocks = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8, n_channels)
    quanta = amount * QUANTA[:, None, :, None] / 16
    spectrum = dctn(blocks, axes=(1, 3), norm="ortho")
    spectrum = np.rint(spectrum / quanta) * quanta
    values = idctn(spectrum, axes=(1, 3), norm="ortho").reshape(padded.shape)
    return (values[:h, :w] + 128) / 255


FUNCTIONS = {
    "brightness": _brightness,
    "contrast": _contrast,
    "gamma": _gamma,
    "rotation": _rotation,
    "shift": _shift,
    "scale": _scale,
    "blur": _blur,
    "noise": _noise,
    "occlusion": _occlusion,
    "inversion": _inversion,
    "jpeg": _jpeg,
}
