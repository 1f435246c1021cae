"""Runs a study: seeds by units, what is there already left out, each row written at once."""

import argparse
import re
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks import backend, environment, pictures, results
from benchmarks.errors import BenchmarkError
from benchmarks.processes import ChildError, ended_by_signals
from benchmarks.study import DOCS, Asked


def add_parser(subparsers, study):
    """Add the command of a study, and return its parser."""
    parser = subparsers.add_parser(
        study.name,
        help=f"{study.help} ({study.cost})",
        description=study.about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # what is a path is told by the name of its option
    )
    add = parser.add_argument
    for name, words in study.options.items():
        add(name, **words)
    if "quick" in study.sizes:
        add("--quick", action="store_true", help="the bundled images, to see that all works")
    if "sample" in study.sizes:
        add("--data", choices=("sample", "full"), default="sample", help="bundled images or all")
        about = "the bundled images, as by default"
        add("--quick", action="store_const", const="sample", dest="data", help=about)
    if study.seeds is not None:
        differs = len(study.sizes) > 1 and study.quick_seeds != study.seeds
        smaller = f", {study.quick_seeds} of the bundled images" if differs else ""
        about = f"how many (5) or which (0,3,7); default {study.seeds}{smaller}"
        add("--seeds", type=_seeds_of, help=about)
    if study.side_by_side or study.distributed:
        default = 1 if study.side_by_side else -1
        add("--jobs", type=int, default=default, help=f"runs at a time; default {default}")
    if study.distributed:
        backend.add_options(parser)
    if not study.resume:
        add("--resume", action="store_true", help="skip runs that the result file has already")
    if len(study.sizes) > 1:
        add("--output", type=Path, help="folder of results; default benchmarks/results/local")
        add("--publish", action="store_true", help="write the committed results, table, pictures")
    parser.set_defaults(study=study, refuse=parser.error)
    return parser


def _seeds_of(text):
    """Read "5", how many, or "0,3,7", which, as a list of seeds."""
    if not re.fullmatch(r"[1-9]\d*|\d+,[\d, ]*", text):
        raise argparse.ArgumentTypeError(f"expected seeds such as 5 or 0,3,7, got {text!r}")
    seeds = [int(number) for number in re.findall(r"\d+", text)]
    return list(dict.fromkeys(seeds)) if "," in text else list(range(seeds[0]))


def _asked_for(study, options):
    """Return what options ask for."""
    given = vars(options)
    # A study that is run by an option of another one may have no smaller size.
    quick = len(study.sizes) > 1 and (given.get("quick") or given.get("data") == "sample")
    size = next(name for name in study.sizes if (name == "full") != quick)
    n_seeds = study.quick_seeds if quick else study.seeds
    seeds = [None] if study.seeds is None else options.seeds or list(range(n_seeds))
    jobs, output = given.get("jobs", 1), given.get("output")
    if study.publishes(options):
        refused = {
            "--quick": given.get("quick"),
            "--data sample": quick,
            "--output": output,
            **{f"--{name}": given.get(name) is not None for name in study.unpublished},
            "--jobs above 1, which spoils its seconds": study.side_by_side and jobs != 1,
        }
        for name in filter(refused.get, refused):
            raise BenchmarkError(f"--publish goes without {name}.", exit_code=2)
        return Asked(study, size, seeds, study.file, jobs, options)
    folder = output or results.LOCAL
    if folder.resolve() == results.PUBLISHED.resolve():
        raise BenchmarkError(
            "That folder holds the committed results. Choose another, or use --publish.",
            exit_code=2,
        )
    return Asked(study, size, seeds, folder / f"{study.name}-{size}.jsonl", jobs, options)


