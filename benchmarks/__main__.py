"""Command line of the benchmarks: each command lives in a module with an ``add_parser``."""

import argparse
import sys

from benchmarks import (
    ablation,
    accuracy,
    cluster,
    defaults,
    ensembles,
    fairness,
    frontier,
    honesty,
    imbalance,
    labels,
    learning_curve,
    reference,
    report,
    robustness,
    run,
    sensitivity,
    tables,
    tuning,
    verify,
)
from benchmarks.errors import BenchmarkError
from benchmarks.search import command as search
from benchmarks.search import searches
from benchmarks.speed import command as speed
from benchmarks.speed import worker

# A new command joins by offering add_parser(subparsers), which sets the function to call as
# ``command``. Its heavy imports belong inside functions, so that --help answers at once.
COMMANDS = (
    ablation,
    accuracy,
    cluster,
    defaults,
    ensembles,
    fairness,
    frontier,
    honesty,
    imbalance,
    labels,
    learning_curve,
    reference,
    report,
    robustness,
    search,
    sensitivity,
    speed,
    tables,
    tuning,
    verify,
)
# What commands call in processes of their own: no business of a user's.
INTERNAL = (run, searches, worker)


def build_parser(modules=COMMANDS):
    """Put the parsers of commands together.

    Parameters
    ----------
    modules : tuple of modules
        Where they live.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure skfashion against its competitors."
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in modules:
        module.add_parser(subparsers)
    return parser


def main(arguments=None):
    """Run one command.

    Parameters
    ----------
    arguments : list of str, default=None
        The words after ``python -m benchmarks``; None reads them from ``sys.argv``.

    Returns
    -------
    int
        0 when all went well, 1 when something failed, 2 for bad arguments, 130 after Ctrl-C.
    """
    words = sys.argv[1:] if arguments is None else arguments
    internal = bool(words) and words[0].startswith("_")
    options = build_parser(INTERNAL if internal else COMMANDS).parse_args(words)
    try:
        return options.command(options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
