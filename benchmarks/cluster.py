"""What runs on a Dask cluster cost, measured with one and two workers beside a model."""

import statistics
import sys

from benchmarks import cluster_model, cluster_runs, data, environment, results
from benchmarks.errors import BenchmarkError
from benchmarks.markdown import pipe_table
from benchmarks.series import caption

START, END = "<!-- cluster-table:start -->", "<!-- cluster-table:end -->"
PAGE = environment.ROOT / "docs" / "scaling.md"
PICTURES = ()
FILE = results.PUBLISHED / "cluster.jsonl"

DESCRIPTION = """\
Start a Dask cluster of one worker process on this machine, then one of two, over TCP. On each send
the training images, do runs that compute nothing, train MLPNetClassifier with many seeds, and
search with EpochHalvingSearchCV; note the seconds, and the bytes that went over the loopback
interface, which nobody else should use meanwhile. Scores play no part.
"""

FULL = {"data": "full", "rows": None, "fits": 16, "epochs": 1, "empty": 1000, "resources": 3}
QUICK = {"data": "sample", "rows": 2000, "fits": 4, "epochs": 1, "empty": 20, "resources": 3}
WORKERS = (1, 2)
# For the second table: a study of so many fits, of as many seconds as was measured, or of so many.
STUDY, LONG_FIT = 10_000, 30.0
STUDY_WORKERS = (1, 8, 32, 128, 512, 2048)


def add_parser(subparsers):
    """Add the command ``cluster``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "cluster",
        help="seconds and bytes of runs on a Dask cluster, beside a model",
        description=DESCRIPTION,
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="few runs on few images, to see that all works")
    add("--rounds", type=int, default=3, help="repetitions; default 3")
    add("--publish", action="store_true", help="write the committed result file and table")
    parser.set_defaults(command=main)


def main(options):
    """Measure, then show the tables.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    if options.publish and options.quick:
        raise BenchmarkError("--publish goes without --quick.", exit_code=2)
    settings = QUICK if options.quick else FULL
    name = "quick" if options.quick else "full"
    path = FILE if options.publish else results.LOCAL / f"cluster-{name}.jsonl"
    results.refuse_dirty(path)
    command = f"python -m benchmarks cluster{' --quick' * options.quick} --rounds {options.rounds}"
    split = data.load_split(settings["data"], settings["rows"])
    for n_workers in WORKERS:
        for i, found in enumerate(cluster_runs.measure(n_workers, options.rounds, settings, split)):
            print(f"{n_workers} workers, round {i + 1}: {found['fits']}", file=sys.stderr)
            row = results.head("cluster", n_workers, i, settings, data=settings["data"])
            results.append(path, row | found | environment.circumstances(command))
    print(markdown(results.current(results.read(path))))
    if options.publish:
        from benchmarks.tables import write_studies

        write_studies()
    return 0


def table():
    """Write the tables of the published results."""
    return markdown(results.current(results.read(FILE)))


def markdown(rows):
    """Write the tables: measured beside the model, and the model for a large study.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    str
    """
    costs, state = costs_of(rows)
    lines = []
    for n_workers in sorted({row["unit"] for row in rows}):
        fits, halving = (_median(rows, n_workers, kind) for kind in ("fits", "halving"))
        n = fits["runs"]
        lines.append(
            [
                f"{n} fits",
                n_workers,
                f"{fits['seconds']:.1f}",
                f"{cluster_model.seconds(costs, n, n_workers):.1f}",
                f"{fits['bytes'] / 1e6:.0f}",
                f"{cluster_model.moved(costs, n, n_workers) / 1e6:.0f}",
            ]
        )
        expected = cluster_model.moved_by_halving(costs, state, halving["trainings"], n_workers)
        named = f"EpochHalvingSearchCV, {' + '.join(map(str, halving['trainings']))} trainings"
        seconds = f"{halving['seconds']:.1f}"
        bytes_moved = f"{halving['bytes'] / 1e6:.0f}"
        lines.append([named, n_workers, seconds, "", bytes_moved, f"{expected / 1e6:.0f}"])
    lines.sort(key=lambda line: (line[0].startswith("Epoch"), line[1]))
    headings = ["runs", "workers", "seconds", "model", "MB moved", "model"]
    measured = pipe_table(lines, headings)
    return "\n\n".join([measured, _constants(costs, state, rows), _study(costs)])


def costs_of(rows):
    """Read the numbers of the model from runs that compute nothing, and from one worker's fits.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    costs : benchmarks.cluster_model.Costs
    state : int
        Bytes of a training's state.
    """
    fewest, most = (pick(row["unit"] for row in rows) for pick in (min, max))
    send, empty = _median(rows, fewest, "send"), _median(rows, fewest, "empty")
    costs = cluster_model.Costs(
        fit=_median(rows, fewest, "fits")["fit_seconds"],
        overhead=_median(rows, most, "empty")["seconds"] / empty["runs"],
        bandwidth=send["bytes"] / send["seconds"],
        data=send["data_bytes"],
        run=empty["bytes"] / empty["runs"],
    )
    return costs, _median(rows, fewest, "halving")["state_bytes"]


def _median(rows, n_workers, kind):
    """Return what was the same in all rounds, and medians of what was not."""
    found = [row[kind] for row in rows if row["unit"] == n_workers]
    values = {key: [row[key] for row in found] for key in found[0]}
    return {
        key: its[0] if all(value == its[0] for value in its) else statistics.median(its)
        for key, its in values.items()
    }


def _constants(costs, state, rows):
    rounds = len({row["seed"] for row in rows})
    return (
        f"Medians of {rounds} round{'s' * (rounds > 1)}. The model's numbers: a fit of "
        f"{costs.fit:.2f} s on one worker, {1000 * costs.overhead:.1f} ms and "
        f"{costs.run / 1000:.1f} kB for a run that computes nothing, {costs.data / 1e6:.1f} MB of "
        f"data at {costs.bandwidth / 1e6:.0f} MB a second, {state / 1e6:.2f} MB for the state of a "
        f"training.\n{caption(rows)}\nCommand: `{rows[-1]['command']}`."
    )


def _study(costs):
    """Write what the model says about a large study."""
    lines = []
    for n_workers in STUDY_WORKERS:
        line = [f"{n_workers:,}"]
        for fit in (costs.fit, LONG_FIT):
            its = costs._replace(fit=fit)
            alone = cluster_model.seconds(its, STUDY, 1)
            taken = cluster_model.seconds(its, STUDY, n_workers)
            line += [f"{taken / 60:.1f}", f"{alone / taken:.0f}"]
        lines.append([*line, f"{cluster_model.moved(costs, STUDY, n_workers) / 1e9:.2f}"])
    short = f"{costs.fit:.2g} s"
    headings = ["workers", f"minutes, {short} a fit", "speed-up"]
    headings += [f"minutes, {LONG_FIT:.0f} s a fit", "speed-up", "GB moved"]
    table = pipe_table(lines, headings)
    return f"What the model says about {STUDY:,} fits; nothing here was measured:\n\n{table}"
