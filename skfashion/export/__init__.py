"""Fitted classifiers as files that need neither this package nor scikit-learn, and run fast.

What a classifier computes is read from it, here and in `classifiers`; training is none of it.
"""

from skfashion.export.onnx import to_onnx

__all__ = ["to_onnx"]
