"""What users can put right ends a command with a sentence instead of a traceback."""

import argparse


class BenchmarkError(Exception):
    """Something the user can put right: exit status 1 for a failure, 2 for bad arguments."""

    def __init__(self, message, exit_code=1):
        super().__init__(message)
        self.exit_code = exit_code


def at_least(limit):
    """Return a type of ``add_argument``: a whole number from a limit."""

    def number(text):
        if not text.isdecimal() or int(text) < limit:
            raise argparse.ArgumentTypeError(f"expected a whole number from {limit}, got {text!r}")
        return int(text)

    return number


def names_option(known, separator=","):
    """Return the keywords of ``add_argument`` for an option that takes some of known names."""
    listed = f"{separator} ".join(known)

    def names(text):
        found = list(dict.fromkeys(name.strip() for name in text.split(separator) if name.strip()))
        if not found or not set(found) <= set(known):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected some of {listed}")
        return found

    about = f"some of {listed}; default all"
    return {"type": names, "default": separator.join(known), "help": about}
