"""Tables of the searches, made from their result file."""

import statistics

from benchmarks import results
from benchmarks.environment import ROOT
from benchmarks.markdown import pipe_table
from benchmarks.search.rows import ROWS, SEARCHES, Weighing

FILE = results.PUBLISHED / "search.jsonl"
START, END = "<!-- search-table:start -->", "<!-- search-table:end -->"
PAGE = ROOT / "docs" / "searching.md"
PICTURES = ()


def table():
    """Write the tables of the published results."""
    return markdown(current(results.read(FILE)))


def current(rows):
    """Return each row as it was measured last, in the order of ``ROWS``."""
    newest = {row["unit"]: row for row in results.current(rows)}
    return [newest[name] for name in ROWS if name in newest]


def markdown(rows):
    """Write all that was measured, and what one must know to read it.

    Parameters
    ----------
    rows : list of dict
        Result rows.

    Returns
    -------
    str
    """
    timed = [row for row in rows if "seconds" in row]
    parts = []
    if timed:
        headings = ["what", "which", "seconds", "ours / theirs (range)", "aim", "accuracy %"]
        lines = [line for row in timed for line in _lines(row)]
        parts.append(pipe_table(lines, headings))
    others = [_shortfall(row) for row in timed if "shortfalls" in row]
    others += [line for row in rows if "memory" in row for line in _memory(row)]
    if others:
        parts.append(pipe_table(others, ["quality and memory", "measured (range)", "aim"]))
    parts += [_judged(row) for row in rows if "correlation" in row]
    return "\n\n".join([*parts, _caption(rows)])


def _lines(row):
    """Write a line a search."""
    title = ROWS[row["unit"]].title
    for name, seconds in row["seconds"].items():
        line = [title, SEARCHES[name].label, f"{statistics.median(seconds):.3g}", "", ""]
        if name in row["targets"]:
            # The aims are of the full task.
            aim = f"{row['targets'][name]:.2f}" if row["settings"]["task"]["data"] == "full" else ""
            line[3:] = [_spread(row["ratios"][name], ".2f"), aim]
        yield [*line, f"{100 * statistics.median(row['held_out'][name]):.2f}"]


def _shortfall(row):
    shape = ROWS[row["unit"]]
    what = f"{shape.title}: best candidate found, below that of {SEARCHES[shape.whole].label}"
    return [
        f"{what}, points of cross-validation",
        _spread(row["shortfalls"], ".2f"),
        f"{row['shortfall_target']:.2f}",
    ]


def _memory(row):
    shape, values = ROWS[row["unit"]], row["memory"]
    assert isinstance(shape, Weighing)
    fit = ", ".join(["one fit to all rows", *(f"{k}={v}" for k, v in shape.variables.items())])
    yield [f"{fit}: PSS above that before, MB", _spread(values["fit_mb"], ".0f"), ""]
    yield [
        f"{shape.title}: PSS of all processes above that with idle workers, MB",
        _spread(values["increase_mb"], ".0f"),
        f"{statistics.median(values['target_mb']):.0f}",
    ]


def _judged(row):
    """Write what a pause tells about the end."""
    headings = [f"judged by, {ROWS[row['unit']].title}"]
    for epochs in row["epochs"]:
        headings += [f"accuracy % after {epochs}", "rank correlation with the end"]
    lines = []
    for name, rounds in row["correlation"].items():
        line = [name]
        for accuracy, correlation in zip(
            zip(*row["accuracy"][name], strict=True), zip(*rounds, strict=True), strict=True
        ):
            line += [f"{100 * statistics.median(accuracy):.2f}", _spread(correlation, ".2f")]
        lines.append(line)
    return pipe_table(lines, headings)


def _spread(values, digits):
    median = f"{statistics.median(values):{digits}}"
    if len(values) == 1:
        return median
    return f"{median} ({min(values):{digits}}-{max(values):{digits}})"


def _caption(rows):
    from benchmarks.tables import circumstances

    task = rows[0]["settings"]["task"]
    n_candidates = 1
    for values in task["grid"].values():
        n_candidates *= len(values)
    rounds = " / ".join(dict.fromkeys(str(row["settings"]["rounds"]) for row in rows))
    halvings = " and ".join(
        f"{epochs} at factor {factor}" for factor, epochs in task["long_epochs"].items()
    )
    return "\n".join(
        [
            f"{n_candidates} candidates, {task['folds']} folds of {task['rows']} training images, "
            f"drawn anew in each of {rounds} rounds; {task['epochs']} epochs, in successive "
            f"halvings up to {halvings}. Medians; ratios within a round; accuracy of the last fit "
            f"on {task['held_out']} other training images.",
            *circumstances(rows),
        ]
    )
