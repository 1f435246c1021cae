"""Commands: ``python -m skfashion report`` and ``dashboard``."""

import argparse
import sys

from skfashion.inspection.dashboard import command as dashboard
from skfashion.inspection.report import command


def main(arguments=None):
    """Run a command.

    Parameters
    ----------
    arguments : list of str or None
        None means those of the command line.

    Returns
    -------
    int
        0, or 2 if something that was asked for cannot be had.
    """
    parser = argparse.ArgumentParser(prog="python -m skfashion", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    command.add_parser(subparsers)
    dashboard.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return options.command(options)
    except (ImportError, OSError, ValueError) as error:
        # In one line, whatever was raised.
        print("error:", *str(error).split(), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
