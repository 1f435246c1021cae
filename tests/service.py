"""A client of an app in this process, and pictures to send."""

import asyncio
import io

import numpy as np
import pytest

httpx = pytest.importorskip("httpx")
onnxruntime = pytest.importorskip("onnxruntime")
Image = pytest.importorskip("PIL.Image")
for name in ("fastapi", "prometheus_client", "python_multipart", "uvicorn"):
    pytest.importorskip(name)


class Client:
    """Asks an app without a network."""

    def __init__(self, app, **headers):
        self.app, self._runner = app, asyncio.Runner()
        self._headers = headers

    def request(self, method, path, **options):
        return self._runner.run(self._request(method, path, **options))

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def together(self, *calls):
        """Ask several things at a time: tuples of method, path and options."""

        async def gather():
            return await asyncio.gather(*(self._request(m, p, **o) for m, p, o in calls))

        return self._runner.run(gather())

    async def _request(self, method, path, **options):
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=self._headers
        ) as client:
            return await client.request(method, path, **options)

    def close(self):
        self._runner.close()


def picture(pixels, format="PNG", mode=None, **options):
    """Return an array, or an image of Pillow's, as the bytes of a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    stream = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(stream, format, **options)
    return stream.getvalue()
