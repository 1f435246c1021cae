"""Functions called in processes of their own, which never outlive the command that began them.

The one protocol: a child is given "module:function" and its arguments as JSON. What the function
returns goes back as a line of JSON; if that is a function in turn, the child is ready, and calls it
once for every line that it is sent. Whatever a child prints goes to standard error.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

from benchmarks.errors import BenchmarkError

# A second signal may end all while the first one's call holds the lock.
_lock = threading.RLock()
_alive = set()
_stopped = threading.Event()


class ChildError(BenchmarkError):
    """A child that failed; ``details`` is the end of what it wrote to standard error."""

    def __init__(self, message, details=""):
        super().__init__(message)
        self.details = details


class Child:
    """A function, such as "benchmarks.one_fit:measure", in a process of its own.

    ``variables`` are those of ``environment.child_environment``; arguments have JSON's types.
    """

    def __init__(self, function, variables, **arguments):
        # A file, not a pipe that nobody drains: some libraries write a lot.
        self._errors = tempfile.TemporaryFile("w+")
        words = [sys.executable, "-m", "benchmarks.processes", function, json.dumps(arguments)]
        # In the main thread a signal could strike between the start and our noting it, and leave
        # the child behind.
        with ThreadPoolExecutor(1) as thread:
            self._process = thread.submit(_start, words, variables, self._errors).result()

    def answer(self):
        """Wait for the next answer, the first of which is that of the function itself."""
        answer = json.loads(self._process.stdout.readline() or "{}")
        if "value" in answer:
            return answer["value"]
        reason = answer.get("error")
        if reason is None:
            code = self._process.wait()
            reason = f"ended with status {code} and no result"
            if code < 0:
                reason = f"ended by signal {-code} (9 often means that memory ran out)"
        self._errors.seek(0)
        raise ChildError(reason, "\n".join(self._errors.read().strip().splitlines()[-12:]))

    def ask(self):
        """Call the function that the child has returned, and wait for its answer."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.answer()

    def stop(self, patience=0.0):
        """End the process, which may end by itself, with all it has started, for some seconds."""
        try:
            # Its input ends, and with that the loop that waits for lines.
            self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            _kill(self._process)
            self._process.communicate()
        with _lock:
            _alive.discard(self._process)
        self._errors.close()


def _start(words, variables, errors):
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
    with _lock:
        if _stopped.is_set():
            raise ChildError("stopped before it began")
        # A session of its own: Ctrl-C reaches the parent alone, which then ends the child and
        # whatever that has started.
        options = {"env": variables, "text": True, "start_new_session": True}
        process = subprocess.Popen(words, **streams, **options)
        _alive.add(process)
        return process


def call(function, variables, **arguments):
    """Return what a function returns in a fresh process, see `Child`."""
    child = Child(function, variables, **arguments)
    try:
        return child.answer()
    finally:
        child.stop()


@contextlib.contextmanager
def ended_by_signals():
    """End all children on Ctrl-C and on a polite request to terminate, and start no more."""

    def end(number, frame):
        _stopped.set()
        with _lock:
            for process in _alive:
                _kill(process)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stopped.clear()


def _kill(process):
    """End a child and its group if it is still there, without waiting for it."""
    with contextlib.suppress(ProcessLookupError):
        if process.poll() is None and hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()  # which does nothing to one that has ended


def main(function, arguments):
    """Be the child: call the function, and answer on standard output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**answer):
        print(json.dumps(answer), file=answers, flush=True)

    module, _, name = function.partition(":")
    try:
        value = getattr(importlib.import_module(module), name)(**arguments)
        say(value=None if callable(value) else value)
        if callable(value):
            for _ in sys.stdin:
                say(value=value())
    except Exception as error:
        traceback.print_exc()
        say(error=f"{type(error).__name__}: {error}".strip().splitlines()[0])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2])))
