"""fairlearn is an extra: who has not installed it is told how, before anything is computed."""

from importlib.util import find_spec


def require_fairlearn():
    """Say how to install fairlearn where it is not.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    if find_spec("fairlearn") is None:
        raise ImportError(
            "Fairness is measured with fairlearn, which is not installed: pip install "
            '"skfashion[fairness]".'
        )
