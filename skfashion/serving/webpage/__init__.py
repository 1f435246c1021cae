"""One page on which a model is tried, before a service or as a file that needs none.

What is asked of a model is one small interface in JavaScript, ``backend``, with two of a kind:
``templates/service.js`` asks the service, ``templates/offline.js`` computes by ONNX Runtime Web.
"""

from skfashion.serving.webpage.pages import policy, render

__all__ = ["policy", "render"]
