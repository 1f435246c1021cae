"""The main job: every model on the same rows, each run in a fresh process of its own."""

import argparse
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from benchmarks import data, environment, models, results
from benchmarks.errors import BenchmarkError
from benchmarks.processes import Children
from benchmarks.progress import TimeLeft, clock, display, name_of

DESCRIPTION = """\
Compare skfashion's classifiers with scikit-learn's on the same images: accuracy, calibration,
seconds, memory and size. Every run is a process of its own and adds one JSON line to a result
file as soon as it ends; Ctrl-C loses only the runs in progress. Runs made before are made
again, unless --resume finds them with the same parameters, data, versions, machine and threads.
"""


def add_parser(subparsers):
    """Add the command ``accuracy``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "accuracy",
        help="compare classifiers on Fashion-MNIST",
        description=DESCRIPTION,
        epilog="Models: " + ", ".join(models.MODELS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", choices=data.NAMES, default="sample", help="bundled images (default) or all")
    add("--seeds", type=_seeds, default=[0], help="how many (5) or which (0,3,7); default 1")
    add(
        "--models", type=_models, default=list(models.MODELS), help="names with commas; default all"
    )
    add("--jobs", type=_positive, default=1, help="runs at the same time (spoils the seconds)")
    add("--threads", type=_positive, help="threads of each run; default all cores / jobs")
    add("--rows", type=_rows, help="at most so many training and test rows, for trying things")
    add("--output", type=Path, help="folder for results; default benchmarks/results/local")
    add("--resume", action="store_true", help="skip runs that the result file has already")
    add("--publish", action="store_true", help="write the committed result file")
    parser.set_defaults(command=main)


def _seeds(text):
    if "," not in text:
        return list(range(_positive(text)))
    seeds = [int(part) for part in text.split(",") if part.strip()]
    if not seeds or min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"expected seeds such as 0,3,7, got {text!r}")
    return list(dict.fromkeys(seeds))


def _models(text):
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in models.MODELS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"unknown model {', '.join(unknown) or text!r}; choose from {', '.join(models.MODELS)}"
        )
    return names


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _rows(text):
    if _positive(text) < data.N_CLASSES:
        raise argparse.ArgumentTypeError(f"expected at least {data.N_CLASSES}, got {text!r}")
    return int(text)


def main(options):
    """Measure, then show a table and draw pictures.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0, or 1 if a model failed.
    """
    directory = _directory(options)
    path = results.path_for(directory, options.data)
    results.refuse_dirty(path)
    tasks = _tasks(options)
    wanted = identities_of(tasks)
    if options.resume:
        tasks = not_yet_there(tasks, wanted, results.read(path))
    try:
        failures = measure_all(tasks, options.jobs, path) if tasks else []
    except KeyboardInterrupt:
        print(
            f"Runs that had finished are in {path}; the same command with --resume goes on.",
            file=sys.stderr,
        )
        raise
    if options.publish and not failures:
        results.keep_current(path)
    _report(path, options.data, set(wanted))
    for task, error in failures:
        print(f"failed: {name_of(task)}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _directory(options):
    """Choose the output folder; committed files are written on purpose or not at all."""
    if options.publish:
        for name, spoiled in (
            ("--output", options.output is not None),
            ("--rows", options.rows is not None),
            ("--jobs above 1 (its seconds are of a shared processor)", options.jobs > 1),
        ):
            if spoiled:
                raise BenchmarkError(f"--publish cannot be combined with {name}.", exit_code=2)
        return results.PUBLISHED
    directory = options.output or results.LOCAL
    if directory.resolve() == results.PUBLISHED.resolve():
        raise BenchmarkError(
            "That folder holds the committed results. Choose another, or use --publish.",
            exit_code=2,
        )
    return directory


def _tasks(options):
    """List the runs, seed by seed.

    Whatever ends the job early then leaves whole comparisons, and a machine that slows down for
    an hour does so for every model.
    """
    import joblib

    common = {
        "data": options.data,
        "rows": options.rows,
        "threads": options.threads or max(1, joblib.cpu_count() // options.jobs),
        "timing_shared": options.jobs > 1,
        "command": _command(options),
    }
    return [
        {"model": model, "seed": seed, **common}
        for seed in options.seeds
        for model in options.models
    ]


def _command(options):
    """Write the command that measures the same again, without any path."""
    words = ["python -m benchmarks accuracy", "--data", options.data]
    words += ["--seeds", ",".join(map(str, options.seeds)) + ("," * (len(options.seeds) == 1))]
    if options.models != list(models.MODELS):
        words += ["--models", ",".join(options.models)]
    for name in ("jobs", "threads", "rows"):
        value = getattr(options, name)
        if value not in (None, 1) or (name == "threads" and value):
            words += [f"--{name}", str(value)]
    return " ".join(words)


def identities_of(tasks):
    """Return what each task's row will be recognised by."""
    from benchmarks.run import describe

    splits, found = {}, []
    for task in tasks:
        key = (task["data"], task["rows"])
        if key not in splits:
            splits[key] = data.load_split(*key)
        found.append(results.identity(describe(task, splits[key])))
    return found


