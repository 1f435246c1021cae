"""Warnings of the package: one class each, so that Python's filters can distinguish them."""

__all__ = ["DataShiftWarning"]


class DataShiftWarning(UserWarning):
    """Images to predict are unlike the images that the net was trained on.

    `fit` stores a few statistics of its images, and `partial_fit` those of its first call. Every
    predicting method compares its images with them, and warns of at most one thing:

    - **another scale**, even for one image: the largest absolute value is more than 8 times that of
      the training images, or less than an eighth of what 99 % of them reach (0 to 1 instead of 0 to
      255, or the other way round);
    - **inverted**, for at least 30 images: more than three quarters of them are closer to the
      negative of the mean training image than to the mean image itself (a white background instead
      of a black one). There is no such warning if this is true of more than a quarter of the
      training images of a class.

    At most 100 evenly spaced images of a prediction are checked. There is no warning for tables,
    for images that all have a single value, and from nets that were pickled before these statistics
    existed. In a pipeline, the net compares images after the earlier steps have changed them.

    The text does not depend on the images, so Python's filters recognise repetitions.
    ``warnings.simplefilter("error", DataShiftWarning)`` turns the warning into an error, "ignore"
    silences it.

    Examples
    --------
    >>> import warnings
    >>> from skfashion import MLPNetClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> net = MLPNetClassifier(max_epochs=1, random_state=0).fit(X[:1000], y[:1000])
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     labels = net.predict(X[:1] / 255)
    >>> [warning.category.__name__ for warning in caught]
    ['DataShiftWarning']
    """
