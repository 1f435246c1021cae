"""Which images a report shows, and how they are kept small."""

import numpy as np

from skfashion.inspection.pages import data_uri

# Of a cell of the confusion matrix, and of each list of examples.
PER_CELL = 12
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


def confusion_cells(codes, predicted, probabilities, gallery):
    """Return the confusion matrix of a model, with images.

    Parameters
    ----------
    codes, predicted : ndarray of int (n,)
        Places of the true and of the predicted classes.
    probabilities : ndarray of shape (n, n_classes)
    gallery : Gallery

    Returns
    -------
    list of list of dict
        True by predicted class: ``count``, ``share`` of the true class, ``rows``, the numbers of
        some images, the surest first, and ``shares``, their probabilities of the predicted class.
    """
    n_classes = probabilities.shape[1]
    totals = np.bincount(codes, minlength=n_classes)
    cells = []
    for i in range(n_classes):
        line = []
        for j in range(n_classes):
            rows = np.flatnonzero((codes == i) & (predicted == j))
            shown = rows[np.argsort(-probabilities[rows, j], kind="stable")[:PER_CELL]]
            line.append(
                {
                    "count": len(rows),
                    "share": len(rows) / totals[i] if totals[i] else 0.0,
                    "rows": gallery.add(shown),
                    "shares": [f"{share:.0%}" for share in probabilities[shown, j]],
                }
            )
        cells.append(line)
    return cells
