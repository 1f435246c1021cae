"""Web servers on this machine that stand for the mirrors of a data set, and files for them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


def idx(*shape, seed=0):
    """The bytes of an IDX file of this shape: random pixels, or the labels 0 to 9 in turn."""
    rng = np.random.RandomState(seed)
    body = np.arange(shape[0]) % 10 if len(shape) == 1 else rng.randint(0, 256, shape)
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    return header + body.astype(np.uint8).tobytes()


class Mirror:
    """A web server on 127.0.0.1 that counts its requests; ``pages`` maps paths to bytes."""

    def __init__(self, pages, *, cut=0, before_reply=lambda path: None):
        self.requests = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.requests.append(self.path)
                before_reply(self.path)
                if self.path not in pages:
                    return self.send_error(404)
                body = pages[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) - cut])

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def without_proxies(monkeypatch):
    """Let downloads reach this machine itself, whatever it is told of proxies."""
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]:
        monkeypatch.delenv(name, raising=False)
