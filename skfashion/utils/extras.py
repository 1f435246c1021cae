"""Optional libraries: how they are imported, and installed, in one sentence for all messages."""

from importlib import import_module


def installed_by(extra):
    """Return the command that installs an extra, to stand behind "install it with: ".

    Parameters
    ----------
    extra : str
        Its name in ``pyproject.toml``.
    """
    # The package is installed from its sources: a name alone would be somebody else's on PyPI.
    return f"pip install -e '.[{extra}]' in a clone of skfashion's repository"


def import_library(name, extra, what):
    """Return a module of an optional library.

    Parameters
    ----------
    name : str
        Of the module.
    extra : str
        That brings it.
    what : str
        Who needs it, with the verb, such as "Exports need".

    Raises
    ------
    ImportError
        If it is not installed, with what to do about it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{what} {name.partition('.')[0]} ({error}); install it with: {installed_by(extra)}"
        ) from error
