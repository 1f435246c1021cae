"""What users can put right ends a command with a sentence instead of a traceback."""


class BenchmarkError(Exception):
    """Something the user can put right: exit status 1 for a failure, 2 for bad arguments."""

    def __init__(self, message, exit_code=1):
        super().__init__(message)
        self.exit_code = exit_code


def names_option(known, separator=","):
    """Return the keywords of ``add_argument`` for an option that takes some of known names."""
    listed = f"{separator} ".join(known)
    return {"default": separator.join(known), "help": f"some of {listed}; default all"}


def names_of(text, known, option, separator=","):
    """Read the names that such an option was given; an unknown one is a BenchmarkError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(separator) if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise BenchmarkError(
            f"Got {option} with {', '.join(map(repr, unknown)) or 'no name'}, expected some of "
            f"{f'{separator} '.join(known)}.",
            exit_code=2,
        )
    return names
