"""Several processes on one socket: those that die are replaced, and all load what was tried."""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import wait

from skfashion.serving.application import create_app
from skfashion.serving.logs import say, set_up_logs
from skfashion.serving.server import run_server, say_reloaded
from skfashion.serving.telemetry_files import forget_process

# Seconds between looks at the sources.
WATCH_SECONDS = 1.0
# A process that lived shorter than this is replaced later, and so many times in a row only.
SHORT_LIFE, MAX_SHORT = 5.0, 10


def supervise(
    n_workers, listener, stage, options, *, drain, max_connections, has_access_log, watch
):
    """Keep processes answering until SIGTERM or SIGINT.

    Parameters
    ----------
    n_workers : int
    listener : socket
        Bound and listening; it is closed.
    stage : Stage
        Filled.
    options : dict
        Of ``create_app``.
    drain, max_connections, has_access_log : object
        Of the command.
    watch : bool
        Whether the sources are looked at.

    Returns
    -------
    int
        0, or 1 if processes cannot be kept alive.
    """
    # Not before the metrics' folder is known.
    from skfashion.serving.telemetry import Telemetry

    telemetry = Telemetry()
    with _Signals() as signals, ThreadPoolExecutor(1) as beside:
        arguments = (listener, stage.paths, options, drain, max_connections, has_access_log)
        workers = _Workers(n_workers, arguments)
        is_kept, reloading = True, None
        while not signals.is_ended and is_kept:
            signals.wait(workers.sentinels(), WATCH_SECONDS)
            if reloading is not None and reloading.done():
                say_reloaded(reloading.result(), telemetry)
                workers.send(getattr(signal, "SIGHUP", signal.SIGTERM))
                reloading = None
            # One that is asked for meanwhile comes next.
            if reloading is None and (signals.take_hangup() or (watch and stage.has_changed())):
                reloading = beside.submit(stage.refill)
                reloading.add_done_callback(signals.wake)
            if not signals.is_ended:
                is_kept = workers.replace_dead()
        # Otherwise connections would still be taken, by nobody.
        listener.close()
        stage.close()
        workers.end(drain + options["timeout"] + 5, signals)
    return 0 if is_kept else 1


class _Workers:
    """Processes, each with the time at which it was started."""

    def __init__(self, n_workers, arguments):
        self._context = multiprocessing.get_context("spawn")
        self._ending = self._context.Event()
        self._arguments = (*arguments, self._ending)
        self._n_short, self._not_before = 0, 0.0
        self._n_workers, self._alive = n_workers, {}
        self._fill()

    def _fill(self):
        while len(self._alive) < self._n_workers:
            process = self._context.Process(target=_work, args=self._arguments)
            with _without_hangup():
                process.start()
            self._alive[process] = time.monotonic()

    def sentinels(self):
        return [process.sentinel for process in self._alive]

    def send(self, number):
        for process in self._alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)

    def replace_dead(self):
        """Replace processes that have died; False if new ones die again and again."""
        for process in [process for process in self._alive if not process.is_alive()]:
            lived = time.monotonic() - self._alive.pop(process)
            say("died", logging.ERROR, worker=process.pid, exit_code=process.exitcode)
            forget_process(process.pid)
            self._n_short = self._n_short + 1 if lived < SHORT_LIFE else 0
            # At once for the first time, then later and later.
            self._not_before = time.monotonic() + min(5.0, 0.5 * max(0, self._n_short - 1))
        if self._n_short >= MAX_SHORT:
            say("given up", logging.ERROR)
            return False
        if time.monotonic() >= self._not_before:
            self._fill()
        return True

    def end(self, seconds, signals):
        """Let all end, and kill those that have not within some seconds, or until Ctrl-C again."""
        self._ending.set()
        self.send(signal.SIGTERM)
        until = time.monotonic() + seconds
        # Asked once a turn: one that dies between two questions would be waited for in vain.
        while alive := [process for process in self._alive if process.is_alive()]:
            left = until - time.monotonic()
            if left <= 0 or signals.is_impatient:
                break
            signals.wait([process.sentinel for process in alive], left)
        for process in self._alive:
            if process.is_alive():
                say("killed", logging.ERROR, worker=process.pid)
                process.kill()
            process.join()


class _Signals:
    """Signals of this process, as something that can be waited for."""

    def __init__(self):
        self.is_ended, self.is_impatient, self._is_hung_up = False, False, False

    def __enter__(self):
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self._ours.setblocking(False)
        self._before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        handlers = {signal.SIGTERM: self._end, signal.SIGINT: self._end}
        if hasattr(signal, "SIGHUP"):
            handlers[signal.SIGHUP] = self._hang_up
        self._handlers = {number: signal.signal(number, h) for number, h in handlers.items()}
        return self

    def __exit__(self, *_):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        self._ours.close()
        self._theirs.close()

    def _end(self, number, frame):
        self.is_impatient |= self.is_ended and number == signal.SIGINT
        self.is_ended = True

    def _hang_up(self, *_):
        self._is_hung_up = True

    def take_hangup(self):
        """Tell whether there was a SIGHUP since the last time."""
        found, self._is_hung_up = self._is_hung_up, False
        return found

    def wake(self, *_):
        """End a wait."""
        with contextlib.suppress(OSError):  # full, or there is nobody left to wait
            self._theirs.send(b"\0")

    def wait(self, sentinels, seconds):
        """Wait for a signal, for the end of a process, or some seconds."""
        wait([self._ours, *sentinels], seconds)
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(1024)


@contextlib.contextmanager
def _without_hangup():
    """Start a process in which SIGHUP waits until there is somebody to take it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(listener, paths, options, drain, max_connections, has_access_log, ending):
    """Answer, in a process of its own."""
    set_up_logs(has_access_log)
    app = create_app(paths, **options)
    parent = multiprocessing.parent_process()

    def end_with_parent():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, daemon=True).start()

    def reload():
        # The parent has counted them: once a file, whatever the number of processes.
        say_reloaded(app.state.registry.reload())

    run_server(
        app,
        listener,
        drain=drain,
        max_connections=max_connections,
        reload=reload,
        is_last=lambda: ending.is_set() or not parent.is_alive(),
    )
