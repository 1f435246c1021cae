"""A competitor in a process of its own, that runs whenever it is told to."""

import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.errors import BenchmarkError


def add_parser(subparsers):
    """Add the command that a parent process calls; it is not listed in the help.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser("_speed", description="Be a competitor of a speed comparison.")
    parser.add_argument("competitor")
    parser.add_argument("task", type=json.loads)
    parser.set_defaults(command=main)
    parser = subparsers.add_parser("_measure", description="Measure one thing about this process.")
    parser.add_argument("function", help="of benchmarks.speed.measures")
    parser.add_argument("arguments", type=json.loads)
    parser.set_defaults(command=measure_here)


def measure_here(options):
    """Call a function of ``benchmarks.speed.measures`` and print what it returns as JSON.

    Parameters
    ----------
    options : argparse.Namespace
        With ``function`` and ``arguments``, a dict.

    Returns
    -------
    int
        0.
    """
    from benchmarks.speed import measures

    print(json.dumps(getattr(measures, options.function)(**options.arguments)))
    return 0


def in_a_fresh_process(function, variables, **arguments):
    """Return what a function of ``benchmarks.speed.measures`` says in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "_measure", function, json.dumps(arguments)],
        env=variables,
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        last = answer.stderr.strip().splitlines()[-1:] or ["no message"]
        raise BenchmarkError(f"{function} failed: {last[0]}")
    return json.loads(answer.stdout.splitlines()[-1])


def main(options):
    """Prepare, warm up, then run once for each line on standard input.

    Parameters
    ----------
    options : argparse.Namespace
        With ``competitor``, a key of ``COMPETITORS``, and ``task``, the fields of a ``Task``.

    Returns
    -------
    int
        0.
    """
    from benchmarks import memory
    from benchmarks.speed.competitors import COMPETITORS, Task

    # Whatever a library prints goes to standard error: standard output carries the answers only.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run = COMPETITORS[options.competitor][0](Task(**options.task))
    run()
    memory.forget_peak()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        own = run()
        seconds = own if isinstance(own, float) else time.perf_counter() - start
        print(
            json.dumps({"seconds": seconds, "peak_mb": memory.peak_mb()}), file=answers, flush=True
        )
    return 0


class Worker:
    """Such a process, seen from its parent.

    Parameters
    ----------
    competitor : str
        A key of ``COMPETITORS``.
    task : dict
        The fields of a ``Task``.
    variables : dict of str to str
        Environment of the process.
    """

    def __init__(self, competitor, task, variables):
        self.competitor = competitor
        # A file, not a pipe that nobody drains: some libraries write a lot.
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks", "_speed", competitor, json.dumps(task)],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def wait_until_ready(self):
        """Wait until it is prepared and warm."""
        self._answer()

    def run(self):
        """Let it run once; return seconds and the most memory it held so far, in MB."""
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        answer = self._answer()
        return answer["seconds"], answer["peak_mb"]

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["no message"]
            raise BenchmarkError(f"{self.competitor} ended: {last[0]}")
        return json.loads(line)

    def stop(self):
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()
