"""Heads of requests, with a limit: uvicorn's faster parser keeps headers of any length."""

# Bytes that may come without a piece of a body or the end of a head: of headers, and of what may
# stand behind a body or between its pieces. The slower parser has the same limit.
MOST = 2**16


def bounded_protocol():
    """Return what uvicorn is to read HTTP with."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:  # no httptools
        return "auto"

    class Bounded(HttpToolsProtocol):
        n_waiting = 0

        def data_received(self, data):
            self.n_waiting += len(data)
            super().data_received(data)
            if self.n_waiting > MOST and not self.transport.is_closing():
                self.send_400_response("Got headers of too many bytes.")

        def on_headers_complete(self):
            self.n_waiting = 0
            super().on_headers_complete()

        def on_body(self, body):
            self.n_waiting = 0
            super().on_body(body)

        def on_message_complete(self):
            self.n_waiting = 0
            super().on_message_complete()

    return Bounded
