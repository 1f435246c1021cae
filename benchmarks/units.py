"""Benchmarks made of units, each measured once a seed: what their commands have in common.

Such a benchmark is a module with ``NAME`` (of the command), ``FILE`` (published results), ``PAGE``,
``START``, ``END`` and ``PICTURES`` (one or none), ``FULL`` and ``QUICK`` (settings, JSON's types),
``UNITS`` (names), perhaps ``PACKAGES`` (whose versions are noted, too), and the functions
``classifiers(unit, settings) -> dict`` (what a unit is made of, by name), ``measure(unit, seed,
settings, images) -> list of dict``, ``markdown(rows) -> str`` and, if it has a picture,
``draw(rows, path)``.
"""

import sys
import time
import warnings

from benchmarks import data, environment, models, results
from benchmarks.errors import BenchmarkError

N_SEEDS = 3


def add_arguments(parser):
    """Add the options that all of them have.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    add = parser.add_argument
    add("--quick", action="store_true", help="few of the bundled images, to see that all works")
    add("--seeds", type=int, help=f"number of seeds; default {N_SEEDS}, with --quick 1")
    add("--publish", action="store_true", help="write the committed result file and the page")


def run(benchmark, options):
    """Measure what is missing, then show the tables.

    Parameters
    ----------
    benchmark : module
        See above.
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    if options.publish and options.quick:
        raise BenchmarkError("--publish goes without --quick.", exit_code=2)
    name = "quick" if options.quick else "full"
    n_seeds = options.seeds or (1 if options.quick else N_SEEDS)
    path = benchmark.FILE if options.publish else results.LOCAL / f"{benchmark.NAME}-{name}.jsonl"
    results.refuse_dirty(path)
    command = f"python -m benchmarks {benchmark.NAME}{' --quick' * options.quick} --seeds {n_seeds}"
    settings = benchmark.QUICK if options.quick else benchmark.FULL
    packages = getattr(benchmark, "PACKAGES", ())
    images = None
    for seed in range(n_seeds):
        done = results.measured(path)
        for unit in benchmark.UNITS:
            its = settings | {
                "classifiers": models.described(benchmark.classifiers(unit, settings))
            }
            row = results.head(benchmark.NAME, unit, seed, its, data=name, libraries=packages)
            if results.identity(row) in done:
                continue
            images = images or data.load_split("sample" if options.quick else "full")
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as of solvers that stop early
                found = benchmark.measure(unit, seed, settings, images)
            seconds = time.perf_counter() - start
            print(f"seed {seed}, {unit}: {seconds:.0f} s", file=sys.stderr)
            circumstances = environment.circumstances(command, *packages)
            # All at once: a unit that is there at all is there as a whole.
            results.append_all(path, [row | one | circumstances for one in found])
    rows = results.current(results.read(path))
    print(benchmark.markdown(rows))
    for picture in benchmark.PICTURES:
        benchmark.draw(rows, picture if options.publish else path.with_suffix(".png"))
    if options.publish:
        from benchmarks.tables import write_studies

        write_studies()
    return 0


def held_out(images, seed, *, train_rows, valid_rows):
    """Draw rows to train on and rows to measure on, all of them training images.

    Parameters
    ----------
    images : benchmarks.data.Split
    seed : int
        Draws the rows, the classes in equal shares.
    train_rows, valid_rows : int

    Returns
    -------
    X, X_valid, y, y_valid : ndarrays
    """
    from sklearn.model_selection import train_test_split

    X, y = images.X_train, images.y_train
    return train_test_split(
        X, y, train_size=train_rows, test_size=valid_rows, stratify=y, random_state=seed
    )
