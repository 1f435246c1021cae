"""What users can put right ends a command with a sentence instead of a traceback."""


class BenchmarkError(Exception):
    """Something the user can put right."""

    def __init__(self, message, exit_code=1):
        super().__init__(message)
        self.exit_code = exit_code


def names_of(text, known, option, separator=","):
    """Read the names that an option was given.

    Parameters
    ----------
    text : str
        What the user typed.
    known : iterable of str
    option : str
        What the option is called in an error.
    separator : str, default=","

    Returns
    -------
    list of str

    Raises
    ------
    BenchmarkError
        If a name is not known.
    """
    names = [name.strip() for name in text.split(separator)]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchmarkError(
            f"Got {option} with {', '.join(map(repr, unknown))}, expected some of "
            f"{f'{separator} '.join(known)}.",
            exit_code=2,
        )
    return names
