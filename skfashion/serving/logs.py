"""Log lines: one JSON object each, on standard error."""

import json
import logging
import sys
import threading
import time
import traceback

NAME = "skfashion.serving"
# A line a request.
ACCESS = f"{NAME}.access"
# Seconds that such a line may wait for others, and how many may wait.
LATER, MANY = 0.1, 256


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON: no sign in it can end the line, or be obeyed by a terminal."""

    def format(self, record):
        """Return a record as a line."""
        seconds = f"{record.msecs / 1000:.3f}"[1:]
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + seconds + "Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


class ForgivingHandler(logging.StreamHandler):
    """A handler that gives a line up which cannot be written: a full disk is no failed request.

    Lines of requests are written together, a little later: to write each takes as long as a net.
    """

    def __init__(self, stream):
        super().__init__(stream)
        self._waiting = []
        self._wake = threading.Event()
        threading.Thread(target=self._flush_later, daemon=True).start()

    def emit(self, record):
        """Write a record now, after those that wait, or keep it for a moment."""
        try:
            self._waiting.append(self.format(record) + self.terminator)
        except Exception:
            self.handleError(record)
        if record.name == ACCESS and len(self._waiting) < MANY:
            if not self._wake.is_set():
                self._wake.set()
        else:
            self.flush()

    def flush(self):
        """Write what waits."""
        with self.lock:
            lines, self._waiting = self._waiting, []
            if not lines:
                return
            try:
                self.stream.write("".join(lines))
                self.stream.flush()
            except Exception:
                self.handleError(None)

    def handleError(self, record):
        """Forget the line."""

    def _flush_later(self):
        while self._wake.wait():
            time.sleep(LATER)
            self._wake.clear()
            self.flush()


def set_up_logs(has_access_log=True):
    """Send what the service and uvicorn say to standard error, as JSON."""
    handler = ForgivingHandler(sys.stderr)
    handler.setFormatter(JSONFormatter())
    for name in (NAME, "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [handler], False
        logger.setLevel("INFO" if name == NAME else "WARNING")
    logging.getLogger(ACCESS).setLevel("INFO" if has_access_log else "WARNING")


def say(event, level=logging.INFO, *, logger=NAME, exc_info=None, **fields):
    """Log an event with what belongs to it."""
    logger = logging.getLogger(logger)
    if logger.isEnabledFor(level):
        logger.log(level, event, exc_info=exc_info, extra={"fields": fields})
