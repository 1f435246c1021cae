"""What all functions share that change images: checks, copies, one view for every layout."""

import math

import numpy as np

from skfashion.images import as_planes, infer_image_shape


def copy_images(X, image_shape):
    """Return a copy of images in any layout, and a view of the copy that is the same for all.

    Parameters
    ----------
    X : array-like of uint8, shape (n, h*w*c), (n, h, w), (n, c, h, w) or (n, h, w, c)
        The images.
    image_shape : "auto" or tuple of int
        Layout of a flat row.

    Returns
    -------
    images : ndarray of uint8, shape of `X`
        The copy.
    planes : ndarray of uint8, shape (n, c, h, w)
        What is written to it is written to `images`.

    Raises
    ------
    ValueError
        If `X` is not uint8 or has no shape of images.
    """
    X = np.asarray(X)
    if X.dtype != np.uint8:
        raise ValueError(f"Got X of dtype {X.dtype}, expected uint8: values from 0 to 255.")
    if X.ndim not in (2, 3, 4):
        raise ValueError(
            f"Got X of shape {X.shape}, expected rows (n, h*w*c), (n, h, w), (n, c, h, w) or "
            "(n, h, w, c)."
        )
    shape = infer_image_shape(X.shape, image_shape)
    images = X.copy()
    return images, as_planes(images.reshape(len(X), math.prod(shape)), shape)


def change_image(plane, function, *arguments):
    """Replace an image by what a function makes of it.

    Parameters
    ----------
    plane : ndarray of uint8, shape (c, h, w)
        The image, which is written to.
    function : callable
        Receives the image as float64 from 0 to 1, shape (h, w, c), and `arguments`, and returns
        another one; what lies outside of 0 to 1 is clipped.
    """
    # C order, whatever the layout given: the order of a sum is part of a mean.
    pixels = np.ascontiguousarray(plane.transpose(1, 2, 0)) / 255.0
    plane[:] = np.rint(function(pixels, *arguments).clip(0, 1) * 255).transpose(2, 0, 1)


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
