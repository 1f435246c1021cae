"""Write a page again whenever what it shows has grown."""

import sys
import time
from pathlib import Path

from skfashion.parallel.kept import files_of_runs
from skfashion.utils.streams import Forgiving

# Seconds between two looks at the files, and between two reloads of the open page.
LOOK, RELOAD = 0.5, 2


def watch(paths, write):
    """Call a function now, and again whenever a file changes, until Ctrl-C.

    Parameters
    ----------
    paths : list of path-like
        Files, and folders of caches.
    write : callable
        ``write(reload_seconds)``; called with None at the end, so that the page comes to rest. What
        it refuses, half a line say, is said once, and tried again with the next change.
    """
    before, said = None, None
    try:
        while True:
            now = [_state(path) for path in paths]
            if now != before:
                said = _try(write, said)
                before = now
            time.sleep(LOOK)
    except KeyboardInterrupt:
        write(None)


def _try(write, said):
    """Write; return what was wrong, which is printed where it is not what was said last."""
    try:
        write(RELOAD)
    except (OSError, ValueError) as error:
        wrong = " ".join(str(error).split())
        if wrong != said:
            print("waiting:", wrong, file=Forgiving(sys.stderr))
        return wrong
    return None


def _state(path):
    """Return what changes when a file does, or what is in a folder."""
    path = Path(path)
    files = files_of_runs(path) if path.is_dir() else [path]
    found = []
    for file in files:
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return found
