"""What a long measurement says while it runs: a line a run, and the time that is left."""

import sys


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
            text += f"took {clock(seconds)}"
        done, left = self._total - len(self._waiting), clock(self.seconds_left())
        line = f"[{done}/{self._total}] {name}: {text}  (time left {left})"
        print(line, file=sys.stderr, flush=True)

    def seconds_left(self):
        """Return the seconds that all other runs will take, None while nothing is known."""
        if not self._seconds:
            return None
        mean = sum(self._seconds.values()) / len(self._seconds)
        seconds = (self._seconds.get(_unit(name), mean) for name in self._waiting)
        return sum(seconds) / self._n_jobs


def clock(seconds):
    """Write a duration for people, such as "0:45" or "1:02:05"; "?" for None."""
    if seconds is None:
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _unit(name):
    return name.rpartition(" seed ")[0] or name
