"""What a long measurement says while it runs: a line a run, and the time that is left."""

import sys
from datetime import timedelta


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
