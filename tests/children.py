"""Processes for tests, forked from one that has imported the package: they start at once.

Importing the package takes seconds a process. Where a start from nothing is what is tested (another
hash seed, a wheel, warnings at import), a test starts Python itself.
"""

import multiprocessing
import os
import runpy
import sys
from multiprocessing import forkserver
from pathlib import Path

TESTS = Path(__file__).parent
# Of what tests run in children; libraries that are not installed are left out by Python.
_IMPORTED = [
    "skfashion",
    "skfashion.datasets",
    "skfashion.studies",
    "skfashion.model_selection",
    "sklearn.datasets",
    "torch._dynamo",  # a first step of an optimizer imports it, for two seconds
    "distributed",
    "imblearn.over_sampling",
    "pytest",
]


# Windows has no other.
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def context():
    """Return multiprocessing's context whose children find the package imported."""
    made = multiprocessing.get_context(METHOD)
    if METHOD == "spawn":
        return made
    made.set_forkserver_preload(_IMPORTED)
    before = os.environ.get("PYTHONPATH")
    paths = [str(TESTS), str(TESTS.parent), *([before] if before else [])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return made


def start(program, *words, out=os.devnull, err=None, session=False):
    """Start a program with words as its arguments; return its process.

    The program is Python code, or the name of a module that is run as ``python -m`` does. What it
    writes is added to the files ``out`` and ``err``, or all to ``out``, which may be a terminal.
    """
    arguments = (program, list(map(str, words)), str(out), str(err or out), session)
    process = context().Process(target=_run, args=arguments)
    process.start()
    return process


def run(program, *words, timeout=300, **where):
    """Run a program to its end, which has to be a good one."""
    process = start(program, *words, **where)
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"not at its end after {timeout} seconds")
    assert process.exitcode == 0, Path(where.get("err") or where.get("out")).read_text()


def _run(program, words, out, err, session):
    """Be the program, in a child."""
    if session:
        os.setsid()
    for number, path in ((1, out), (2, err)):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY, 0o666)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
    sys.argv = [program if program.isidentifier() else "-c", *words]
    try:
        if program.isidentifier():
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
    finally:
        # The end of a child waits for all that it has started, joblib's idle workers included.
        for process in multiprocessing.active_children():
            process.terminate()
