"""What several commands take: files that may be named, and the page that is written."""

from pathlib import Path


def name_and_path(text):
    """Return the name and the path in ``NAME=FILE``, or ``FILE``, whose name is its own."""
    if Path(text).exists():  # whatever signs are in its name
        return Path(text).stem, Path(text)
    name, sign, path = text.partition("=")
    return (name, Path(path)) if sign else (Path(text).stem, Path(text))


def paths_by_name(texts, what="models"):
    """Return paths by name, in their order.

    Parameters
    ----------
    texts : list of str
        ``NAME=FILE`` or ``FILE``.
    what : str
        What they are, for the message.

    Raises
    ------
    ValueError
        If two have one name.
    """
    paths = dict(map(name_and_path, texts))
    if len(paths) < len(texts):
        raise ValueError(f"Got {what} of equal names, expected NAME=FILE of each: {texts}")
    return paths


def checked_output(text):
    """Return the path of a page that is to be written; refuse it before anything is computed.

    Raises
    ------
    ValueError
        If its folder does not exist.
    """
    if not Path(text).absolute().parent.is_dir():
        raise ValueError(f"Got -o {text}, whose folder does not exist. Make it first.")
    return Path(text)