def not_yet_there(tasks, identities, rows):
    """Leave out the tasks whose measurement would only repeat a row of the file."""
    done = {results.identity(row) for row in rows}
    left = []
    for task, identity in zip(tasks, identities, strict=True):
        if identity in done:
            print(f"{name_of(task)}: already there, skipped", file=sys.stderr)
        else:
            left.append(task)
    return left


def measure_all(tasks, jobs, path):
    """Run every task, append each row when it is there, go on when one fails.

    Parameters
    ----------
    tasks : list of dict
        See ``benchmarks.run.measure``.
    jobs : int
        Processes at the same time.
    path : pathlib.Path
        Result file.

    Returns
    -------
    list of tuple
        ``(task, error)`` of each task that failed.
    """
    from joblib import Parallel, delayed

    children, time_left, failures = Children(), TimeLeft(jobs), []
    variables = environment.child_environment(tasks[0]["threads"])
    with _ended_by_signals(children), display(tasks, time_left) as shown:

        def one(task):
            shown.started(task)
            start = time.perf_counter()
            outcome = children.measure(task, variables)
            return task, outcome, time.perf_counter() - start

        # Threads only wait here: each measurement is a fresh Python process.
        parallel = Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")
        for task, outcome, seconds in parallel(delayed(one)(task) for task in tasks):
            time_left.learn(task["model"], seconds)
            if "row" in outcome:
                results.append(path, outcome["row"])
                shown.finished(task, _summary(outcome["row"], seconds))
            else:
                failures.append((task, outcome["error"]))
                shown.finished(task, f"FAILED, {outcome['error']}\n{outcome['details']}")
    return failures


def _summary(row, seconds):
    return f"accuracy {row['metrics']['accuracy']:.4f}, took {clock(seconds)}"


@contextmanager
def _ended_by_signals(children):
    """End the children on Ctrl-C and on a polite request to terminate."""

    def end(number, frame):
        children.stop()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _report(path, data_name, wanted):
    """Show the table of the runs asked for, and draw their pictures.

    The file may hold runs of other sizes, threads or sources, which are not to be compared.
    """
    from benchmarks import tables

    rows = [row for row in results.read(path) if results.identity(row) in wanted]
    rows = results.current(rows)
    if not rows:
        return
    tables.show(rows)
    folder = path.parent / f"pictures-{data_name}"
    try:
        from benchmarks import pictures
    except ImportError as error:
        print(f"No pictures: {error}. Install them with: pip install matplotlib", file=sys.stderr)
        return
    pictures.draw_all(rows, folder)
    print(f"Results: {path}\nPictures: {folder}", file=sys.stderr)


def verify(rows):
    """Yield a net with its defaults on all images, the fastest of them."""
    from benchmarks import series

    yield from series.verify(rows, "mlp_net")
