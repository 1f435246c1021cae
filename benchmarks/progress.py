"""What a long measurement shows while it runs."""

import sys
from contextlib import contextmanager


class TimeLeft:
    """Guess the remaining time from how long each model took so far.

    Parameters
    ----------
    jobs : int
        Runs measured at the same time.
    """

    def __init__(self, jobs):
        self._jobs = jobs
        self._seconds = {}

    def learn(self, model, seconds):
        """Remember the latest duration of a model, in seconds."""
        self._seconds[model] = seconds

    def seconds(self, models):
        """Time that the given runs will take.

        Parameters
        ----------
        models : list of str
            Model of each run not yet finished.

        Returns
        -------
        float or None
            Seconds; None while nothing is known. A model not seen yet counts as the mean of
            those seen.
        """
        if not self._seconds:
            return None
        mean = sum(self._seconds.values()) / len(self._seconds)
        return sum(self._seconds.get(model, mean) for model in models) / self._jobs


def clock(seconds):
    """Write a duration for people.

    Parameters
    ----------
    seconds : float or None

    Returns
    -------
    str
        Such as "0:45" or "1:02:05"; "?" for None.
    """
    if seconds is None:
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Display:
    """Base of the two ways to show progress.

    Parameters
    ----------
    tasks : list of dict
        All runs to be made.
    time_left : TimeLeft
    """

    def __init__(self, tasks, time_left):
        self._waiting = {name_of(task): task["model"] for task in tasks}
        self._total = len(tasks)
        self._time_left = time_left

    def finished(self, task, text):
        """Count one run as done and show a line about it."""
        del self._waiting[name_of(task)]
        left = clock(self._time_left.seconds(list(self._waiting.values())))
        self.show(f"{name_of(task)}: {text}", self._total - len(self._waiting), left)

    def started(self, task):
        """Note that a run begins (may be called from any thread)."""

    def show(self, text, done, left):
        """Show a line and the state; ``left`` is a duration as `clock` writes it."""
        raise NotImplementedError


class Lines(Display):
    """Plain lines, for a log file or a pipe."""

    def show(self, text, done, left):
        """Print one line."""
        print(f"[{done}/{self._total}] {text}  (time left {left})", file=sys.stderr, flush=True)


class Bar(Display):
    """A bar at the bottom of the terminal, finished runs above it."""

    def __init__(self, tasks, time_left, progress):
        super().__init__(tasks, time_left)
        self._progress = progress
        self._bar = progress.add_task("starting", total=self._total, left="?")
        self._running = []

    def started(self, task):
        """Name the run beside the bar."""
        self._running.append(name_of(task))
        self._progress.update(self._bar, description=", ".join(self._running))

    def finished(self, task, text):
        """Take the run's name off the bar, then count it."""
        self._running.remove(name_of(task))
        super().finished(task, text)

    def show(self, text, done, left):
        """Print the line above the bar and move the bar."""
        self._progress.console.print(text, highlight=False, markup=False)
        names = ", ".join(self._running) or "…"
        self._progress.update(self._bar, completed=done, left=left, description=names)


def name_of(task):
    """Name one run: its model and its seed."""
    return f"{task['model']} seed {task['seed']}"


@contextmanager
def display(tasks, time_left):
    """Choose the display that suits where standard error goes.

    Parameters
    ----------
    tasks : list of dict
    time_left : TimeLeft

    Yields
    ------
    Display
    """
    if not sys.stderr.isatty():
        yield Lines(tasks, time_left)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("time left {task.fields[left]}"),
    ]
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bar(tasks, time_left, progress)
