"""The one error that ends a benchmark command with a sentence instead of a traceback."""


class BenchmarkError(Exception):
    """Something the user can put right.

    Parameters
    ----------
    message : str
        What was given, what is expected, and what to do.
    exit_code : int, default=1
        Exit status of the command: 1 for a failure, 2 for bad arguments.
    """

    def __init__(self, message, exit_code=1):
        super().__init__(message)
        self.exit_code = exit_code
