"""Command line of the benchmarks: a command a study, and those that read what they have written."""

import argparse
import sys
from pathlib import Path

from benchmarks import exporting, pages, report, runner
from benchmarks.errors import BenchmarkError, names_option
from benchmarks.registry import STUDIES

# With those that are run by an option of another.
ALL = {one.name: one for study in STUDIES.values() for one in (study, *study.instead.values())}


def build_parser():
    """Return the parser of all commands, whose ``command(options)`` returns an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure skfashion against its competitors. Times are of two cores.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for study in STUDIES.values():
        runner.add_parser(commands, study).set_defaults(command=_run)

    def add(name, command, *flags, **words):
        about = command.__doc__.removesuffix(".")
        one = commands.add_parser(name, help=about, description=about)
        one.set_defaults(command=command, refuse=one.error)
        one.add_argument(*flags, **words)

    add("tables", _tables, "--check", action="store_true", help="only say what is out of date")
    add("report", _report, "-o", "--output", type=Path, default=Path("results.html"))
    add("export", _export, "-o", "--output", type=Path, default=Path("skfashion-results"))
    add("verify", _verify, "--files", **names_option(ALL))
    return parser


def _run(options):
    """Run a study, then write the pages if it has written committed results."""
    study = options.study
    for name, other in study.instead.items():
        study = other if getattr(options, name) else study
    status = runner.run(study, options)
    if study.publishes(options):
        pages.update(STUDIES.values())
    return status


def _tables(options):
    """Write all tables of the pages from the committed results (seconds)."""
    return pages.update(STUDIES.values(), options.check)


def _report(options):
    """One page of HTML with all committed results, to send on (seconds)."""
    page = report.page(report.sections_of(STUDIES.values()))
    from skfashion.utils.files import write_text  # and with it PyTorch

    write_text(options.output, page)
    return _written(options.output)


def _export(options):
    """All committed results as one Parquet table with a schema, to analyse and cite (seconds)."""
    return _written(exporting.export(ALL.values(), options.output))


def _verify(options):
    """Measure a cheap row of each result file again, and compare (6 min)."""
    from benchmarks import verify  # and with it PyTorch

    return verify.verify(ALL.values(), options.files)


def _written(path):
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return 0


def main(arguments=None):
    """Run one command: 0 if all went well, 1 for a failure, 2 for bad arguments, 130 for Ctrl-C."""
    words = sys.argv[1:] if arguments is None else list(map(str, arguments))
    options, unknown = build_parser().parse_known_args(words)
    if unknown:  # said with the options of this command, not with those of all
        options.refuse(f"unrecognized arguments: {' '.join(unknown)}")
    options.words = words
    try:
        return options.command(options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped. Finished runs are kept, the same command goes on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