def run(study, options):
    """Measure what is missing, and show the table and the pictures."""
    asked, publishes = _asked_for(study, options), study.publishes(options)
    tasks = {}
    for unit, seed in study.plan(asked):
        head = results.head(study, seed, **{"unit": unit} | study.describe(unit, seed, asked))
        tasks[results.identity(head)] = unit, head
    resumes = study.resume or options.resume
    done = set(map(results.identity, results.read(asked.path))) if resumes else set()
    left = [task for known_by, task in tasks.items() if known_by not in done]
    if n_done := len(tasks) - len(left):
        print(f"{n_done} of {len(tasks)} runs are already there, skipped", file=sys.stderr)
    if left and publishes and "-dirty" in (environment.commit() or "-dirty"):
        raise BenchmarkError(
            "Got sources that differ from their commit, expected results to publish to come from "
            "a commit. Commit the changes of skfashion and benchmarks first.",
            exit_code=2,
        )
    with ended_by_signals(), backend.chosen(options) as where:
        failures = _measure(left, asked, where)
    rows = results.read(asked.path)
    if not publishes:
        # The file may hold runs of other sizes, which are not to be compared with these.
        shown = {results.identity(head | {"unit": None}) for _, head in tasks.values()}
        rows = [row for row in rows if results.identity(row | {"unit": None}) in shown]
    rows = results.current(rows, study.by)
    if rows:
        print(study.table(rows))
        folder = DOCS / "images" if publishes else asked.path.with_suffix("")
        for name, draw in study.pictures.items():
            pictures.save(draw(rows), folder / name, rows)
    for name, error in failures:
        print(f"failed: {name}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _measure(tasks, asked, where):
    """Measure and write each (unit, head); return name and error of those that failed."""
    command, failures = _command_of(asked.options), []
    n_jobs = max(1, asked.jobs) if asked.study.side_by_side else 1
    progress = Progress([results.name_of(head) for _, head in tasks], n_jobs)

    def measured(unit, head):
        start = time.perf_counter()
        found = asked.study.measure(unit, head["seed"], asked)
        found = [found] if isinstance(found, dict) else list(found)
        return found, time.perf_counter() - start

    with ThreadPoolExecutor(n_jobs) as threads, warnings.catch_warnings():
        if asked.study.side_by_side:
            futures = {threads.submit(measured, *task): task for task in tasks}
            outcomes = ((futures[future], future.result) for future in as_completed(futures))
        else:
            warnings.simplefilter("ignore")  # such as of solvers that stop early
            # Right here, where signals arrive and libraries expect to be.
            outcomes = ((task, partial(measured, *task)) for task in tasks)
        for (_, head), result in outcomes:
            name = results.name_of(head)
            try:
                found, seconds = result()
            except ChildError as error:
                failures.append((name, error))
                progress.finished(name, 0.0, f"FAILED, {error}\n{error.details}")
                continue
            about = where | environment.circumstances(command)
            # All at once: a unit that is there at all is there as a whole.
            results.append(asked.path, [head | row | about for row in found])
            accuracy = found[0].get("metrics", found[0]).get("accuracy")
            said = f"accuracy {accuracy:.4f}, " if isinstance(accuracy, float) else ""
            progress.finished(name, seconds, said)
    return failures


def _command_of(options):
    """Write the command that measures the same again: as it was typed, without paths."""
    # A word a line; "--output=folder" is two words, too.
    typed = "".join(re.sub(r"^(--[\w-]+)=", r"\1\n", word) + "\n" for word in options.words)
    typed = re.sub(r"(?m)^--(output\n.*|publish|resume)\n", "", typed)
    typed = re.sub(r"(?m)^(--scheduler\n).*", r"\1ADDRESS", typed)
    typed = re.sub(r"(?m)^(--before\n)(.*)", lambda its: its[1] + environment.commit(its[2]), typed)
    words = [f"'{word}'" if set(word) & set(" ;") else word for word in typed.splitlines()]
    return " ".join(["python -m benchmarks", *words])


class Progress:
    """Counts runs, and guesses the remaining time by how long each unit took so far."""

    def __init__(self, names, n_jobs=1):
        self._waiting, self._total, self._n_jobs = list(names), len(names), n_jobs
        self._seconds = {}

    def finished(self, name, seconds, text=""):
        """Count one run as done, and print a line about it."""
        self._waiting.remove(name)
        if seconds:
            self._seconds[_unit(name)] = seconds
            text += f"took {_clock(seconds)}"
        done, left = self._total - len(self._waiting), _clock(self.seconds_left())
        line = f"[{done}/{self._total}] {name}: {text}  (time left {left})"
        print(line, file=sys.stderr, flush=True)

    def seconds_left(self):
        """Return the seconds that all other runs will take, None while nothing is known."""
        if not self._seconds:
            return None
        mean = sum(self._seconds.values()) / len(self._seconds)
        seconds = (self._seconds.get(_unit(name), mean) for name in self._waiting)
        return sum(seconds) / self._n_jobs


def _clock(seconds):
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))


def _unit(name):
    return name.rpartition(" seed ")[0] or name
