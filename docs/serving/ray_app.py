"""The service on Ray Serve: ``MODELS=/models/net.onnx serve run ray_app:app``.

Files are separated by colons, as in PATH, and are there on every machine.
"""

import os

from ray import serve

from skfashion.serving import create_app


def make_app():
    """Return the app, which each replica makes for itself: sessions do not travel."""
    return create_app(os.environ["MODELS"].split(os.pathsep))


@serve.deployment(num_replicas=2, health_check_period_s=1)
@serve.ingress(make_app)
class Service:
    """The app, as Ray deploys it."""


app = Service.bind()
