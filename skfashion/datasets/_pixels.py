"""What all functions share that change images: checks, copies, one view for every layout."""

import math

import numpy as np
from sklearn.utils import check_array

from skfashion.images import as_planes, infer_image_shape


def copy_images(X, image_shape):
    """Return a copy of images in any layout, a view of it that is the same for all, and its scale.

    Parameters
    ----------
    X : array-like, shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        The images, any real dtype.
    image_shape : "auto" or tuple of int
        Layout of a flat row.

    Returns
    -------
    images : ndarray, shape of `X`
        The copy, in the dtype of `X`; booleans are float32, as in training.
    planes : ndarray, shape (n, c, h, w)
        What is written to it is written to `images`.
    ends : tuple of float
        The values of black and of white.

    Raises
    ------
    ValueError
        If `X` is not of finite real numbers or has no shape of images.
    """
    X = check_array(X, ensure_2d=False, allow_nd=True, ensure_min_samples=0, input_name="X")
    if X.ndim not in (2, 3, 4):
        raise ValueError(
            f"Got X of shape {X.shape}, expected rows (n, h*w*c), (n, h, w), (n, c, h, w) or "
            "(n, h, w, c)."
        )
    shape = infer_image_shape(X.shape, image_shape)
    images = np.array(X, dtype=np.float32 if X.dtype == bool else X.dtype, order="C")
    planes = as_planes(images.reshape(len(X), math.prod(shape)), shape)
    return images, planes, _black_and_white(images)


def _black_and_white(images):
    """Return the values of black and of white: 0 and 255, or what else the values are made for."""
    if images.dtype == np.uint8 or not images.size:
        return 0.0, 255.0
    smallest, largest = float(images.min()), float(images.max())
    if smallest < 0 or largest > 255:
        return smallest, largest
    return 0.0, 1.0 if largest <= 1 else 255.0


def change_image(plane, ends, function, *arguments):
    """Replace an image by what a function makes of it.

    Parameters
    ----------
    plane : ndarray, shape (c, h, w)
        The image, which is written to; whole numbers stay whole.
    ends : tuple of float
        The values of black and of white.
    function : callable
        Receives the image as float64 from 0 to 1, shape (h, w, c), and `arguments`, and returns
        another one; what lies outside of 0 to 1 is clipped.
    """
    black, white = ends
    # C order, whatever the layout given: the order of a sum is part of a mean.
    pixels = np.ascontiguousarray(plane.transpose(1, 2, 0)).astype(float)
    pixels = (pixels - black) / ((white - black) or 1.0)
    changed = black + function(pixels, *arguments).clip(0, 1) * (white - black)
    changed = changed if plane.dtype.kind == "f" else np.rint(changed)
    plane[:] = changed.transpose(2, 0, 1)


def warp(image, matrix, offset=(0.0, 0.0)):
    """Return an image seen through a matrix, about its centre: from new positions to old ones.

    Parameters
    ----------
    image : ndarray of float, shape (h, w, c)
        What lies outside of it is 0.
    matrix : ndarray of float, shape (2, 2)
        From new positions, relative to the centre, to old ones.
    offset : pair of float, default=(0.0, 0.0)
        Added to the old positions, in pixels.
    """
    from scipy.ndimage import affine_transform

    centre = (np.array(image.shape[:2]) - 1) / 2
    start = centre - matrix @ centre + np.asarray(offset)
    planes = [
        affine_transform(image[:, :, c], matrix, start, order=1, mode="constant")
        for c in range(image.shape[2])
    ]
    return np.stack(planes, axis=2)


def rotate(image, degrees):
    """Return an image turned about its centre, clockwise, with linear interpolation."""
    angle = math.radians(degrees)
    matrix = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    return warp(image, np.array(matrix))
