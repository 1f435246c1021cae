"""Where a net looked, and what it was shown that is like an image."""

import numpy as np

# Windows of a quarter of a side, moved by a quarter of their own or more: 13 x 13 of them at most.
PARTS, STEPS = 4, 4
# Examples that are shown.
N_NEAREST = 5


def occlusion(model, image, is_cancelled=lambda: False):
    """Return by how much a label's probability falls where an image is covered.

    A window of the image's mean colour is moved over it; a pixel's heat is the mean fall of all
    windows that cover it (Zeiler and Fergus, 2014, https://arxiv.org/abs/1311.2901).

    Parameters
    ----------
    model : Model
        Of images.
    image : ndarray of shape (c, h, w)
        In the values and the dtype of the file.
    is_cancelled : callable

    Returns
    -------
    heat : ndarray of shape (h, w)
    label : object
        That which the heat is for.
    """
    height, width = image.shape[1:]
    windows = [(rows, columns) for rows in _spans(height) for columns in _spans(width)]
    covered = np.repeat(image[None], len(windows) + 1, axis=0)
    # In 64 bits, where no sum of large numbers is infinite.
    mean = image.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(image.dtype)
    for number, (rows, columns) in enumerate(windows):
        covered[number, :, rows, columns] = mean
    # The last one has no window.
    answer = model.predict(model.from_planes(covered), is_cancelled)
    column = int(answer.probabilities[-1].argmax())
    falls = answer.probabilities[-1, column] - answer.probabilities[:-1, column]
    heat, times = np.zeros((height, width)), np.zeros((height, width))
    for (rows, columns), fall in zip(windows, falls, strict=True):
        heat[rows, columns] += fall
        times[rows, columns] += 1
    return heat / times, answer.labels[-1]


def _spans(side):
    """Return slices of a side that cover all of it."""
    length = max(1, round(side / PARTS))
    step = -(-length // STEPS)
    starts = [*range(0, side - length, step), side - length]
    return [slice(start, start + length) for start in starts]


class Nearest:
    """The examples of a file, to be found by their likeness.

    Near is what has the same features, where the file gives them, else the same pixels.

    Parameters
    ----------
    model : Model
        With examples.
    """

    def __init__(self, model):
        self.model = model
        self.points = self._points_of(model.examples)

    def find(self, row):
        """Return the numbers of the nearest examples of an input (1, ...), and their distances."""
        apart = np.linalg.norm(self.points - self._points_of(row), axis=1)
        nearest = np.argsort(apart, kind="stable")[:N_NEAREST]
        return nearest, apart[nearest]

    def _points_of(self, inputs):
        answer = self.model.predict(inputs) if "features" in self.model.outputs else None
        points = inputs if answer is None else answer.features
        return points.reshape(len(points), -1).astype(np.float64)
