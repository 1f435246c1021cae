"""Fitted classifiers as files that need neither this package nor scikit-learn, and run fast.

Fitted classifiers are read here to know what they compute. Nets are pruned here, too.
"""

from skfashion.export.c import CReport, to_c
from skfashion.export.onnx import to_onnx
from skfashion.export.pruning import prune
from skfashion.export.quantizing import QuantizationReport, quantize
from skfashion.export.torch_export import to_torch_export

__all__ = [
    "CReport",
    "QuantizationReport",
    "prune",
    "quantize",
    "to_c",
    "to_onnx",
    "to_torch_export",
]
