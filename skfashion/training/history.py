"""The rows of a training's history, found in the same time however many there are."""

from skorch.history import History


class RowHistory(History):
    """skorch's history, which copies all of its rows for a look at one of them; this one does not.

    ``partial_fit`` adds a row a call, and there may be many calls.
    """

    def __getitem__(self, i):
        """Return what skorch's returns."""
        if isinstance(i, int):
            return list.__getitem__(self, i)
        if isinstance(i, tuple) and i and isinstance(i[0], int):
            row, *within = i
            return History([list.__getitem__(self, row)])[(0, *within)]
        return super().__getitem__(i)
