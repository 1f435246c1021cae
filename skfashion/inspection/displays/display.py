"""What all displays have in common."""


class Display:
    """Says what it holds, where notebooks and the gallery would show an address in memory."""

    def __repr__(self):
        given = [name for name in vars(self) if not name.endswith("_")]
        return f"{type(self).__name__}({', '.join(given)})"
