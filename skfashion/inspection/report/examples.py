"""Which images a report shows, and how they are kept small."""

import numpy as np

from skfashion.inspection.pages import data_uri

# Of a cell of the confusion matrix, and of each list of examples.
PER_CELL = 12
# Of a confusion matrix, which grows with their square.
MAX_CLASSES = 100
# Images are made smaller until no side has more pixels.
MAX_SIDE = 56


class Gallery:
    """The images of a page, each kept once however often it is shown.

    Parameters
    ----------
    pictures : callable
        ``pictures(rows) -> ndarray (m, h, w) or (m, h, w, 3)``, from 0 to 1.
    """

    def __init__(self, pictures):
        self._pictures = pictures
        self._rows = set()

    def add(self, rows):
        """Note that some images will be shown; return their numbers."""
        rows = [int(row) for row in rows]
        self._rows.update(rows)
        return rows

    def addresses(self):
        """Return the images that are shown, as addresses of themselves, by their numbers."""
        rows = sorted(self._rows)
        return {
            row: data_uri(_smaller(picture))
            for row, picture in zip(rows, self._pictures(np.array(rows, dtype=int)), strict=True)
        }


def _smaller(picture):
    step = -(-max(picture.shape[:2]) // MAX_SIDE)
    if step == 1:
        return picture
    h, w = (side // step * step for side in picture.shape[:2])
    # A strip is thinner than a step: it keeps its one row.
    blocks = max(1, h // step), max(1, w // step)
    cut = picture[: h or None, : w or None]
    shape = (blocks[0], cut.shape[0] // blocks[0], blocks[1], cut.shape[1] // blocks[1])
    return cut.reshape(*shape, *picture.shape[2:]).mean(axis=(1, 3))


def most_confused(codes, predicted, n_classes):
    """Return which classes a confusion matrix shows: all, or those with the most errors.

    Parameters
    ----------
    codes, predicted : ndarray of int (n,)
        Places of the true and of the predicted classes.
    n_classes : int

    Returns
    -------
    ndarray of int
        Their places, rising, at most ``MAX_CLASSES``.
    """
    wrong = codes != predicted
    errors = np.bincount(np.concatenate([codes[wrong], predicted[wrong]]), minlength=n_classes)
    return np.sort(np.argsort(-errors, kind="stable")[:MAX_CLASSES])


def confusion_cells(codes, predicted, probabilities, shown, gallery):
    """Return the confusion matrix of a model, with images.

    Parameters
    ----------
    codes, predicted : ndarray of int (n,)
        Places of the true and of the predicted classes.
    probabilities : ndarray of shape (n, n_classes)
    shown : ndarray of int
        Places of the classes that have a row and a column.
    gallery : Gallery

    Returns
    -------
    list of list of dict
        True by predicted class: ``count``, ``share`` of the true class, ``rows``, the numbers of
        some images, the surest first, and ``shares``, their probabilities of the predicted class.
    """
    totals = np.bincount(codes, minlength=probabilities.shape[1])
    cells = []
    for i in shown:
        line = []
        of_class = np.flatnonzero(codes == i)
        for j in shown:
            rows = of_class[predicted[of_class] == j]
            surest = rows[np.argsort(-probabilities[rows, j], kind="stable")[:PER_CELL]]
            line.append(
                {
                    "count": len(rows),
                    "share": len(rows) / totals[i] if totals[i] else 0.0,
                    "rows": gallery.add(surest),
                    "shares": [f"{share:.0%}" for share in probabilities[surest, j]],
                }
            )
        cells.append(line)
    return cells
