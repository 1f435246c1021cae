"""Tables made from result files: on the terminal, and in pages between two markers."""

import hashlib
import json
import re
import statistics
import sys
from pathlib import Path

from benchmarks import results
from benchmarks.environment import ROOT
from benchmarks.errors import BenchmarkError

START = "<!-- benchmark-table:start -->"
END = "<!-- benchmark-table:end -->"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "accuracy_vs_time.png"
# The key under which the picture keeps the fingerprint of the rows it was drawn from.
STAMP = "Source"

# Heading, where the number is in a row, factor to the unit of the heading, decimals, whether the
# deviation over seeds is shown.
COLUMNS = (
    ("accuracy %", ("metrics", "accuracy"), 100, 2, True),
    ("macro F1 %", ("metrics", "f1_macro"), 100, 1, True),
    ("log-loss", ("metrics", "log_loss"), 1, 3, True),
    ("ECE %", ("metrics", "ece"), 100, 1, True),
    ("fit s", ("seconds", "fit"), 1, 1, True),
    ("predict s", ("seconds", "predict"), 1, 2, False),
    ("peak MB", ("memory_mb", "peak"), 1, 0, False),
    # What fit and predict took on top of interpreter, imports and data.
    ("fit MB", ("memory_mb", "increase"), 1, 0, False),
    ("model MB", ("model_bytes",), 1e-6, 1, False),
)


def add_parser(subparsers):
    """Add the command ``tables``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "tables",
        help="write all tables, and README's picture, from the committed results",
        description=f"Write README's table between {START} and {END}, and in the same way those of "
        f"the other pages, and {PICTURE.relative_to(ROOT)}.",
    )
    add = parser.add_argument
    add("--check", action="store_true", help="change nothing, fail if something is out of date")
    add("--results", type=Path, default=results.path_for(results.PUBLISHED, "full"))
    add("--readme", type=Path, default=README)
    add("--picture", type=Path, default=PICTURE)
    parser.set_defaults(command=main)


def main(options):
    """Bring README, its picture and the other pages up to date, or check that they are.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0, or 1 if ``--check`` found something out of date.
    """
    rows = results.current(results.read(options.results))
    if not rows:
        raise BenchmarkError(
            f"{options.results} has no rows. Make them with: "
            "python -m benchmarks accuracy --data full --seeds 5 --publish"
        )
    new = {options.readme: replace_table(_read_readme(options.readme), markdown(rows))}
    if options.readme == README:
        new = _with_studies(new)
    stale = [path for path, text in new.items() if path.read_text(encoding="utf-8") != text]
    drawn = _stamp_of(options.picture) == fingerprint(rows)
    if options.check:
        stale += [] if drawn else [options.picture]
        for path in stale:
            print(f"{path.name} is out of date, run: python -m benchmarks tables", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(new[path], encoding="utf-8")
    if not drawn:
        from benchmarks import pictures

        pictures.accuracy_against_time(rows, options.picture, {STAMP: fingerprint(rows)})
    return 0


def write_studies():
    """Write the tables of all studies, each from its result file, into their pages."""
    for path, text in _with_studies({}).items():
        path.write_text(text, encoding="utf-8")


def studies():
    """Return page, tables and module of each study that has been measured.

    A module has ``FILE``, its published results; ``PAGE`` of the documentation, ``START`` and
    ``END`` of the tables there; ``PICTURES``, a tuple of paths; and ``table() -> str``.

    Returns
    -------
    list of (pathlib.Path, str, module)
    """
    from benchmarks import (
        ablation,
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
        robustness,
        sensitivity,
        tuning,
    )
    from benchmarks.search import report as search
    from benchmarks.speed import report as speed

    found = []
    for study in (
        ablation,
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
        robustness,
        search,
        sensitivity,
        speed,
        tuning,
    ):
        if results.read(study.FILE):  # what has not been measured yet leaves its page alone
            found.append((study.PAGE, study.table(), study))
    return found


def _with_studies(texts):
    """Return pages by path, the tables of all that has been measured in them."""
    texts = dict(texts)
    for path, table, its in studies():
        text = texts.get(path) or path.read_text(encoding="utf-8")
        texts[path] = replace_table(text, table, its.START, its.END, path.name)
    return texts


def _read_readme(path):
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BenchmarkError(
            f"{path} does not exist. Write it, with the lines {START} and {END} for the table."
        ) from None


def replace_table(text, table, start=START, end=END, page="README"):
    """Put a table between the two markers.

    Parameters
    ----------
    text : str
        The whole page.
    table : str
    start, end : str
        The markers.
    page : str
        What the page is called in an error.

    Returns
    -------
    str

    Raises
    ------
    BenchmarkError
        If the markers are not there exactly once, in order.
    """
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if text.count(start) != 1 or text.count(end) != 1 or not pattern.search(text):
        raise BenchmarkError(f"{page} needs the lines {start} and {end} once each, in this order.")
    return pattern.sub(lambda _: f"{start}\n{table}\n{end}", text)


def fingerprint(rows):
    """Hash rows, so that a picture can tell whether it was drawn from them.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _stamp_of(path):
    """Fingerprint kept in a picture; None without picture or stamp."""
    if not path.exists():
        return None
    from PIL import Image

    with Image.open(path) as image:
        return image.info.get(STAMP)


