"""Tables of the speed comparison, made from its result file."""

import statistics

from benchmarks import results
from benchmarks.environment import ROOT
from benchmarks.markdown import pipe_table
from benchmarks.speed import scaling
from benchmarks.speed.competitors import COMPETITORS
from benchmarks.speed.rows import ROWS, Profile, Weighing

FILE = results.PUBLISHED / "speed.jsonl"
SCALING_FILE = results.PUBLISHED / "scaling.jsonl"
START, END = "<!-- speed-table:start -->", "<!-- speed-table:end -->"
SCALING_PICTURE = ROOT / "docs" / "images" / "scaling.png"
PICTURES = (SCALING_PICTURE,)
PAGE = ROOT / "docs" / "performance.md"


def table():
    """Write the tables of the published results."""
    newest = {row["unit"]: row for row in results.read(FILE)}
    return markdown([newest[name] for name in ROWS if name in newest])


def markdown(rows):
    """Write all that was measured: ratios, aims, memory, share of the processor.

    Parameters
    ----------
    rows : list of dict
        Result rows.

    Returns
    -------
    str
    """
    lines, weighed, shares, profiles = [], [], [], []
    for row in rows:
        shape = ROWS[row["unit"]]
        if isinstance(shape, Profile):
            profiles.append(row)
            continue
        if isinstance(shape, Weighing):
            name, aim = next(iter(shape.targets.items()))
            weighed.append([shape.title, f"{row['values'][name]:.3g}", f"{aim:.3g}"])
            continue
        for name in row["seconds"]:
            line = [shape.title, COMPETITORS[name][1], _median(row, name)]
            if name in row["targets"]:
                ratios = row["ratios"][name]
                line += [
                    f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
                    f"{row['targets'][name]:.2f}",
                ]
            else:
                line += ["", ""]
            lines.append([*line, f"{row['peak_mb'][name]:.0f}"])
        if row["gflops"]:
            dtype = "bf16" if row["task"]["net"] == "cnn" else "fp32"
            limit = row["limits_gflops"][dtype]
            share = f"{row['gflops'] / limit:.0%}"
            shares.append([shape.title, f"{row['gflops']:.0f}", f"{limit:.0f} ({dtype})", share])
    headings = ["what", "who", "median", "ours / theirs (range)", "aim", "peak MB"]
    parts = [pipe_table(lines, headings)]
    if weighed:
        parts.append(pipe_table(weighed, ["memory and accuracy", "measured", "aim"]))
    if shares:
        parts.append(pipe_table(shares, ["training", "GFLOP/s", "limit GFLOP/s", "share"]))
    if profiles:
        headings = ["where the time goes, %", *(ROWS[row["unit"]].title for row in profiles)]
        purposes = profiles[0]["values"]
        parts.append(
            pipe_table(
                [[p, *(f"{r['values'][p]:.1f}" for r in profiles)] for p in purposes], headings
            )
        )
    points = results.read(SCALING_FILE)
    if points:
        parts.append(_scaling_table(points))
    left_out = sorted({COMPETITORS[name][1] for row in rows for name in row.get("left_out", ())})
    if left_out:
        parts.append(f"Not installed, left out: {', '.join(left_out)}.")
    commands = " · ".join(f"`{row['command']}`" for row in rows)
    return "\n\n".join([*parts, "\n".join(_caption(rows)), f"Each row by itself: {commands}"])


def _scaling_table(points):
    """Write what an epoch takes at the smallest and largest size, and how it grows."""
    lines = []
    for varied, label in scaling.LABELS.items():
        # A point measured again counts as it was measured last.
        rows = {row[varied]: row for row in points if row["varied"] == varied}
        rows = [rows[size] for size in sorted(rows)]
        first, last = rows[0], rows[-1]
        line = [f"{label}, {first[varied]:,} to {last[varied]:,}"]
        for value, unit in (("seconds", "s"), ("increase_mb", "MB")):
            line.append(f"{first[value]:.3g} to {last[value]:.3g} {unit}")
            line.append(f"{scaling.exponent(rows, varied, value):.2f}")
        lines.append(line)
    headings = [
        "an epoch of MLPNetClassifier against",
        "time",
        "power",
        "memory of the fit",
        "power",
    ]
    return pipe_table(lines, headings)


def _median(row, name):
    shape = ROWS[row["unit"]]
    return f"{shape.unit * statistics.median(row['seconds'][name]):.3g} {shape.unit_name}"


def _caption(rows):
    def every(*keys):
        found = []
        for row in rows:
            for key in keys:
                row = row.get(key)
                if row is None:
                    break
            else:
                found.append(str(row))
        return " / ".join(dict.fromkeys(found))

    names = dict.fromkeys(name for row in rows for name in row["versions"])
    versions = ", ".join(f"{name} {every('versions', name)}" for name in names)
    rounds = sorted({len(v) for row in rows for v in row.get("seconds", {}).values()})
    return [
        f"Medians of {'-'.join(map(str, rounds))} rounds, ratios within a round; "
        f"{every('machine', 'cpu')} ({every('machine', 'instructions')}), "
        f"{every('machine', 'cores')} cores; threads: {every('threads')}.",
        f"{versions}; {results.commits(rows)}.",
    ]
