"""The libraries of the extra "export", imported where they are needed."""

from importlib import import_module

from skfashion.utils.extras import installed_by


def import_library(name):
    """Return a module of an optional library.

    Raises
    ------
    ImportError
        If it is not installed, with what to do about it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"Exports need {name.partition('.')[0]} ({error}); install it with: "
            f"{installed_by('export')}"
        ) from error
