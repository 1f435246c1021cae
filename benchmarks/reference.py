"""Five published systems: their recipes as written, and ours for the same architectures."""

import argparse

from benchmarks import results, series
from benchmarks.environment import ROOT
from benchmarks.errors import names_of
from benchmarks.markdown import pipe_table
from benchmarks.recipes import REFERENCES

START, END = "<!-- reference-table:start -->", "<!-- reference-table:end -->"
PAGE = ROOT / "docs" / "references.md"
PICTURES = ()
FILE = results.PUBLISHED / "reference.jsonl"

DESCRIPTION = """\
Train each published recipe as its authors do (its accuracy is read on the test images after every
epoch, which favours it), our recipe for the same architecture (read once), and the same
architecture with our defaults. Runs that the result file has already are
skipped.
"""


def add_parser(subparsers):
    """Add the command ``reference``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "reference",
        help="published systems beside ours, same architectures",
        description=DESCRIPTION,
        epilog="Systems: " + ", ".join(REFERENCES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--systems", default=",".join(REFERENCES), help="names with commas; default all")
    add("--seeds", type=int, default=5, help="seeds of our rows; default 5")
    add("--published-seeds", type=int, default=1, help="seeds of the published rows; default 1")
    parser.set_defaults(command=main)


def main(options):
    """Measure what is missing, and write the table.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0, or 1 if a run failed.
    """
    names = names_of(options.systems, REFERENCES, "--systems")
    runs = [
        (f"published:{name}", seed)
        for seed in range(options.published_seeds)
        for name in names
        if REFERENCES[name].published is not None
    ]
    runs += [
        (f"{kind}:{name}", seed)
        for seed in range(options.seeds)
        for name in names
        for kind in ("ours", "defaults")
    ]
    command = f"python -m benchmarks reference --systems {options.systems}"
    status = series.measure("reference", runs, FILE, command)
    from benchmarks.tables import write_studies

    write_studies()
    return status


def table():
    """Write the table: a published system a line.

    Returns
    -------
    str
    """
    groups, lines = series.by_model(FILE), []
    for name, entry in REFERENCES.items():
        theirs, ours, defaults = (
            groups.get(f"{kind}:{name}") for kind in ("published", "ours", "defaults")
        )
        if not (ours and defaults) or (entry.published is not None and not theirs):
            continue
        lines.append(
            [
                f"`{name}`",
                entry.label,
                *_published_cells(entry, theirs, ours),
                series.accuracy_cell(ours),
                f"{100 * entry.target:.1f}",
                f"{series.seconds_of(ours):.0f}",
                series.accuracy_cell(defaults),
                f"{series.seconds_of(defaults):.0f}",
            ]
        )
    headings = [
        "system",
        "architecture",
        "published %",
        "run here, best epoch %",
        "s to reach it",
        "ratio of times",
        "our recipe %",
        "aim %",
        "s",
        "our defaults %",
        "s",
    ]
    text = pipe_table(lines, headings)
    published, ours, defaults = (
        series.n_seeds(groups, kind) for kind in ("published", "ours", "defaults")
    )
    rows = [row for group in groups.values() for row in group]
    return (
        f"{text}\n\nSeeds of a row: {published} as published, {ours} with our recipe, "
        f"{defaults} with our defaults; means and deviations of accuracies, medians of seconds.\n"
        f"{series.caption(rows)}\n\nCommand: `python -m benchmarks reference`."
    )


def _published_cells(entry, theirs, ours):
    """Say what was published, what it came to here, and our time as a share of its time."""
    if entry.published is None:
        return [entry.claim, "", "", ""]
    seconds, n_reached = series.seconds_to_reach(theirs, entry.published)
    best = max(max(row["curve"]["test_accuracy"]) for row in theirs)
    return [
        entry.claim or f"{100 * entry.published:.2f}",
        f"{100 * best:.2f}",
        f"{seconds:.0f}" + ("" if n_reached else " (never)"),
        f"{series.seconds_of(ours) / seconds:.2f}",
    ]


def verify(rows):
    """Yield our recipe that takes the least time."""
    yield from series.verify(rows, "ours:mlp-keras")
