"""Command line of the benchmarks: a command a study, and three that read what they have written."""

import argparse
import sys
from pathlib import Path

from benchmarks import pages, runner
from benchmarks.errors import BenchmarkError, names_of
from benchmarks.registry import STUDIES

VERIFY = """\
Fit one cheap seed of each file of learned results again, and compare it with the committed row:
equal to the last bit on the type of processor and with the versions that it was made with,
elsewhere the accuracy (a share of the rows) within a tolerance. Files of seconds and memory, and
frozen ones, are looked at for their form only. Nothing is written.
"""


def build_parser():
    """Return the parser of all commands, whose ``command(options)`` returns an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure skfashion against its competitors. Times are of two cores.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for study in STUDIES.values():
        runner.add_parser(commands, study)
    about = "write all tables of the pages from the committed results (seconds)"
    tables = commands.add_parser("tables", help=about, description=about)
    tables.add_argument("--check", action="store_true", help="only say what is out of date")
    tables.set_defaults(command=lambda options: pages.update(STUDIES.values(), options.check))
    about = "one page of HTML with all committed results, to send on (seconds)"
    report = commands.add_parser("report", help=about, description=about)
    report.add_argument("-o", "--output", type=Path, default=Path("results.html"))
    report.set_defaults(command=_report)
    about = "measure a cheap row of each result file again, and compare (6 min)"
    verify = commands.add_parser("verify", help=about, description=VERIFY)
    verify.add_argument("--files", help="names of studies with commas; default all")
    verify.set_defaults(command=_verify)
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


def _verify(options):
    """Compare committed rows with what is measured now."""
    from benchmarks.verify import verify

    studies = [
        *STUDIES.values(),
        *(s for study in STUDIES.values() for s in study.instead.values()),
    ]
    known = [study.name for study in studies]
    names = known if options.files is None else names_of(options.files, known, "--files")
    return verify(studies, names)


def _report(options):
    """Write the page of all results."""
    from benchmarks import report

    page = report.page(report.sections_of(STUDIES.values()))
    options.output.write_text(page, encoding="utf-8")
    size = options.output.stat().st_size / 1e6
    print(f"{options.output}: {size:.1f} MB", file=sys.stderr)
    return 0


def main(arguments=None):
    """Run one command."""
    words = sys.argv[1:] if arguments is None else list(map(str, arguments))
    options = build_parser().parse_args(words)
    options.words = words
    try:
        return getattr(options, "command", _run)(options)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped. Finished runs are kept, the same command goes on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
