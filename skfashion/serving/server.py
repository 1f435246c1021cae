"""One process that answers: uvicorn, with our way to end and to load files again."""

import asyncio
import ctypes
import gc
import logging
import select
import signal
import socket
import struct
import sys
import threading

from skfashion.serving.heads import bounded_protocol
from skfashion.serving.libraries import import_library
from skfashion.serving.logs import say

# Connections that wait for a process to take them.
BACKLOG = 2048
# Seconds for which a connection is kept without a request: longer than load balancers keep theirs.
KEEP_ALIVE = 75
# Seconds for the requests of connections that are taken last: a client on a busy machine has its
# connection long before it comes to send.
LAST_SECONDS = 1.0
# Linux: an option of sockets that Python does not name, and a program of one step, "drop it".
SO_ATTACH_FILTER = 26
DROP = struct.pack("HBBI", 0x06, 0, 0, 0)


def run_server(app, listener, *, drain, max_connections, reload, is_last=lambda: True):
    """Answer on a socket until a signal says otherwise.

    SIGTERM drains: for `drain` seconds the process says that it is not ready, and asks clients to
    close their connections; then it takes no more, and ends when its last request is answered.
    SIGINT, Ctrl-C, leaves the first part out. SIGHUP loads the files again.

    Parameters
    ----------
    app : FastAPI
        Of ``create_app``.
    listener : socket
        Bound.
    drain : float
        Seconds.
    max_connections : int
    reload : callable
        Called in a thread, on SIGHUP.
    is_last : callable
        Asked at the end: whether nobody else goes on answering on the socket.
    """
    uvicorn = import_library("uvicorn")

    class Server(uvicorn.Server):
        def handle_exit(self, sig, frame):
            # uvicorn's own would end at once, and by the signal.
            if app.state.gate.is_draining:
                # SIGTERM may come twice: from systemd, which tells all processes, and from the
                # parent. Only a second Ctrl-C is somebody who does not want to wait.
                if sig == signal.SIGINT:
                    self.should_exit = self.force_exit = True
                return
            app.state.gate.is_draining = True
            seconds = drain if sig == signal.SIGTERM else 0.0
            # Not by this thread: it may be on its way through the log.
            log = {"seconds": seconds, "requests": app.state.gate.n_requests}
            threading.Thread(target=say, args=("draining",), kwargs=log, daemon=True).start()
            if seconds > 0:
                timer = threading.Timer(seconds, self._end)
                timer.daemon = True
                timer.start()
            else:
                self._end()

        def _end(self):
            self.should_exit = True

        async def startup(self, sockets=None):
            gate = app.state.gate
            gate.connections, gate.max_connections = self.server_state.connections, max_connections
            await super().startup(sockets)
            # What is there now stays: nobody need go through it again, while requests wait.
            gc.collect()
            gc.freeze()
            say("ready", models=[served.model.name for served in app.state.registry])

        async def shutdown(self, sockets=None):
            if is_last():
                await _take_the_last(sockets or [])
            for open_server in self.servers:
                open_server.close()
            for sock in sockets or []:
                sock.close()
            # uvicorn closes connections without a request: the last ones have yet to send theirs.
            for _ in range(20):
                if not self.force_exit:
                    await asyncio.sleep(LAST_SECONDS / 20)
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        http=bounded_protocol(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(app.state.limits.timeout) + 1,
    )
    on_hangup(lambda: threading.Thread(target=reload, daemon=True).start())
    Server(config).run(sockets=[listener])
    say("ended")


async def _take_the_last(sockets):
    """Wait until connections are taken that the system has made already, and let it make no more.

    It resets those that nobody has taken when their socket is closed.
    """
    for sock in sockets:
        _refuse(sock)
    for _ in range(1000):
        if not select.select(sockets, [], [], 0)[0]:
            return
        await asyncio.sleep(0.001)


def _refuse(sock):
    """Let the system make no new connections for a socket; those that it has made stay."""
    if sys.platform != "linux":
        sock.listen(0)
        return
    # Whoever asks now asks again a second later, when the socket is closed, and is refused.
    program = ctypes.create_string_buffer(DROP, len(DROP))
    head = struct.pack("HL", 1, ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, head)


def on_hangup(call):
    """Call something on SIGHUP, where there is such a signal; one that waits comes now."""
    if not hasattr(signal, "SIGHUP"):  # Windows
        return
    signal.signal(signal.SIGHUP, lambda *_: call())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])


def say_reloaded(found, telemetry=None):
    """Log what has become of files that were loaded again: errors by name, or None."""
    for name, error in found.items():
        if error is None:
            say("loaded", model=name)
        else:
            say("refused", logging.ERROR, model=name, error=str(error))
        if telemetry is not None:
            telemetry.load(name, "loaded" if error is None else "refused")
