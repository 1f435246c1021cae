"""The estimators: parameters, docstring and the scikit-learn contract.

Training is called here and implemented in ``fitting`` and ``training``.
"""
