"""How the optional libraries are installed, in one sentence for all messages."""


def installed_by(extra):
    """Return the command that installs an extra, to stand behind "install it with: ".

    Parameters
    ----------
    extra : str
        Its name in ``pyproject.toml``.
    """
    # The package is installed from its sources: a name alone would be somebody else's on PyPI.
    return f"pip install -e '.[{extra}]' in a clone of skfashion's repository"
