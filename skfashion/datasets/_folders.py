"""The folders in which data is looked for, and into which it is downloaded."""

import os
from pathlib import Path


def own_folders(data_home, cache=""):
    """Return the folders of the user, in the order of search; a download goes to the first.

    Parameters
    ----------
    data_home : str, path-like or None
        A folder to look in first.
    cache : str, default=""
        Name of a subfolder of scikit-learn's data folder, or that folder itself.

    Returns
    -------
    folders : list of pathlib.Path
        `data_home`, that of the environment variable ``SKFASHION_DATA``, and scikit-learn's: those
        that there are. None is created.

    Raises
    ------
    ValueError
        If a folder begins with ~ where there is no home directory.
    NotADirectoryError
        If a folder is in fact a file.
    """
    named = {"data_home": data_home, "SKFASHION_DATA": os.environ.get("SKFASHION_DATA")}
    folders = []
    for name, folder in named.items():
        if folder is None or not os.fspath(folder):
            continue
        path = _expanded(folder)
        if path is None:
            raise ValueError(
                f"Got {name}={os.fspath(folder)!r}, expected a folder without ~: there is no home "
                "directory here."
            )
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(f"{name} should be a folder, got the file {path}.")
        folders.append(path)
    # Not sklearn's get_data_home(): it creates the folder, and looking should leave no trace.
    scikit = _expanded(os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data"))
    return folders if scikit is None else [*folders, scikit / cache]


def check_place_to_download(names, folders):
    """Raise an OSError if there is no folder to download files of some names into."""
    if not folders:
        raise OSError(
            f"Got no folder to download {', '.join(names)} into, and there is no home directory "
            "here; expected data_home=, or the environment variable SKFASHION_DATA."
        )


def _expanded(folder):
    """Return a folder with its ~ expanded; None where there is no home, as in some containers."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        return None
