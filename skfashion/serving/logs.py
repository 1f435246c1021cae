"""Log lines: one JSON object each, on standard error."""

import json
import logging
import os
import sys
import threading
import time
import traceback

NAME = "skfashion.serving"
# A line a request.
ACCESS = f"{NAME}.access"
# Seconds that such a line may wait for others, and how many may wait.
LATER, MANY = 0.1, 256
# What all records of requests say; pytest and others look for the rest.
OF_REQUESTS = {"name": ACCESS, "msg": "request", "args": None, "levelno": logging.INFO}
OF_REQUESTS |= {"levelname": "INFO", "process": os.getpid(), "lineno": 0, "relativeCreated": 0.0}
OF_REQUESTS |= dict.fromkeys(("exc_info", "exc_text", "stack_info", "thread", "funcName"))
OF_REQUESTS |= {"taskName": None}
OF_REQUESTS |= dict.fromkeys(("pathname", "filename", "module", "processName", "threadName"), "")
ENCODER = json.JSONEncoder(default=str)


class RequestRecord(logging.LogRecord):
    """A record of a request, without what logging finds out about callers, threads and tasks.

    It takes a tenth of the time.
    """

    def __init__(self, fields):
        created = time.time()
        about = {"fields": fields, "created": created, "msecs": created % 1 * 1000}
        vars(self).update(OF_REQUESTS | about)


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON: no sign in it can end the line, or be obeyed by a terminal."""

    def __init__(self):
        super().__init__()
        self._second, self._text = None, ""

    def format(self, record):
        """Return a record as a line."""
        # Cut off: rounded up, the last of a second would be the first of the same.
        second, milliseconds = divmod(int(record.created * 1000), 1000)
        if second != self._second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second, self._text = second, text
        line = {
            "time": f"{self._text}.{milliseconds:03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return ENCODER.encode(line)


class ForgivingHandler(logging.StreamHandler):
    """A handler that gives a line up which cannot be written: a full disk is no failed request.

    Lines of requests are made and written together, a little later: each by itself would take as
    long as a prediction.
    """

    def __init__(self, stream):
        super().__init__(stream)
        self._waiting, self._wake = [], threading.Event()
        threading.Thread(target=self._flush_later, daemon=True).start()

    def emit(self, record):
        """Write a record now, after those that wait, or keep it for a moment."""
        self._waiting.append(record)
        if record.name != ACCESS or len(self._waiting) >= MANY:
            self.flush()
        elif len(self._waiting) == 1:
            self._wake.set()

    def flush(self):
        """Write what waits."""
        with self.lock:
            records, self._waiting = self._waiting, []
            lines = list(self._lines_of(records))
            try:
                if lines:
                    self.stream.write("".join(lines))
                    self.stream.flush()
            except Exception:
                self.handleError(None)

    def _lines_of(self, records):
        for record in records:
            try:
                yield self.format(record) + self.terminator
            except Exception:
                self.handleError(record)

    def handleError(self, record):
        """Forget the line."""

    def _flush_later(self):
        while self._wake.wait():
            self._wake.clear()
            time.sleep(LATER)
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


def say_request(**fields):
    """Log a request that has been answered."""
    logger = logging.getLogger(ACCESS)
    if logger.isEnabledFor(logging.INFO):
        logger.handle(RequestRecord(fields))


def say(event, level=logging.INFO, *, exc_info=None, **fields):
    """Log an event with the process and what else belongs to it."""
    logger = logging.getLogger(NAME)
    if logger.isEnabledFor(level):
        extra = {"fields": {"pid": os.getpid(), **fields}}
        logger.log(level, event, exc_info=exc_info, extra=extra)
