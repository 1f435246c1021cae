"""Exported files behind HTTP: a service that imports neither PyTorch nor scikit-learn.

ONNX Runtime does the computing, uvicorn and FastAPI do the HTTP; here is what lies between: limits,
pictures, two protocols, reloading, and how several processes share a port.
"""

from skfashion.serving.application import create_app

__all__ = ["create_app"]