def by_model(rows):
    """Group rows by model, the most accurate model first.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    list of list of dict
        Each inner list is one model's rows.
    """
    groups = {}
    for row in rows:
        groups.setdefault(row["unit"], []).append(row)

    def rank(group):
        return -mean(group, "metrics", "accuracy"), group[0]["label"]

    return sorted(groups.values(), key=rank)


def values(group, *keys):
    """Take one number out of each row, such as ``values(group, "seconds", "fit")``."""
    found = []
    for row in group:
        for key in keys:
            row = row[key]
        found.append(row)
    return found


def mean(group, *keys):
    """Mean over a model's rows of the number at ``keys``."""
    return statistics.fmean(values(group, *keys))


def cells(group, plus_minus="±"):
    """Format one model's line: its label, then a cell for each of ``COLUMNS``.

    Parameters
    ----------
    group : list of dict
        Rows of one model.
    plus_minus : str
        What stands between mean and standard deviation (of the sample, n - 1).

    Returns
    -------
    list of str
    """
    line = [group[0]["label"]]
    for _, keys, factor, decimals, deviation in COLUMNS:
        numbers = [value * factor for value in values(group, *keys)]
        cell = f"{statistics.fmean(numbers):.{decimals}f}"
        if deviation and len(numbers) > 1:
            cell += f"{plus_minus}{statistics.stdev(numbers):.{decimals}f}"
        line.append(cell)
    return line


def show(rows):
    """Print the table on standard output, at most 100 columns wide.

    Parameters
    ----------
    rows : list of dict
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for heading, *_ in COLUMNS:
        # Two lines, or the headings would need more room than the numbers.
        table.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    for group in by_model(rows):
        table.add_row(*cells(group))
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    console.print(table)
    for line in caption(rows):
        console.print(line, markup=False)


def markdown(rows):
    """Write the table and what one must know to read it.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    from tabulate import tabulate

    headings = ["classifier"] + [heading for heading, *_ in COLUMNS]
    lines = [cells(group, " ± ") for group in by_model(rows)]
    table = tabulate(
        lines,
        headings,
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left"] + ["right"] * len(COLUMNS),
    )
    return "\n".join([table, "", *caption(rows)])


def caption(rows):
    """Say what was measured, where, and with what.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    list of str
        Lines of text.
    """
    seeds = sorted({len(group) for group in by_model(rows)})
    counted = f"{seeds[0]} seed" if seeds == [1] else f"{'-'.join(map(str, seeds))} seeds"
    deviation = "" if seeds == [1] else "mean ± standard deviation over "
    return [
        f"Fashion-MNIST ({_every(rows, 'data', 'name')}): "
        f"{_every(rows, 'data', 'train_rows')} training and "
        f"{_every(rows, 'data', 'test_rows')} test images; {deviation}{counted}.",
        *circumstances(rows),
    ]


def circumstances(rows):
    """Say where rows were measured, and with what.

    Parameters
    ----------
    rows : list of dict
        Those of studies need not say how many threads they had, or who else was there.

    Returns
    -------
    list of str
        Lines of text.
    """
    machine = (
        f"{_every(rows, 'machine', 'cpu')} ({_every(rows, 'machine', 'instructions')}), "
        f"{_every(rows, 'machine', 'cores')} cores, {_every(rows, 'machine', 'ram_gb')} GB"
    )
    threads = f"; threads a run: {_every(rows, 'threads')}" if "threads" in rows[0] else ""
    shared = any(row.get("timing_shared") for row in rows)
    warning = "; SECONDS OF A SHARED PROCESSOR, not to be compared" if shared else ""
    versions = ", ".join(f"{name} {_every(rows, 'versions', name)}" for name in rows[0]["versions"])
    return [f"{machine}{threads}{warning}.", f"{versions}; {results.commits(rows)}."]


def _every(rows, *keys):
    return " / ".join(dict.fromkeys(str(value) for value in values(rows, *keys)))
