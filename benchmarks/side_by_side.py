"""Competitors side by side: each in a process of its own, all in turn, round after round.

Each is warmed up before anything is timed, and ratios are taken within a round, so that an hour in
which the machine is slow is slow for all.
"""

import statistics
import sys
import time
from contextlib import ExitStack

from benchmarks.errors import names_option
from benchmarks.formatting import spread, values
from benchmarks.processes import Child


def options(rows):
    """Return the options of a study that compares in some named rows."""
    rounds = {"type": int, "help": "default 7, with --quick 1"}
    return {"--rows": names_option(rows), "--rounds": rounds}


def rounds_of(asked):
    """Return how often each competitor runs, after warming up."""
    return asked.options.rounds or (7 if asked.size == "full" else 1)


def in_turn(competitors, rounds, rest, patience=0.0):
    """Return what competitors answer, ``{name: [a dict with its "seconds" a round]}``.

    ``competitors`` are the function, variables and arguments of a `Child` each, by name. Before
    each run there are some seconds of ``rest``: libraries' threads go on waiting actively for a
    moment after they have finished. ``patience`` is for processes that end workers of their own.
    """
    children, found = {}, {name: [] for name in competitors}
    with ExitStack() as stack:
        for name, (function, variables, arguments) in competitors.items():
            children[name] = Child(function, variables, **arguments)
            stack.callback(children[name].stop, patience)
            children[name].answer()  # one after the other: warming up is work, too
        for _ in range(rounds):
            for name, child in children.items():
                time.sleep(rest)
                found[name].append(child.ask())
                seconds = found[name][-1]["seconds"]
                print(f"  {name}: {seconds:.3g} s", file=sys.stderr, flush=True)
    return found


def compared(found, ours, targets):
    """Return seconds, ratios of our seconds to those of others, and the ratios aimed at."""
    seconds = {name: values(answers, "seconds") for name, answers in found.items()}
    ratios = {
        name: [round(a / b, 4) for a, b in zip(seconds[ours], its, strict=True)]
        for name, its in seconds.items()
        if name != ours
    }
    seconds = {name: [round(s, 6) for s in its] for name, its in seconds.items()}
    return {"seconds": seconds, "ratios": ratios, "targets": targets}


def lines(row, competitors, unit="", factor=1):
    """Yield each competitor's name, and its cells: who, median, ratio of ours to its, and aim."""
    for name, seconds in row["seconds"].items():
        label = competitors[name].label if name in competitors else name
        median, aim = f"{factor * statistics.median(seconds):.3g}{unit}", ["", ""]
        if name in row["targets"]:
            target = row["targets"][name]
            ratios = row["ratios"][name]
            missed = ", missed" if target and round(statistics.median(ratios), 2) > target else ""
            aim = [spread(ratios), "" if target is None else f"{target:.2f}{missed}"]
        yield name, [label, median, *aim]
