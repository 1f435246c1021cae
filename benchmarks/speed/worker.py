"""A competitor in a process of its own, that runs whenever it is told to."""

import importlib
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
    parser.add_argument("module", help="such as benchmarks.speed.measures")
    parser.add_argument("function", help="of that module")
    parser.add_argument("arguments", type=json.loads)
    parser.set_defaults(command=measure_here)


def measure_here(options):
    """Call a function and print what it returns as JSON.

    Parameters
    ----------
    options : argparse.Namespace
        With ``module``, ``function`` and ``arguments``, a dict.

    Returns
    -------
    int
        0.
    """
    function = getattr(importlib.import_module(options.module), options.function)
    print(json.dumps(function(**options.arguments)))
    return 0


def in_a_fresh_process(function, variables, module="benchmarks.speed.measures", **arguments):
    """Return what a function of a module says in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "_measure", module, function, json.dumps(arguments)],
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

    def prepare():
        run = COMPETITORS[options.competitor][0](Task(**options.task))
        run()
        memory.forget_peak()

        def answer(_):
            start = time.perf_counter()
            own = run()
            seconds = own if isinstance(own, float) else time.perf_counter() - start
            return {"seconds": seconds, "peak_mb": memory.peak_mb()}

        return answer

    return serve(prepare)


def serve(prepare):
    """Answer each line on standard input with a line of JSON on standard output.

    Parameters
    ----------
    prepare : callable
        ``prepare() -> answer``, and ``answer(line) -> dict``. Whatever they print goes to standard
        error.

    Returns
    -------
    int
        0.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answer = prepare()
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip())), file=answers, flush=True)
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
    command : str
        What it is started with, followed by competitor and task.
    """

    def __init__(self, competitor, task, variables, command="_speed"):
        self.competitor = competitor
        # A file, not a pipe that nobody drains: some libraries write a lot.
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks", command, competitor, json.dumps(task)],
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
        answer = self.ask("run")
        return answer["seconds"], answer["peak_mb"]

    def ask(self, line):
        """Send it a line, and return what it answers, a dict."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["no message"]
            raise BenchmarkError(f"{self.competitor} ended: {last[0]}")
        return json.loads(line)

    def stop(self, patience=0.0):
        """End the process.

        Parameters
        ----------
        patience : float
            Seconds in which it may end by itself, and end what it has started.
        """
        try:
            # Its input ends, and with that the loop that waits for lines.
            self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._errors.close()
