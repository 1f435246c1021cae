"""The command ``python -m skfashion dashboard``."""

import argparse
import sys

from skfashion.inspection.pages import import_charts
from skfashion.utils.command_line import checked_output, paths_by_name
from skfashion.utils.files import write_text
from skfashion.utils.streams import Forgiving

DESCRIPTION = """\
Write one page of HTML about studies and searches whose charts follow what is chosen. It needs no
network and no other file.

RESULTS are tables as .csv, .json, .jsonl or .parquet: what imbalance_study or fairness_study
returns, or a table like it; cv_results_ of a search, written by pd.DataFrame(...).to_csv(...);
a drift log, JSON lines of reports or of a service's answers; or the cache folder of a study,
finished or not.
"""


def add_parser(subparsers):
    """Add the command ``dashboard``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "dashboard",
        help="one page of studies and searches, whose charts follow what is chosen",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "results",
        nargs="+",
        metavar="RESULTS",
        help="file or cache folder; NAME=FILE names it",
    )
    add("--title", default="Dashboard")
    add(
        "--watch",
        action="store_true",
        help="write the page again whenever a file or a cache has grown, until Ctrl-C; the page "
        "that is open reads itself again every two seconds",
    )
    add("-o", "--output", default="dashboard.html", help="default dashboard.html")
    parser.set_defaults(command=main)


def main(options):
    """Read the results, write the page.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    from skfashion.inspection.dashboard.dashboard import sections_of
    from skfashion.inspection.dashboard.page import write_page
    from skfashion.inspection.dashboard.watching import watch

    paths = paths_by_name(options.results, "results")
    output = checked_output(options.output)
    import_charts()
    memory = {} if options.watch else None

    def write(reload_seconds=None):
        html = write_page(
            sections_of(paths, memory), title=options.title, reload_seconds=reload_seconds
        )
        write_text(output, html)
        print(f"{output}: {len(html) / 1e6:.1f} MB", file=Forgiving(sys.stderr))

    if options.watch:
        watch(list(paths.values()), write)
    else:
        write()
    return 0
