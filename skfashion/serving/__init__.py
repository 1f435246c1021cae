"""Exported files behind HTTP: a service that imports neither PyTorch nor scikit-learn.

What a file computes is ONNX Runtime's, what HTTP is uvicorn's and FastAPI's; here is what lies
between: limits, pictures, two protocols, reloading, and how several processes share a port.
"""

from skfashion.serving.application import create_app

__all__ = ["create_app"]
