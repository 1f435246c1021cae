"""fairlearn is an extra: who has not installed it is told how, before anything is computed."""


def require_fairlearn():
    """Import fairlearn.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import fairlearn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Fairness is measured with fairlearn, which is not installed: pip install "
            '"skfashion[fairness]".'
        ) from error
