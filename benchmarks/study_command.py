"""The command line that the benchmarks of studies share."""

from pathlib import Path
from typing import NamedTuple

from benchmarks import backends, results
from benchmarks.errors import BenchmarkError


class Asked(NamedTuple):
    """What the options ask for.

    Parameters
    ----------
    data : {"sample", "full"}
    n_seeds : int
    path : pathlib.Path
        Result file.
    command : str
        What measures the same again.
    """

    data: str
    n_seeds: int
    path: Path
    command: str


def add_options(parser, quick, quick_seeds):
    """Add the options of a study.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    quick : str
        What ``--quick`` takes.
    quick_seeds : int
        Number of seeds with ``--quick``; without, there are 5.
    """
    parser.set_defaults(quick_seeds=quick_seeds)
    add = parser.add_argument
    add("--quick", action="store_true", help=f"{quick}, to see that all works")
    add("--seeds", type=int, help=f"number of seeds; default 5, with --quick {quick_seeds}")
    add("--publish", action="store_true", help="write the committed results, tables and pictures")
    backends.add_options(parser)


def asked(options, name, published):
    """Return what the options of :func:`add_options` ask for.

    Parameters
    ----------
    options : argparse.Namespace
    name : str
        Of the command.
    published : pathlib.Path
        The committed result file.

    Returns
    -------
    Asked

    Raises
    ------
    BenchmarkError
        If a quick look is to be published, or what sources give that no commit has.
    """
    if options.publish and options.quick:
        raise BenchmarkError("--publish goes without --quick.", exit_code=2)
    data = "sample" if options.quick else "full"
    n_seeds = options.seeds or (options.quick_seeds if options.quick else 5)
    path = published if options.publish else results.LOCAL / f"{name}-{data}.jsonl"
    results.refuse_dirty(path)
    command = f"python -m benchmarks {name}{' --quick' * options.quick} --seeds {n_seeds}"
    return Asked(data, n_seeds, path, command + backends.words(options))


def publish_tables(options):
    """Write the tables of all pages from the committed results, if that was asked for."""
    if options.publish:
        from benchmarks.tables import write_studies

        write_studies()
