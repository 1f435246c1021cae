"""Warnings of the package: a class each, by which Python's filters tell them apart."""

__all__ = ["DataShiftWarning"]


class DataShiftWarning(UserWarning):
    """Images to predict are not like those that the net was trained on.

    `fit` keeps a few statistics of its images, and every predicting method compares what it is
    given with them; `partial_fit` keeps those of its first call. A prediction warns of one thing:

    - **another scale**, from one image on: the largest absolute value is more than 8 times that of
      the training, or less than an eighth of what 99 % of the training's images reach (0 to 1
      instead of 0 to 255, or the other way round);
    - **inverted**, from 30 images on: more than three quarters of the images are nearer to the
      negative of the training's mean image than to the mean image itself (a white background
      instead of a black one). Where more than a quarter of a class's training images were so
      themselves, nothing is said.

    At most 100 images of a prediction are looked at, at equal distances. Nothing is said of tables,
    of images that all have one value, and by nets that were pickled before they had the
    statistics. What stands before the net in a pipeline has changed the images already: the net
    compares what it is given.

    The text does not depend on the images, so that filters of Python's take repetitions for one;
    ``warnings.simplefilter("error", DataShiftWarning)`` makes it an error, "ignore" silences it.

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
