"""Child processes that never outlive the command that started them."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor


class Children:
    """Start children from any thread, end them all from the main one."""

    def __init__(self):
        # A second signal may call stop() while the first one's call holds the lock.
        self._lock = threading.RLock()
        self._alive = set()
        self._stopped = False

    def measure(self, task, variables):
        """Run one task in a fresh Python process and wait for it.

        Parameters
        ----------
        task : dict
            See ``benchmarks.run.measure``.
        variables : dict of str to str
            Environment of the child.

        Returns
        -------
        dict
            ``{"row": …}``, or ``{"error": str, "details": str}`` with the end of what the child
            wrote to standard error.
        """
        # Even a single job starts its child in another thread. In the main one, a signal could
        # strike between the start of the child and our noting it, and leave it behind.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._measure, task, variables).result()

    def _measure(self, task, variables):
        command = [sys.executable, "-m", "benchmarks", "_run", json.dumps(task)]
        with self._lock:
            if self._stopped:
                return {"error": "stopped before it began", "details": ""}
            # A session of its own: Ctrl-C reaches the parent alone, which then ends the child
            # and whatever that has started.
            process = subprocess.Popen(
                command,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._alive.add(process)
        try:
            output, errors = process.communicate()
        finally:
            _kill(process)
            process.wait()
            with self._lock:
                self._alive.discard(process)
        return _outcome(process.returncode, output, errors)

    def stop(self):
        """End every child now and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._alive:
                _kill(process)


def _kill(process):
    """End a child and its group, if it is still there; do not wait for it.

    A signal handler calls this while the interrupted code may hold the lock of ``wait()``.
    """
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        process.kill()


def _outcome(returncode, output, errors):
    """Read a child's answer; one that was killed has none."""
    details = "\n".join(errors.strip().splitlines()[-12:])
    try:
        return {"details": details, **json.loads(output)}
    except json.JSONDecodeError:
        pass
    if returncode < 0:
        reason = f"ended by signal {-returncode} (9 often means that memory ran out)"
    else:
        reason = f"ended with status {returncode} and no result"
    return {"error": reason, "details": details}
